//! Messages, newest first.

use mewe_protocol::{MessageId, ThreadId, UserId, message::ChatMessage};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::threads::name_of;

fn read(row: &Row<'_>) -> rusqlite::Result<ChatMessage> {
    Ok(ChatMessage {
        chat_message_id: super::id(row, 0)?,
        thread_id: super::id(row, 1)?,
        user_id: super::id(row, 2)?,
        user_name: row.get(3)?,
        message_text: row.get(4)?,
        created_at: super::time(row, 5)?,
    })
}

pub(crate) fn insert(c: &Connection, message: &ChatMessage) -> Result<(), StoreError> {
    c.prepare_cached("INSERT INTO messages (id, thread, user, text, created) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(
        params![
            message.chat_message_id.as_bytes(),
            message.thread_id.as_bytes(),
            message.user_id.as_bytes(),
            message.message_text,
            message.created_at.as_millisecond()
        ],
    )?;
    Ok(())
}

/// A message, wherever it stands.
pub(crate) fn get(c: &Connection, message: MessageId) -> Result<Option<ChatMessage>, StoreError> {
    Ok(c.prepare_cached(concat!(
        "SELECT id, thread, user, ",
        name_of!("messages.user"),
        ", text, created FROM messages WHERE id = ?1"
    ))?
    .query_row([message.as_bytes()], read)
    .optional()?)
}

/// When a message of this thread was written, in milliseconds.
pub(crate) fn created(c: &Connection, thread: ThreadId, message: MessageId) -> Result<Option<i64>, StoreError> {
    Ok(c.prepare_cached("SELECT created FROM messages WHERE id = ?1 AND thread = ?2")?
        .query_row([message.as_bytes(), thread.as_bytes()], |row| row.get(0))
        .optional()?)
}

/// The newest messages of a thread, or the newest before the message `before`, given with its time.
pub(crate) fn page(
    c: &Connection,
    thread: ThreadId,
    before: Option<(i64, MessageId)>,
    limit: u32,
) -> Result<Vec<ChatMessage>, StoreError> {
    let (created, id) = before.unwrap_or((i64::MAX, MessageId::from_bytes([0xff; 12])));
    Ok(c.prepare_cached(concat!(
        "SELECT id, thread, user, ",
        name_of!("messages.user"),
        ", text, created FROM messages WHERE thread = ?1 AND (created, id) < (?2, ?3)
         ORDER BY created DESC, id DESC LIMIT ?4"
    ))?
    .query_map(params![thread.as_bytes(), created, id.as_bytes(), limit], read)?
    .collect::<Result<_, _>>()?)
}

/// The name of somebody, person or agent; empty when nobody has this id.
pub(crate) fn name_of(c: &Connection, user: UserId) -> Result<String, StoreError> {
    Ok(c.prepare_cached(concat!("SELECT ", name_of!("?1")))?.query_row([user.as_bytes()], |row| row.get(0))?)
}
