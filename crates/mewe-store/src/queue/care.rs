//! What people and housekeeping do to rows that they have not claimed.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::Queue;
use crate::StoreError;

impl Queue {
    /// Puts a parked row back, beside its lane, due at once and with its attempts forgotten. `false` if it was not parked.
    ///
    /// # Errors
    /// When the store fails.
    pub fn release(&self, c: &Connection, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let q = self.table;
        let sql = format!(
            "UPDATE {q} SET state = 'aside', set_aside = 1, attempts = 0, due = ?2, changed = ?2
             WHERE id = ?1 AND state = 'parked' RETURNING key"
        );
        self.changed_one(c, &sql, id, now)
    }

    /// Puts a row that is done or parked back, beside its lane, due at once and with its attempts forgotten: it is worked on
    /// once more. `false` if it was neither.
    ///
    /// # Errors
    /// When the store fails.
    pub fn again(&self, c: &Connection, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let q = self.table;
        let sql = format!(
            "UPDATE {q} SET state = 'aside', set_aside = 1, attempts = 0, due = ?2, changed = ?2
             WHERE id = ?1 AND state IN ('done', 'parked') RETURNING key"
        );
        self.changed_one(c, &sql, id, now)
    }

    /// Takes a row out that is not done; a claim on it is fenced. `false` if it was done, cancelled or never there.
    ///
    /// # Errors
    /// When the store fails.
    pub fn cancel(&self, c: &Connection, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let q = self.table;
        let sql = format!(
            "UPDATE {q} SET state = 'cancelled', changed = ?2
             WHERE id = ?1 AND state NOT IN ('done', 'cancelled') RETURNING key"
        );
        self.changed_one(c, &sql, id, now)
    }

    fn changed_one(&self, c: &Connection, sql: &str, id: i64, time: Timestamp) -> Result<bool, StoreError> {
        let key: Option<Vec<u8>> =
            c.prepare_cached(sql)?.query_row(params![id, time.as_millisecond()], |r| r.get(0)).optional()?;
        match key {
            Some(key) => self.settle(c, &key).map(|()| true),
            None => Ok(false),
        }
    }

    /// Takes all rows of a lane out that are not done; claims on them are fenced. Returns how many.
    ///
    /// # Errors
    /// When the store fails.
    pub fn cancel_key(&self, c: &Connection, key: &[u8], now: Timestamp) -> Result<usize, StoreError> {
        let q = self.table;
        let mut cancelled = 0;
        // One statement a state, so that each finds its index.
        for state in ["waiting", "ready", "aside", "claimed", "parked"] {
            cancelled += c
                .prepare_cached(&format!(
                    "UPDATE {q} SET state = 'cancelled', changed = ?2 WHERE key = ?1 AND state = '{state}'"
                ))?
                .execute(params![key, now.as_millisecond()])?;
        }
        self.settle(c, key)?;
        Ok(cancelled)
    }

    /// Makes a lane's head, and what was set aside beside it, due at once. Returns how many rows were not.
    ///
    /// # Errors
    /// When the store fails.
    pub fn hurry(&self, c: &Connection, key: &[u8], now: Timestamp) -> Result<usize, StoreError> {
        let q = self.table;
        let mut hurried = 0;
        for state in ["ready", "aside"] {
            hurried += c
                .prepare_cached(&format!("UPDATE {q} SET due = ?2 WHERE key = ?1 AND state = '{state}' AND due > ?2"))?
                .execute(params![key, now.as_millisecond()])?;
        }
        self.settle(c, key)?;
        Ok(hurried)
    }

    /// Sets when a row is due that waits, in line or set aside. `false` if it does not wait.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_due(&self, c: &Connection, id: i64, due: Timestamp) -> Result<bool, StoreError> {
        let q = self.table;
        let sql =
            format!("UPDATE {q} SET due = ?2 WHERE id = ?1 AND state IN ('waiting', 'ready', 'aside') RETURNING key");
        self.changed_one(c, &sql, id, due)
    }

    /// Removes what was done or cancelled before `before`. Returns how many rows that were.
    ///
    /// # Errors
    /// When the store fails.
    pub fn prune_done(&self, c: &Connection, before: Timestamp) -> Result<usize, StoreError> {
        let q = self.table;
        let sql = format!("DELETE FROM {q} WHERE state IN ('done', 'cancelled') AND changed < ?1");
        Ok(c.prepare_cached(&sql)?.execute([before.as_millisecond()])?)
    }
}
