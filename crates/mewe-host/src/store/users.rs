//! People.

use jiff::Timestamp;
use mewe_protocol::UserId;
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::{name::Name, user::Person};

fn read(row: &Row<'_>) -> rusqlite::Result<Person> {
    let last_name: Option<String> = row.get(2)?;
    let last_name = last_name.map(|name| name.parse().map_err(|error| super::unreadable(2, error))).transpose()?;
    Ok(Person { id: super::id(row, 0)?, first_name: super::parsed(row, 1)?, last_name })
}

pub(crate) fn insert(c: &Connection, person: &Person, created: Timestamp) -> Result<(), StoreError> {
    c.execute(
        "INSERT INTO users (id, first_name, last_name, created) VALUES (?1, ?2, ?3, ?4)",
        params![
            person.id.as_bytes(),
            person.first_name.as_str(),
            person.last_name.as_ref().map(Name::as_str),
            created.as_millisecond()
        ],
    )?;
    Ok(())
}

pub(crate) fn get(c: &Connection, user: UserId) -> Result<Option<Person>, StoreError> {
    Ok(c.prepare_cached("SELECT id, first_name, last_name FROM users WHERE id = ?1")?
        .query_row([user.as_bytes()], read)
        .optional()?)
}

/// Those after `after`, in the order of their ids.
pub(crate) fn list(c: &Connection, after: UserId, limit: u32) -> Result<Vec<Person>, StoreError> {
    Ok(c.prepare_cached("SELECT id, first_name, last_name FROM users WHERE id > ?1 ORDER BY id LIMIT ?2")?
        .query_map(params![after.as_bytes(), limit], read)?
        .collect::<Result<_, _>>()?)
}
