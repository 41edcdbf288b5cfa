//! What each attempt of a delivery came to.

use jiff::Timestamp;
use mewe_protocol::UnixSeconds;
use mewe_store::StoreError;
use rusqlite::{Connection, params};

/// The newest attempts of a delivery that are kept: an endpoint that fails for days must not fill the disk.
const MOST: u32 = 100;

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// From 1.
    pub(crate) number: u32,
    /// When it began.
    pub(crate) at: Timestamp,
    /// Milliseconds until the answer was there, or was given up.
    pub(crate) took: i64,
    /// Of the answer, if at least that came.
    pub(crate) status: Option<u16>,
    /// Why it was no success.
    pub(crate) error: Option<String>,
    /// The beginning of the answer's body.
    pub(crate) answer: Vec<u8>,
    /// With what it was signed; none if it is of a time when that was not kept.
    pub(crate) signed: Option<Signed>,
    /// What was done to it on purpose.
    pub(crate) trouble: Option<String>,
}

/// With what an attempt was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// The second.
    pub(crate) at: UnixSeconds,
    /// The end of the key, by which a person tells keys apart.
    pub(crate) key_end: String,
}

pub(crate) fn insert(c: &Connection, delivery: i64, attempt: &Attempt) -> Result<(), StoreError> {
    c.prepare_cached(
        "INSERT INTO attempts (delivery, number, at, took, status, error, answer, signed, key_end, trouble)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        delivery,
        attempt.number,
        attempt.at.as_millisecond(),
        attempt.took,
        attempt.status,
        attempt.error,
        attempt.answer,
        attempt.signed.as_ref().map(|signed| super::replay::seconds(signed.at.0)),
        attempt.signed.as_ref().map(|signed| &signed.key_end),
        attempt.trouble
    ])?;
    c.prepare_cached("DELETE FROM attempts WHERE delivery = ?1 AND number <= ?2")?
        .execute(params![delivery, i64::from(attempt.number) - i64::from(MOST)])?;
    Ok(())
}

/// The attempts of a delivery, the first one first.
pub(crate) fn of_delivery(c: &Connection, delivery: i64) -> Result<Vec<Attempt>, StoreError> {
    Ok(c.prepare_cached(
        "SELECT number, at, took, status, error, answer, signed, key_end, trouble FROM attempts
         WHERE delivery = ?1 ORDER BY number",
    )?
    .query_map([delivery], |row| {
        Ok(Attempt {
            number: row.get(0)?,
            at: super::time(row, 1)?,
            took: row.get(2)?,
            status: row.get(3)?,
            error: row.get(4)?,
            answer: row.get(5)?,
            signed: signed(row.get(6)?, row.get(7)?),
            trouble: row.get(8)?,
        })
    })?
    .collect::<Result<_, _>>()?)
}

fn signed(at: Option<i64>, key_end: Option<String>) -> Option<Signed> {
    Some(Signed { at: UnixSeconds(at?.try_into().ok()?), key_end: key_end? })
}

/// Removes those that began before `before`.
pub(crate) fn prune(c: &Connection, before: Timestamp) -> Result<(), StoreError> {
    c.execute("DELETE FROM attempts WHERE at < ?1", [before.as_millisecond()])?;
    Ok(())
}
