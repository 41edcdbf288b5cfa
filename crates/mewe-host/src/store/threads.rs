//! Threads, and who sits in them.

use jiff::Timestamp;
use mewe_protocol::{ThreadId, UserId};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::{
    name::Name,
    permission::{Permission, Permissions},
    thread::{Seat, Thread},
};

/// The SQL of a user's name, person or agent; the column that holds the id goes in the place of `{}`.
macro_rules! name_of {
    ($column:literal) => {
        concat!(
            "COALESCE((SELECT first_name || COALESCE(' ' || last_name, '') FROM users WHERE users.id = ",
            $column,
            "), (SELECT agents.name FROM agents WHERE agents.id = ",
            $column,
            "), '')"
        )
    };
}
pub(super) use name_of;

/// A thread as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: ThreadId,
    pub(crate) name: Option<String>,
    pub(crate) personal: bool,
    pub(crate) created: Timestamp,
    pub(crate) people: Vec<Somebody>,
}

/// Somebody in a thread: a person, or an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Somebody {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) is_agent: bool,
}

pub(crate) fn insert(
    c: &Connection,
    thread: ThreadId,
    name: Option<&Name>,
    personal: bool,
    created: Timestamp,
) -> Result<(), StoreError> {
    c.execute(
        "INSERT INTO threads (id, name, personal, created) VALUES (?1, ?2, ?3, ?4)",
        params![thread.as_bytes(), name.map(Name::as_str), personal, created.as_millisecond()],
    )?;
    Ok(())
}

/// A thread with the agents in it.
pub(crate) fn get(c: &Connection, thread: ThreadId) -> Result<Option<Thread>, StoreError> {
    let personal: Option<bool> = c
        .prepare_cached("SELECT personal FROM threads WHERE id = ?1")?
        .query_row([thread.as_bytes()], |row| row.get(0))
        .optional()?;
    let Some(personal) = personal else { return Ok(None) };
    let seats = c
        .prepare_cached(
            "SELECT agents.id, agents.app, agents.owner, apps.permissions
             FROM members JOIN agents ON agents.id = members.user LEFT JOIN apps ON apps.id = agents.app
             WHERE members.thread = ?1 ORDER BY members.place",
        )?
        .query_map([thread.as_bytes()], |row| {
            let permissions: Option<String> = row.get(3)?;
            let permissions = Permissions::new(permissions.as_deref().unwrap_or("").lines())
                .map_err(|error| super::unreadable(3, error))?;
            Ok(Seat {
                agent: super::id(row, 0)?,
                app: super::id(row, 1)?,
                owner: super::id(row, 2)?,
                hears: permissions.holds(Permission::UserChats),
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(Some(Thread { id: thread, personal, seats }))
}

pub(crate) fn is_in(c: &Connection, thread: ThreadId, user: UserId) -> Result<bool, StoreError> {
    Ok(c.prepare_cached("SELECT EXISTS (SELECT 1 FROM members WHERE thread = ?1 AND user = ?2)")?
        .query_row([thread.as_bytes(), user.as_bytes()], |row| row.get(0))?)
}

pub(crate) fn add(c: &Connection, thread: ThreadId, user: UserId, now: Timestamp) -> Result<(), StoreError> {
    c.prepare_cached("INSERT INTO members (thread, user, joined) VALUES (?1, ?2, ?3)")?.execute(params![
        thread.as_bytes(),
        user.as_bytes(),
        now.as_millisecond()
    ])?;
    Ok(())
}

pub(crate) fn remove(c: &Connection, thread: ThreadId, user: UserId) -> Result<(), StoreError> {
    c.execute("DELETE FROM members WHERE thread = ?1 AND user = ?2", [thread.as_bytes(), user.as_bytes()])?;
    Ok(())
}

/// Those after `after`, in the order of their ids.
pub(crate) fn list(c: &Connection, after: ThreadId, limit: u32) -> Result<Vec<Listed>, StoreError> {
    let threads = c
        .prepare_cached("SELECT id, name, personal, created FROM threads WHERE id > ?1 ORDER BY id LIMIT ?2")?
        .query_map(params![after.as_bytes(), limit], read)?
        .collect::<Result<_, _>>()?;
    with_people(c, threads)
}

/// Those in which `user` takes part, in the order of their ids.
pub(crate) fn of_user(c: &Connection, user: UserId, limit: u32) -> Result<Vec<Listed>, StoreError> {
    let threads = c
        .prepare_cached(
            "SELECT id, name, personal, created FROM threads
             WHERE id IN (SELECT thread FROM members WHERE user = ?1) ORDER BY id LIMIT ?2",
        )?
        .query_map(params![user.as_bytes(), limit], read)?
        .collect::<Result<_, _>>()?;
    with_people(c, threads)
}

/// One, with who sits in it.
pub(crate) fn one(c: &Connection, thread: ThreadId) -> Result<Option<Listed>, StoreError> {
    let found = c
        .prepare_cached("SELECT id, name, personal, created FROM threads WHERE id = ?1")?
        .query_row([thread.as_bytes()], read)
        .optional()?;
    Ok(with_people(c, found.into_iter().collect())?.pop())
}

/// The thread in which something was said last, or else the first one.
pub(crate) fn latest(c: &Connection) -> Result<Option<ThreadId>, StoreError> {
    let said = "SELECT thread FROM messages ORDER BY rowid DESC LIMIT 1";
    let first = "SELECT id FROM threads ORDER BY id LIMIT 1";
    for sql in [said, first] {
        let found = c.prepare_cached(sql)?.query_row([], |row| super::id(row, 0)).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        id: super::id(row, 0)?,
        name: row.get(1)?,
        personal: row.get(2)?,
        created: super::time(row, 3)?,
        people: Vec::new(),
    })
}

fn with_people(c: &Connection, mut threads: Vec<Listed>) -> Result<Vec<Listed>, StoreError> {
    let mut members = c.prepare_cached(concat!(
        "SELECT user, ",
        name_of!("members.user"),
        ", EXISTS (SELECT 1 FROM agents WHERE agents.id = members.user) FROM members WHERE thread = ?1 ORDER BY place"
    ))?;
    for thread in &mut threads {
        thread.people = members
            .query_map([thread.id.as_bytes()], |row| {
                Ok(Somebody { id: super::id(row, 0)?, name: row.get(1)?, is_agent: row.get(2)? })
            })?
            .collect::<Result<_, _>>()?;
    }
    Ok(threads)
}
