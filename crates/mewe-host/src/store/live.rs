//! What happened, in its order, for whoever watches.
//!
//! A row is written in the transaction of what it tells of, and one writer gives out the ids: who has read up to an id has
//! missed nothing below it. It names the row that was written or changed, not its content; what is shown is how it stands then.

use jiff::Timestamp;
use mewe_protocol::{AgentId, MessageId, ThreadId, UserId};
use mewe_store::StoreError;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

/// What a row tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happened {
    Message(MessageId),
    Delivery(i64),
    Call(i64),
    Membership(Membership),
    /// A switch of this agent was set, or touched something.
    Trouble(AgentId),
}

/// Somebody came to a thread, or left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Membership {
    pub(crate) thread_id: ThreadId,
    pub(crate) user_id: UserId,
    pub(crate) joined: bool,
}

pub(crate) fn message(c: &Connection, message: MessageId, at: Timestamp) -> Result<(), StoreError> {
    c.prepare_cached("INSERT INTO live (at, kind, message) VALUES (?1, 'message', ?2)")?
        .execute(params![at.as_millisecond(), message.as_bytes()])?;
    Ok(())
}

pub(crate) fn delivery(c: &Connection, delivery: i64, at: Timestamp) -> Result<(), StoreError> {
    c.prepare_cached("INSERT INTO live (at, kind, delivery) VALUES (?1, 'delivery', ?2)")?
        .execute(params![at.as_millisecond(), delivery])?;
    Ok(())
}

pub(crate) fn call(c: &Connection, call: i64, at: Timestamp) -> Result<(), StoreError> {
    c.prepare_cached("INSERT INTO live (at, kind, call) VALUES (?1, 'call', ?2)")?
        .execute(params![at.as_millisecond(), call])?;
    Ok(())
}

pub(crate) fn membership(c: &Connection, news: &Membership, at: Timestamp) -> Result<(), StoreError> {
    let note = String::from_utf8_lossy(&mewe_protocol::json::print(news)).into_owned();
    c.prepare_cached("INSERT INTO live (at, kind, note) VALUES (?1, 'membership', ?2)")?
        .execute(params![at.as_millisecond(), note])?;
    Ok(())
}

pub(crate) fn trouble(c: &Connection, agent: AgentId, at: Timestamp) -> Result<(), StoreError> {
    c.prepare_cached("INSERT INTO live (at, kind, note) VALUES (?1, 'trouble', ?2)")?
        .execute(params![at.as_millisecond(), agent.to_string()])?;
    Ok(())
}

/// The id of the newest row that there ever was; 0 if there was none.
pub(crate) fn newest(c: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'live'), 0)";
    Ok(c.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// The id of the oldest row that is still there, if any is.
pub(crate) fn oldest(c: &Connection) -> Result<Option<i64>, StoreError> {
    Ok(c.prepare_cached("SELECT MIN(id) FROM live")?.query_row([], |row| row.get(0))?)
}

/// What happened after the row `after`, in its order.
pub(crate) fn after(c: &Connection, after: i64, limit: u32) -> Result<Vec<(i64, Happened)>, StoreError> {
    Ok(c.prepare_cached("SELECT id, message, delivery, call, note, kind FROM live WHERE id > ?1 ORDER BY id LIMIT ?2")?
        .query_map(params![after, limit], |row| {
            let happened = if let Some(message) = super::optional_id(row, 1)? {
                Happened::Message(message)
            } else if let Some(delivery) = row.get(2)? {
                Happened::Delivery(delivery)
            } else if let Some(call) = row.get(3)? {
                Happened::Call(call)
            } else if row.get_ref(5)?.as_str()? == "trouble" {
                Happened::Trouble(super::parsed(row, 4)?)
            } else {
                let note = row.get_ref(4)?.as_bytes()?;
                Happened::Membership(mewe_protocol::json::read(note).map_err(|error| super::unreadable(4, error))?)
            };
            Ok((row.get(0)?, happened))
        })?
        .collect::<Result<_, _>>()?)
}

/// Removes what happened before `before`.
pub(crate) fn prune(c: &Connection, before: Timestamp) -> Result<(), StoreError> {
    c.execute("DELETE FROM live WHERE at < ?1", [before.as_millisecond()])?;
    Ok(())
}
