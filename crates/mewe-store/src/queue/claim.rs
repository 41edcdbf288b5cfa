//! Taking rows, and giving back what a dead process had taken.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::Queue;
use crate::StoreError;

/// A row that somebody works on. It can only be had by claiming, and it ends with [`Queue::done`], [`Queue::park`] or
/// [`Queue::retry`], once.
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
    /// Whether the claim before this one ended without a word: its process died.
    pub interrupted: bool,
    pub(super) epoch: i64,
    pub(super) number: i64,
}

impl Queue {
    /// Claims at most `limit` rows that are due at `now`, the longest due first, never two of one lane. Counts the attempt, so
    /// that work which takes the process down is counted too. `epoch` is [`Db::epoch`](crate::Db::epoch).
    ///
    /// # Errors
    /// When the store fails.
    pub fn claim(&self, c: &Connection, epoch: i64, now: Timestamp, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let q = self.table;
        let now = now.as_millisecond();
        let due: Vec<(i64, Vec<u8>)> = c
            .prepare_cached(&format!("SELECT id, key FROM {q}_lanes WHERE due <= ?1 ORDER BY due, id LIMIT ?2"))?
            .query_map(params![now, i64::try_from(limit).unwrap_or(i64::MAX)], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut take = c.prepare_cached(&format!(
            "UPDATE {q} SET state = 'claimed', epoch = ?2, number = number + 1, attempts = attempts + 1, changed = ?3
             WHERE id = ?1 RETURNING payload, attempts, interrupted, number"
        ))?;
        let mut claims = Vec::with_capacity(due.len());
        for (id, key) in due {
            let (payload, attempt, interrupted, number) =
                take.query_row(params![id, epoch, now], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
            self.settle(c, &key)?;
            claims.push(Claim { id, key, payload, attempt, interrupted, epoch, number });
        }
        Ok(claims)
    }

    /// After opening: what an earlier process had claimed goes back to where it was, and says so on its next claim. Returns
    /// how many rows that were.
    ///
    /// # Errors
    /// When the store fails.
    pub fn recover(&self, c: &Connection, epoch: i64, now: Timestamp) -> Result<usize, StoreError> {
        let q = self.table;
        let keys: Vec<Vec<u8>> = c
            .prepare_cached(&format!(
                "UPDATE {q} SET state = CASE WHEN set_aside THEN 'aside' ELSE 'ready' END, interrupted = 1, changed = ?2
                 WHERE state = 'claimed' AND epoch < ?1 RETURNING key"
            ))?
            .query_map(params![epoch, now.as_millisecond()], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        for key in &keys {
            self.settle(c, key)?;
        }
        Ok(keys.len())
    }

    /// Brings a lane's front up to date after any change of its rows: who is at its head, and whether and when there is
    /// something to claim.
    pub(super) fn settle(&self, c: &Connection, key: &[u8]) -> Result<(), StoreError> {
        let q = self.table;
        let beside: Option<bool> = c
            .prepare_cached(&format!("SELECT set_aside FROM {q} WHERE key = ?1 AND state = 'claimed'"))?
            .query_row([key], |r| r.get(0))
            .optional()?;
        // A head that is being worked on is still the head: it may come back.
        let head = if beside == Some(false) { None } else { self.head(c, key)? };
        let next = match beside {
            Some(_) => None,
            None => head.into_iter().chain(self.first_aside(c, key)?).min(),
        };
        match next {
            Some((due, id)) => c
                .prepare_cached(&format!(
                    "INSERT INTO {q}_lanes (key, due, id) VALUES (?1, ?2, ?3)
                     ON CONFLICT (key) DO UPDATE SET due = excluded.due, id = excluded.id"
                ))?
                .execute(params![key, due, id])?,
            None => c.prepare_cached(&format!("DELETE FROM {q}_lanes WHERE key = ?1"))?.execute([key])?,
        };
        Ok(())
    }

    /// The row at the head of a lane whose head is not being worked on, as (due, id). If nobody is there, the first that waits goes
    /// there.
    fn head(&self, c: &Connection, key: &[u8]) -> Result<Option<(i64, i64)>, StoreError> {
        let q = self.table;
        let there = due_and_id(c, key, &format!("SELECT due, id FROM {q} WHERE key = ?1 AND state = 'ready'"))?;
        if there.is_some() {
            return Ok(there);
        }
        let promote = format!(
            "UPDATE {q} SET state = 'ready' WHERE id =
             (SELECT id FROM {q} WHERE key = ?1 AND state = 'waiting' ORDER BY id LIMIT 1) RETURNING due, id"
        );
        due_and_id(c, key, &promote)
    }

    /// What was set aside and is due first, as (due, id).
    fn first_aside(&self, c: &Connection, key: &[u8]) -> Result<Option<(i64, i64)>, StoreError> {
        let q = self.table;
        let sql = format!("SELECT due, id FROM {q} WHERE key = ?1 AND state = 'aside' ORDER BY due, id LIMIT 1");
        due_and_id(c, key, &sql)
    }
}

fn due_and_id(c: &Connection, key: &[u8], sql: &str) -> Result<Option<(i64, i64)>, StoreError> {
    Ok(c.prepare_cached(sql)?.query_row([key], |r| Ok((r.get(0)?, r.get(1)?))).optional()?)
}
