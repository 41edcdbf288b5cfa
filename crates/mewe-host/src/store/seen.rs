//! Up to where somebody has seen a thread.

use mewe_protocol::{MessageId, ThreadId, UserId};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

/// Notes that `user` has seen `thread` up to `message`; what was seen stays seen.
pub(crate) fn up_to(c: &Connection, user: UserId, thread: ThreadId, message: MessageId) -> Result<(), StoreError> {
    c.prepare_cached(
        "INSERT INTO seen (user, thread, message) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET message = MAX(message, excluded.message)",
    )?
    .execute(params![user.as_bytes(), thread.as_bytes(), message.as_bytes()])?;
    Ok(())
}

/// The last message of `thread` that `user` has seen.
pub(crate) fn last(c: &Connection, user: UserId, thread: ThreadId) -> Result<Option<MessageId>, StoreError> {
    Ok(c.prepare_cached("SELECT message FROM seen WHERE user = ?1 AND thread = ?2")?
        .query_row([user.as_bytes(), thread.as_bytes()], |row| super::id(row, 0))
        .optional()?)
}

/// How many messages of others in `thread` `user` has not seen, at most `most`.
pub(crate) fn unread(c: &Connection, user: UserId, thread: ThreadId, most: u32) -> Result<u32, StoreError> {
    // Ids rise with time.
    Ok(c.prepare_cached(
        "SELECT count(*) FROM (
             SELECT 1 FROM messages WHERE thread = ?2 AND user <> ?1
             AND id > COALESCE((SELECT message FROM seen WHERE user = ?1 AND thread = ?2), x'') LIMIT ?3)",
    )?
    .query_row(params![user.as_bytes(), thread.as_bytes(), most], |row| row.get(0))?)
}
