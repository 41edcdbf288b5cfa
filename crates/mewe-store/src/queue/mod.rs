//! A durable queue, ordered by key, fenced, retried, parked.
//!
//! Rows of one key are a lane: handled in the order of their ids, one at a time. A row is
//!
//! ```text
//! waiting → ready → claimed → done
//!             ↑        ├─ retry, Lane  → ready, later; its lane waits for it
//!             │        ├─ retry, Aside → aside; its lane goes on, and it comes back between the others, never beside one
//!             │        └─ park         → parked, until somebody releases it
//!             └─ promoted when the row before it has left
//! ```
//!
//! The head of each lane is marked as `ready`, so that a claim looks at heads only: a backlog of one lane costs the others
//! nothing. One process holds the file, so a claim needs no lease: (row, epoch, number of the claim) fences it.
//!
//! All functions take a connection and are meant to run inside a caller's transaction, beside the caller's own rows.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;

/// A queue: a table of that name in some database.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    table: &'static str,
}

/// A row that somebody works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The row; rises in the order of pushing.
    pub id: i64,
    /// Its lane.
    pub key: Vec<u8>,
    /// What was pushed.
    pub payload: Vec<u8>,
    /// How often it was claimed, this time included, without those that did not count.
    pub attempt: u32,
    /// Whether an earlier claim ended without a word: its process died.
    pub interrupted: bool,
    epoch: i64,
    number: i64,
}

