//! What only ever rises, across restarts and whatever the clock does: the time of messages, and ids.

use jiff::Timestamp;
use mewe_protocol::Id;
use mewe_store::StoreError;
use rusqlite::Connection;

use crate::domain::id;

/// `now`, or the latest time that was ever seen, if the clock has been set back since.
pub(crate) fn time(c: &Connection, now: Timestamp) -> Result<Timestamp, StoreError> {
    let latest: i64 = c
        .prepare_cached("UPDATE host SET latest = MAX(latest, ?1) RETURNING latest")?
        .query_row([now.as_millisecond()], |row| row.get(0))?;
    Ok(Timestamp::from_millisecond(latest).unwrap_or(now))
}

/// A new id, greater than every one before it.
pub(crate) fn id<K>(c: &Connection, now: Timestamp, dice: u64) -> Result<Id<K>, StoreError> {
    let last = c.prepare_cached("SELECT last_id FROM host")?.query_row([], |row| row.get(0))?;
    let next = id::next(last, now, dice);
    c.prepare_cached("UPDATE host SET last_id = ?1")?.execute([next])?;
    Ok(Id::from_bytes(next))
}
