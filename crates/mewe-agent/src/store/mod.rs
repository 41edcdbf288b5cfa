//! What an application keeps, as promises: accept, claim, complete, fail, settle. Values in, values out; no transaction is
//! held while anything else happens, and no table shows through.

mod accept;
mod inbox;
mod outbox;
mod reads;
mod roster;

use std::path::Path;

use jiff::Timestamp;
use mewe_protocol::{AgentId, AppId, MessageId, ThreadId, UserId, decided};
use mewe_store::{Db, OpenError, Options, Queue, Schema, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

pub(crate) use accept::Accepted;
pub(crate) use inbox::{Completed, Work};
pub(crate) use outbox::SendWork;

use crate::origin::Origin;

const INBOX: Queue = Queue::new("inbox");
const OUTBOX: Queue = Queue::new("outbox");

/// "MeWA" in ASCII: a file that says so is ours.
const APPLICATION_ID: i32 = 0x4d65_5741;

/// Whom the agents of an application obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owners {
    /// The first owner who registers an agent; nobody else, ever, in this data directory.
    First,
    /// Every owner, each in their own agent.
    Any,
    /// These owners.
    Only(Vec<UserId>),
}

/// The store of one application.
#[derive(Clone)]
pub(crate) struct AgentStore {
    db: Db,
    owners: Owners,
}

impl AgentStore {
    /// Opens or makes the store in `dir`. What an earlier process had claimed is free again afterwards.
    pub(crate) async fn open(
        dir: &Path,
        app: AppId,
        owners: Owners,
        options: Options,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let schema = Schema {
            application_id: APPLICATION_ID,
            migrations: vec![format!("{}{}{}", INBOX.schema(), OUTBOX.schema(), include_str!("schema.sql"))],
        };
        let db = Db::open(dir, "agent.db", &schema, options)?;
        let epoch = db.epoch();
        let served = owners.clone();
        db.write(move |tx| {
            INBOX.recover(tx, epoch, now)?;
            OUTBOX.recover(tx, epoch, now)?;
            roster::judge_owners(tx, &served, now)?;
            // Whose data this is. A second application in the same directory would mix two people's threads.
            tx.execute("INSERT OR IGNORE INTO meta VALUES ('app', ?1)", [app.as_bytes()])?;
            Ok::<_, StoreError>(())
        })
        .await?;
        Ok(Self { db, owners })
    }

    /// The application that this directory belongs to.
    pub(crate) async fn app(&self) -> Result<Option<AppId>, StoreError> {
        self.db
            .read(|c| {
                let bytes: Option<[u8; 12]> =
                    c.query_row("SELECT value FROM meta WHERE name = 'app'", [], |r| r.get(0)).optional()?;
                Ok(bytes.map(AppId::from_bytes))
            })
            .await
    }

    /// Forgets what has no use any more: events and done work older than 30 days, hashes and seconds older than a day.
    pub(crate) async fn prune(&self, now: Timestamp) -> Result<(), StoreError> {
        let ago = |seconds: u64| now.as_second().saturating_sub_unsigned(seconds);
        let month_ago = ago(decided::REMEMBER_MESSAGES_SECONDS);
        let day_ago = ago(decided::REMEMBER_UNKNOWN_SECONDS);
        self.db
            .write(move |tx| {
                tx.execute(
                    "DELETE FROM events WHERE received < ?1 AND NOT EXISTS
                     (SELECT 1 FROM inbox WHERE inbox.id = events.id AND inbox.state NOT IN ('done', 'cancelled'))",
                    [month_ago],
                )?;
                tx.execute("DELETE FROM seen WHERE at < ?1", [day_ago])?;
                tx.execute("DELETE FROM seconds WHERE second < ?1", [day_ago])?;
                let dropped = tx.execute("DELETE FROM held WHERE received < ?1", [day_ago])?;
                if dropped > 0 {
                    tracing::warn!(dropped, "events of agents whose owner never became known were dropped after a day");
                    let before = counter(tx, "dropped")?;
                    set_counter(tx, "dropped", before + i64::try_from(dropped).unwrap_or(i64::MAX))?;
                }
                let month_ago = Timestamp::from_second(month_ago).unwrap_or(Timestamp::MIN);
                INBOX.prune_done(tx, month_ago)?;
                // A send keeps its row while its message may still be claimed by a look.
                OUTBOX.prune_done(tx, month_ago)?;
                tx.execute("DELETE FROM sends WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = sends.id)", [])?;
                Ok::<_, StoreError>(())
            })
            .await
    }
}

/// Interns a set of threads.
fn origin_id(tx: &Connection, agent: AgentId, origin: &Origin) -> Result<i64, StoreError> {
    let hash = origin.hash();
    let found = tx
        .prepare_cached("SELECT id FROM origins WHERE agent = ?1 AND hash = ?2")?
        .query_row(params![agent.as_bytes(), hash], |r| r.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    tx.prepare_cached("INSERT INTO origins (agent, hash, threads) VALUES (?1, ?2, ?3)")?.execute(params![
        agent.as_bytes(),
        hash,
        origin.to_bytes()
    ])?;
    Ok(tx.last_insert_rowid())
}

fn counter(tx: &Connection, name: &str) -> Result<i64, StoreError> {
    let value: Option<[u8; 8]> =
        tx.query_row("SELECT value FROM meta WHERE name = ?1", [name], |r| r.get(0)).optional()?;
    Ok(value.map_or(0, i64::from_be_bytes))
}

fn set_counter(tx: &Connection, name: &str, value: i64) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![name, value.to_be_bytes()],
    )?;
    Ok(())
}

/// The lane of a thread: what happens there happens in order.
fn lane(agent: AgentId, thread: ThreadId) -> [u8; 24] {
    let mut key = [0; 24];
    key[..12].copy_from_slice(agent.as_bytes());
    key[12..].copy_from_slice(thread.as_bytes());
    key
}

/// Keeps a message, whoever wrote it. One that is known already stays as it is.
#[expect(clippy::too_many_arguments, reason = "a row")]
fn keep_message(
    tx: &Connection,
    agent: AgentId,
    message: MessageId,
    thread: ThreadId,
    author: UserId,
    text: &str,
    at: i64,
    sure: bool,
    origin: &Origin,
) -> Result<(), StoreError> {
    let origin = origin_id(tx, agent, origin)?;
    tx.prepare_cached("INSERT OR IGNORE INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute(params![
        agent.as_bytes(),
        message.as_bytes(),
        thread.as_bytes(),
        author.as_bytes(),
        text,
        at,
        sure,
        origin
    ])?;
    Ok(())
}
