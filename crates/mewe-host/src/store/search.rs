//! Looking for words and names. What fits is for the caller to say, row by row: a person's eyes know more of letters than an
//! index of bytes does.

use mewe_protocol::{AgentId, AppId, Id, MessageId, ThreadId, UserId};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

use super::threads::name_of;

/// The newest messages before `before` whose text fits.
pub(crate) fn messages(
    c: &Connection,
    before: MessageId,
    limit: usize,
    mut fits: impl FnMut(&str) -> bool,
) -> Result<Vec<MessageId>, StoreError> {
    // Ids rise with time.
    let mut statement = c.prepare_cached("SELECT id, text FROM messages WHERE id < ?1 ORDER BY id DESC")?;
    let mut rows = statement.query([before.as_bytes()])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        if fits(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?) {
            found.push(super::id(row, 0)?);
        }
    }
    Ok(found)
}

/// The first people whose name fits.
pub(crate) fn people(c: &Connection, limit: usize, fits: impl FnMut(&str) -> bool) -> Result<Vec<UserId>, StoreError> {
    named(c, "SELECT id, first_name || COALESCE(' ' || last_name, '') FROM users ORDER BY id", limit, fits)
}

/// The first agents that are registered and whose name fits.
pub(crate) fn agents(c: &Connection, limit: usize, fits: impl FnMut(&str) -> bool) -> Result<Vec<AgentId>, StoreError> {
    named(c, "SELECT id, name FROM agents WHERE gone IS NULL ORDER BY id", limit, fits)
}

/// The first applications whose name fits.
pub(crate) fn apps(c: &Connection, limit: usize, fits: impl FnMut(&str) -> bool) -> Result<Vec<AppId>, StoreError> {
    named(c, "SELECT id, name FROM apps ORDER BY id", limit, fits)
}

/// The first threads whose name fits; one without a name is known by the names of those in it.
pub(crate) fn threads(
    c: &Connection,
    limit: usize,
    fits: impl FnMut(&str) -> bool,
) -> Result<Vec<ThreadId>, StoreError> {
    let sql = concat!(
        "SELECT id, COALESCE(name, (SELECT group_concat(",
        name_of!("members.user"),
        ", ', ') FROM members WHERE members.thread = threads.id), '') FROM threads ORDER BY id"
    );
    named(c, sql, limit, fits)
}

fn named<K>(
    c: &Connection,
    sql: &str,
    limit: usize,
    mut fits: impl FnMut(&str) -> bool,
) -> Result<Vec<Id<K>>, StoreError> {
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        if fits(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?) {
            found.push(super::id(row, 0)?);
        }
    }
    Ok(found)
}

/// The messages of a thread after the message `after`, which is given with its time, the oldest first.
pub(crate) fn after(
    c: &Connection,
    thread: ThreadId,
    (created, after): (i64, MessageId),
    limit: u32,
) -> Result<Vec<MessageId>, StoreError> {
    Ok(c.prepare_cached(
        "SELECT id FROM messages WHERE thread = ?1 AND (created, id) > (?2, ?3) ORDER BY created, id LIMIT ?4",
    )?
    .query_map(params![thread.as_bytes(), created, after.as_bytes(), limit], |row| super::id(row, 0))?
    .collect::<Result<_, _>>()?)
}

/// The personal thread of an agent, registered or not.
pub(crate) fn personal(c: &Connection, agent: AgentId) -> Result<Option<ThreadId>, StoreError> {
    Ok(c.prepare_cached("SELECT personal FROM agents WHERE id = ?1")?
        .query_row([agent.as_bytes()], |row| super::id(row, 0))
        .optional()?)
}
