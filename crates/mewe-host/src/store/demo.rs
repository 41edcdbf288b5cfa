//! What was made for a demonstration.

use mewe_protocol::Id;
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

pub(crate) fn get<K>(c: &Connection, thing: &str) -> Result<Option<Id<K>>, StoreError> {
    Ok(c.query_row("SELECT id FROM demo WHERE thing = ?1", [thing], |row| super::id(row, 0)).optional()?)
}

pub(crate) fn put<K>(c: &Connection, thing: &str, id: Id<K>) -> Result<(), StoreError> {
    c.execute("INSERT OR REPLACE INTO demo (thing, id) VALUES (?1, ?2)", params![thing, id.as_bytes()])?;
    Ok(())
}
