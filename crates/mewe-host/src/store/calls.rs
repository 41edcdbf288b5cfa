//! Calls of the agent API, as they were answered.

use jiff::Timestamp;
use mewe_protocol::{AgentId, AppId, MessageId, ThreadId};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use secrecy::{ExposeSecret, SecretString};

use super::{live, wire};

/// A call, refused or not.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) at: Timestamp,
    /// Milliseconds until it was answered.
    pub(crate) took: i64,
    /// `send` or `read`.
    pub(crate) verb: String,
    /// Whom it claimed to be, if it claimed anybody.
    pub(crate) app: Option<AppId>,
    pub(crate) agent: Option<AgentId>,
    pub(crate) thread: Option<ThreadId>,
    pub(crate) status: u16,
    /// Of a refusal.
    pub(crate) code: Option<String>,
    /// Of a refusal, in words.
    pub(crate) cause: Option<String>,
    /// What a send became.
    pub(crate) message: Option<MessageId>,
    /// The second that it says it was signed for.
    pub(crate) signed: Option<u64>,
    /// The signature that it came with. A credential: it goes into no log.
    pub(crate) signature: Option<SecretString>,
    /// The beginning of its body; none if there was none, or if it is no longer kept.
    pub(crate) body: Option<Vec<u8>>,
    /// What was done to it on purpose.
    pub(crate) trouble: Option<String>,
}

/// The most calls that are kept, however young they are: whoever knocks without a key can make rows, too.
const MOST: i64 = 100_000;
/// After how many calls it is looked whether there are too many.
const LOOK_EVERY: i64 = 1000;

/// The newest calls whose bodies are kept.
const MOST_BODIES: i64 = 5000;

const COLUMNS: &str =
    "id, at, took, verb, app, agent, thread, status, code, cause, message, signed, signature, body, trouble";

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Call)> {
    let call = Call {
        at: super::time(row, 1)?,
        took: row.get(2)?,
        verb: row.get(3)?,
        app: super::optional_id(row, 4)?,
        agent: super::optional_id(row, 5)?,
        thread: super::optional_id(row, 6)?,
        status: row.get(7)?,
        code: row.get(8)?,
        cause: row.get(9)?,
        message: super::optional_id(row, 10)?,
        signed: row.get::<_, Option<i64>>(11)?.and_then(|seconds| seconds.try_into().ok()),
        signature: row.get::<_, Option<String>>(12)?.map(SecretString::from),
        body: row.get(13)?,
        trouble: row.get(14)?,
    };
    Ok((row.get(0)?, call))
}

pub(crate) fn insert(c: &Connection, call: &Call) -> Result<(), StoreError> {
    c.prepare_cached(
        "INSERT INTO calls
         (at, took, verb, app, agent, thread, status, code, cause, message, signed, signature, body, trouble)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        call.at.as_millisecond(),
        call.took,
        call.verb,
        call.app.map(|id| *id.as_bytes()),
        call.agent.map(|id| *id.as_bytes()),
        call.thread.map(|id| *id.as_bytes()),
        call.status,
        call.code,
        call.cause,
        call.message.map(|id| *id.as_bytes()),
        call.signed.map(super::replay::seconds),
        call.signature.as_ref().map(ExposeSecret::expose_secret),
        call.body,
        call.trouble
    ])?;
    let id = c.last_insert_rowid();
    wire::call(c, id)?;
    if id % LOOK_EVERY == 0 {
        c.execute("DELETE FROM calls WHERE id <= ?1", [id - MOST])?;
        c.execute("DELETE FROM live WHERE call <= ?1", [id - MOST])?;
        c.execute("UPDATE calls SET body = NULL WHERE id <= ?1 AND body IS NOT NULL", [id - MOST_BODIES])?;
    }
    live::call(c, id, call.at)
}

pub(crate) fn get(c: &Connection, id: i64) -> Result<Option<(i64, Call)>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM calls WHERE id = ?1");
    Ok(c.prepare_cached(&sql)?.query_row([id], read).optional()?)
}

/// Calls with an id below `before`, newest first.
pub(crate) fn list(
    c: &Connection,
    agent: Option<AgentId>,
    before: i64,
    limit: u32,
) -> Result<Vec<(i64, Call)>, StoreError> {
    let of_agent = if agent.is_some() { "agent = :agent" } else { ":agent IS NULL" };
    let sql = format!("SELECT {COLUMNS} FROM calls WHERE {of_agent} AND id < :before ORDER BY id DESC LIMIT :limit");
    Ok(c.prepare_cached(&sql)?
        .query_map(
            named_params! { ":agent": agent.map(|id| *id.as_bytes()), ":before": before, ":limit": limit },
            read,
        )?
        .collect::<Result<_, _>>()?)
}

/// Removes those that came before `before`.
pub(crate) fn prune(c: &Connection, before: Timestamp) -> Result<(), StoreError> {
    c.execute("DELETE FROM calls WHERE at < ?1", [before.as_millisecond()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knocks_without_a_key_does_not_fill_the_disk() {
        let c = Connection::open_in_memory().unwrap();
        for step in crate::store::migrations() {
            c.execute_batch(&step).unwrap();
        }
        let call = Call {
            at: Timestamp::UNIX_EPOCH,
            took: 0,
            verb: "send".to_owned(),
            app: None,
            agent: None,
            thread: None,
            status: 401,
            code: Some("header".to_owned()),
            cause: None,
            message: None,
            signed: None,
            signature: None,
            body: None,
            trouble: None,
        };
        c.execute_batch("BEGIN").unwrap();
        for _ in 0..MOST + 2 * LOOK_EVERY {
            insert(&c, &call).unwrap();
        }
        for table in ["calls", "live", "wire"] {
            let rows: i64 = c.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
            assert!((MOST..MOST + LOOK_EVERY).contains(&rows), "{rows} {table}");
        }
    }
}