/// Where a row waits for its next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// At the head of its lane, which waits for it.
    Lane,
    /// Beside its lane, which goes on.
    Aside,
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
    /// The row is no longer this claim's: another process or a cancellation has it.
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
    /// The queue in the table of this name: letters and `_` only, since it becomes SQL.
    pub const fn new(table: &'static str) -> Self {
        Self { table }
    }

    /// The table and its indexes, for a migration.
    pub fn schema(&self) -> String {
        let q = self.table;
        format!(
            "CREATE TABLE {q} (
                id          INTEGER PRIMARY KEY AUTOINCREMENT,
                key         BLOB NOT NULL,
                state       TEXT NOT NULL,
                due         INTEGER NOT NULL,
                attempts    INTEGER NOT NULL DEFAULT 0,
                set_aside   INTEGER NOT NULL DEFAULT 0,
                interrupted INTEGER NOT NULL DEFAULT 0,
                epoch       INTEGER NOT NULL DEFAULT 0,
                number      INTEGER NOT NULL DEFAULT 0,
                cause       TEXT,
                created     INTEGER NOT NULL,
                changed     INTEGER NOT NULL,
                payload     BLOB NOT NULL
            ) STRICT;
            CREATE INDEX {q}_due ON {q} (due, id) WHERE state IN ('ready', 'aside');
            CREATE INDEX {q}_behind ON {q} (key, id) WHERE state = 'waiting';
            CREATE INDEX {q}_front ON {q} (key) WHERE state IN ('ready', 'claimed');
            CREATE INDEX {q}_claimed ON {q} (key) WHERE state = 'claimed';
            CREATE INDEX {q}_parked ON {q} (id) WHERE state = 'parked';
            CREATE INDEX {q}_ended ON {q} (changed) WHERE state IN ('done', 'cancelled');
            "
        )
    }

    /// Puts a row at the end of its lane, to be claimed from `due` on. Returns its id.
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
        self.promote(c, key)?;
        Ok(id)
    }

    /// Claims at most `limit` rows that are due at `now`, the longest due first, never two of one lane. Counts the attempt.
    pub fn claim(&self, c: &Connection, epoch: i64, now: Timestamp, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let q = self.table;
        let mut candidates = c.prepare_cached(&format!(
            "SELECT id, key FROM {q} AS row WHERE state IN ('ready', 'aside') AND due <= ?1
             AND NOT EXISTS (SELECT 1 FROM {q} AS busy WHERE busy.key = row.key AND busy.state = 'claimed')
             ORDER BY due, id LIMIT ?2"
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found: Vec<(i64, Vec<u8>)> = candidates
            .query_map(params![now.as_millisecond(), limit], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut taken = std::collections::HashSet::new();
        let mut claims = Vec::with_capacity(found.len());
        for (id, key) in found {
            // A lane's head and a row set aside can be due at once.
            if !taken.insert(key) {
                continue;
            }
            let claim = c
                .prepare_cached(&format!(
                    "UPDATE {q} SET state = 'claimed', epoch = ?2, number = number + 1, attempts = attempts + 1, changed = ?3
                     WHERE id = ?1 RETURNING key, payload, attempts, interrupted, number"
                ))?
                .query_row(params![id, epoch, now.as_millisecond()], |r| {
                    Ok(Claim {
                        id,
                        key: r.get(0)?,
                        payload: r.get(1)?,
                        attempt: r.get(2)?,
                        interrupted: r.get(3)?,
                        epoch,
                        number: r.get(4)?,
                    })
                })?;
            claims.push(claim);
        }
        Ok(claims)
    }

    /// The work is done; its lane goes on. The row stays, until it is pruned, as a record.
    pub fn done(&self, c: &Connection, claim: &Claim, now: Timestamp) -> Result<(), QueueError> {
        self.end(c, claim, "done", None, now)
    }

    /// The work is given up, for a person to look at; its lane goes on.
    pub fn park(&self, c: &Connection, claim: &Claim, cause: &str, now: Timestamp) -> Result<(), QueueError> {
        self.end(c, claim, "parked", Some(cause), now)
    }

    fn end(
        &self,
        c: &Connection,
        claim: &Claim,
        state: &str,
        cause: Option<&str>,
        now: Timestamp,
    ) -> Result<(), QueueError> {
        let q = self.table;
        let changed = c
            .prepare_cached(&format!(
                "UPDATE {q} SET state = ?4, cause = COALESCE(?5, cause), changed = ?6
                 WHERE id = ?1 AND state = 'claimed' AND epoch = ?2 AND number = ?3"
            ))?
            .execute(params![claim.id, claim.epoch, claim.number, state, cause, now.as_millisecond()])?;
        if changed == 0 {
            return Err(QueueError::Fenced);
        }
        Ok(self.promote(c, &claim.key)?)
    }

    /// The work failed, or is not finished; it comes back at `due`. With `counts` false the attempt is given back. A row that was
    /// once set aside stays beside its lane.
    #[expect(clippy::too_many_arguments, reason = "each says another thing about the same end")]
    pub fn retry(
        &self,
        c: &Connection,
        claim: &Claim,
        hold: Hold,
        due: Timestamp,
        cause: &str,
        now: Timestamp,
        counts: bool,
    ) -> Result<(), QueueError> {
        let q = self.table;
        let changed = c
            .prepare_cached(&format!(
                "UPDATE {q} SET set_aside = MAX(set_aside, ?4),
                 state = CASE WHEN MAX(set_aside, ?4) THEN 'aside' ELSE 'ready' END,
                 due = ?5, cause = ?6, changed = ?7, interrupted = 0, attempts = attempts - ?8
                 WHERE id = ?1 AND state = 'claimed' AND epoch = ?2 AND number = ?3"
            ))?
            .execute(params![
                claim.id,
                claim.epoch,
                claim.number,
                hold == Hold::Aside,
                due.as_millisecond(),
                cause,
                now.as_millisecond(),
                !counts
            ])?;
        if changed == 0 {
            return Err(QueueError::Fenced);
        }
        Ok(self.promote(c, &claim.key)?)
    }

    /// Puts a parked row back, beside its lane, due at once and with its attempts forgotten. `false` if it was not parked.
    pub fn release(&self, c: &Connection, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let q = self.table;
        let changed = c.execute(
            &format!(
                "UPDATE {q} SET state = 'aside', set_aside = 1, attempts = 0, due = ?2, changed = ?2
                 WHERE id = ?1 AND state = 'parked'"
            ),
            params![id, now.as_millisecond()],
        )?;
        Ok(changed > 0)
    }

    /// Takes a row out that has not ended; a claim on it is fenced. `false` if it had ended.
    pub fn cancel(&self, c: &Connection, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let q = self.table;
        let key: Option<Vec<u8>> = c
            .prepare_cached(&format!(
                "UPDATE {q} SET state = 'cancelled', changed = ?2 WHERE id = ?1 AND state NOT IN ('done', 'cancelled') RETURNING key"
            ))?
            .query_row(params![id, now.as_millisecond()], |r| r.get(0))
            .optional()?;
        match key {
            Some(key) => self.promote(c, &key).map(|()| true),
            None => Ok(false),
        }
    }

    /// Takes out all rows of a lane that have not ended; returns how many.
    pub fn cancel_key(&self, c: &Connection, key: &[u8], now: Timestamp) -> Result<usize, StoreError> {
        let q = self.table;
        let sql = "UPDATE {q} SET state = 'cancelled', changed = ?2 WHERE key = ?1 AND state = ";
        let mut cancelled = 0;
        // One statement a state, so that each finds its index.
        for state in ["'waiting'", "'ready'", "'claimed'"] {
            cancelled += c.execute(&format!("{}{state}", sql.replace("{q}", q)), params![key, now.as_millisecond()])?;
        }
        let rest = "UPDATE {q} SET state = 'cancelled', changed = ?2 WHERE key = ?1 AND state IN ('aside', 'parked')";
        Ok(cancelled + c.execute(&rest.replace("{q}", q), params![key, now.as_millisecond()])?)
    }

    /// Makes what waits in a lane due at once.
    pub fn hurry(&self, c: &Connection, key: &[u8], now: Timestamp) -> Result<usize, StoreError> {
        let q = self.table;
        let sql = format!("UPDATE {q} SET due = ?2 WHERE key = ?1 AND state IN ('ready', 'aside') AND due > ?2");
        Ok(c.execute(&sql, params![key, now.as_millisecond()])?)
    }

    /// Replaces what was pushed.
    pub fn put_payload(&self, c: &Connection, id: i64, payload: &[u8]) -> Result<(), StoreError> {
        let q = self.table;
        c.prepare_cached(&format!("UPDATE {q} SET payload = ?2 WHERE id = ?1"))?.execute(params![id, payload])?;
        Ok(())
    }

    /// After opening: what an earlier process had claimed is free again, and says so on its next claim.
    pub fn recover(&self, c: &Connection, epoch: i64, now: Timestamp) -> Result<usize, StoreError> {
        let q = self.table;
        Ok(c.execute(
            &format!(
                "UPDATE {q} SET state = CASE WHEN set_aside THEN 'aside' ELSE 'ready' END, interrupted = 1, changed = ?2
                 WHERE state = 'claimed' AND epoch < ?1"
            ),
            params![epoch, now.as_millisecond()],
        )?)
    }

    /// When the next row can be claimed, if none is claimable before; lanes that are being worked on do not count.
    pub fn next_due(&self, c: &Connection) -> Result<Option<Timestamp>, StoreError> {
        let q = self.table;
        let due: Option<i64> = c
            .prepare_cached(&format!(
                "SELECT due FROM {q} AS row WHERE state IN ('ready', 'aside')
                 AND NOT EXISTS (SELECT 1 FROM {q} AS busy WHERE busy.key = row.key AND busy.state = 'claimed')
                 ORDER BY due, id LIMIT 1"
            ))?
            .query_row([], |r| r.get(0))
            .optional()?;
        Ok(due.map(|ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)))
    }

    /// Whether nothing is being worked on and nothing is due at `now`.
    pub fn is_idle(&self, c: &Connection, now: Timestamp) -> Result<bool, StoreError> {
        let q = self.table;
        let claimed: bool =
            c.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {q} WHERE state = 'claimed')"), [], |r| r.get(0))?;
        Ok(!claimed && self.next_due(c)?.is_none_or(|due| due > now))
    }

    /// How many rows are where.
    pub fn counts(&self, c: &Connection) -> Result<Counts, StoreError> {
        let q = self.table;
        let count = |states: &str| -> Result<u64, StoreError> {
            let n: i64 =
                c.query_row(&format!("SELECT count(*) FROM {q} WHERE state IN ({states})"), [], |r| r.get(0))?;
            Ok(u64::try_from(n).unwrap_or(0))
        };
        Ok(Counts {
            waiting: count("'waiting', 'ready'")?,
            claimed: count("'claimed'")?,
            aside: count("'aside'")?,
            parked: count("'parked'")?,
        })
    }

    /// Removes what ended before `before`.
    pub fn prune_done(&self, c: &Connection, before: Timestamp) -> Result<usize, StoreError> {
        let q = self.table;
        let sql = format!("DELETE FROM {q} WHERE state IN ('done', 'cancelled') AND changed < ?1");
        Ok(c.execute(&sql, [before.as_millisecond()])?)
    }

    /// If a lane has nobody at its front, the first that waits goes there.
    fn promote(&self, c: &Connection, key: &[u8]) -> Result<(), StoreError> {
        let q = self.table;
        c.prepare_cached(&format!(
            "UPDATE {q} SET state = 'ready' WHERE id = (SELECT MIN(id) FROM {q} WHERE key = ?1 AND state = 'waiting')
             AND NOT EXISTS (SELECT 1 FROM {q} WHERE key = ?1 AND state IN ('ready', 'claimed'))"
        ))?
        .execute([key])?;
        Ok(())
    }
}
