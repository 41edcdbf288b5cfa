//! How a claim ends.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{Claim, Queue, QueueError};
use crate::StoreError;

/// Where a row waits for its next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// At the head of its lane, which waits for it.
    Lane,
    /// Beside its lane, which goes on.
    Aside,
}

impl Queue {
    /// The work is done; its lane goes on. The row stays, until it is pruned, as a record.
    ///
    /// # Errors
    /// [`QueueError::Fenced`] when the claim is no longer the row's.
    pub fn done(&self, c: &Connection, claim: &Claim, now: Timestamp) -> Result<(), QueueError> {
        self.end(c, claim, "done", None, now)
    }

    /// The work is given up, for a person to look at; its lane goes on.
    ///
    /// # Errors
    /// [`QueueError::Fenced`] when the claim is no longer the row's.
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
                "UPDATE {q} SET state = ?4, cause = COALESCE(?5, cause), changed = ?6, interrupted = 0
                 WHERE id = ?1 AND state = 'claimed' AND epoch = ?2 AND number = ?3"
            ))?
            .execute(params![claim.id, claim.epoch, claim.number, state, cause, now.as_millisecond()])?;
        self.ended(c, claim, changed)
    }

    /// The work failed, or is not finished; it comes back at `due`. With `counts` false the attempt is given back. A row that was
    /// once set aside stays beside its lane: its place in line has gone to another.
    ///
    /// # Errors
    /// [`QueueError::Fenced`] when the claim is no longer the row's.
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
        self.ended(c, claim, changed)
    }

    /// Gives a claim back whose work came to no end that could be recorded: the row comes back at `due`, where it was. Nothing
    /// happens when the claim is no longer the row's.
    ///
    /// # Errors
    /// When the store fails.
    pub fn give_back(
        &self,
        c: &Connection,
        claim: &Claim,
        due: Timestamp,
        now: Timestamp,
        counts: bool,
    ) -> Result<(), StoreError> {
        match self.retry(c, claim, Hold::Lane, due, "nobody knows how it ended", now, counts) {
            Ok(()) | Err(QueueError::Fenced) => Ok(()),
            Err(QueueError::Store(error)) => Err(error),
        }
    }

    fn ended(&self, c: &Connection, claim: &Claim, changed: usize) -> Result<(), QueueError> {
        if changed == 0 {
            return Err(QueueError::Fenced);
        }
        Ok(self.settle(c, &claim.key)?)
    }
}
