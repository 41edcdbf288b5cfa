//! A durable queue, ordered by key, fenced, retried, parked.
//!
//! Rows of one key are a lane: worked on in the order of their ids, one at a time; lanes run side by side. A row is
//!
//! ```text
//! waiting → ready → claimed → done
//!             ↑        ├─ retry, Lane  → ready, later; its lane waits for it
//!             │        ├─ retry, Aside → aside; its lane goes on, and it comes back between the others, never beside one
//!             │        └─ park         → parked, until somebody releases it: then aside
//!             └─ promoted when the row before it has left
//! ```
//!
//! and `cancelled`, out of every state but `done`. Done and cancelled rows stay as a record until they are pruned; what is done can
//! be put back to be done again.
//!
//! The mistake this prevents is the look through everything: "the oldest row whose lane is free" costs more the more there is
//! to do, just when there is much. So the head of each lane is marked (`ready`), and a second table holds each lane that is
//! free and has something to do, with the time when: a claim costs the same with ten rows behind as with a hundred thousand, in
//! line or set aside. One process holds the file, so a claim needs no lease: (row, epoch, number of the claim) fences it.
//!
//! All functions take a connection and are meant to run inside a caller's transaction, beside the caller's own rows. Times are
//! absolute, in milliseconds: a row is due when `now` has reached its time, whichever way the clock went in between.

mod care;
mod claim;
mod end;
mod schema;

pub use claim::Claim;
pub use end::Hold;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;

/// A queue: a table of that name in some database, and one beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    table: &'static str,
}

/// How many rows are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// At or behind the head of their lanes.
    pub waiting: u64,
    /// Being worked on.
    pub claimed: u64,
    /// Set aside after failures; they come back.
    pub aside: u64,
    /// Given up until somebody looks.
    pub parked: u64,
}

/// Why a claim cannot be ended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// The row is no longer this claim's: a later process, a later claim or a cancellation has it. What the work came to must
    /// not be stored.
    #[error("the claim is no longer ours")]
    Fenced,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for QueueError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Queue {
    /// The queue in the table of this name. Const, so that a bad name does not compile where the queue is one.
    ///
    /// # Panics
    /// If the name has anything but `a` to `z` and `_`, since it becomes SQL.
    pub const fn new(table: &'static str) -> Self {
        let name = table.as_bytes();
        let mut at = 0;
        while at < name.len() {
            assert!(name[at].is_ascii_lowercase() || name[at] == b'_', "a queue's name is of a to z and _");
            at += 1;
        }
        assert!(at > 0, "a queue has a name");
        Self { table }
    }

    /// Puts a row at the end of its lane, to be claimed from `due` on. Returns its id, which is greater than any before it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn push(
        &self,
        c: &Connection,
        key: &[u8],
        payload: &[u8],
        now: Timestamp,
        due: Timestamp,
    ) -> Result<i64, StoreError> {
        let q = self.table;
        c.prepare_cached(&format!(
            "INSERT INTO {q} (key, state, due, created, changed, payload) VALUES (?1, 'waiting', ?2, ?3, ?3, ?4)"
        ))?
        .execute(params![key, due.as_millisecond(), now.as_millisecond(), payload])?;
        let id = c.last_insert_rowid();
        self.settle(c, key)?;
        Ok(id)
    }

    /// Replaces what was pushed, whatever state the row is in. A claim holds the bytes of when it was made.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_payload(&self, c: &Connection, id: i64, payload: &[u8]) -> Result<(), StoreError> {
        let q = self.table;
        c.prepare_cached(&format!("UPDATE {q} SET payload = ?2 WHERE id = ?1"))?.execute(params![id, payload])?;
        Ok(())
    }

    /// When something can be claimed next, if not before; lanes that are being worked on do not count. `None`: only what is
    /// worked on, pushed or released can bring more.
    ///
    /// # Errors
    /// When the store fails.
    pub fn next_due(&self, c: &Connection) -> Result<Option<Timestamp>, StoreError> {
        let q = self.table;
        let due: Option<i64> = c
            .prepare_cached(&format!("SELECT due FROM {q}_lanes ORDER BY due LIMIT 1"))?
            .query_row([], |r| r.get(0))
            .optional()?;
        Ok(due.map(|ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)))
    }

    /// Whether nothing is being worked on and nothing is due at `now`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_idle(&self, c: &Connection, now: Timestamp) -> Result<bool, StoreError> {
        let q = self.table;
        let claimed: bool = c
            .prepare_cached(&format!("SELECT EXISTS (SELECT 1 FROM {q} WHERE state = 'claimed')"))?
            .query_row([], |r| r.get(0))?;
        Ok(!claimed && self.next_due(c)?.is_none_or(|due| due.as_millisecond() > now.as_millisecond()))
    }

    /// How many rows are where. Counts them, so not for every row of a busy queue.
    ///
    /// # Errors
    /// When the store fails.
    pub fn counts(&self, c: &Connection) -> Result<Counts, StoreError> {
        let q = self.table;
        let count = |state: &str| -> Result<u64, StoreError> {
            let sql = format!("SELECT count(*) FROM {q} WHERE state = '{state}'");
            let n: i64 = c.prepare_cached(&sql)?.query_row([], |r| r.get(0))?;
            Ok(u64::try_from(n).unwrap_or(0))
        };
        Ok(Counts {
            waiting: count("waiting")? + count("ready")?,
            claimed: count("claimed")?,
            aside: count("aside")?,
            parked: count("parked")?,
        })
    }
}
