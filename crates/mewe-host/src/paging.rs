//! Lists come in pages: rows, and where the next ones are.

use axum::{http::StatusCode, response::Response};
use mewe_protocol::{MessageId, ThreadId, message::ChatMessage};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    error::{ApiError, json_response},
    store,
};

/// One row more than a page has is read: it only says that there are more. Leaves the page, and says whether there are.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: u32) -> bool {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    more
}

/// A page of rows under their plural noun. `next`: the path that leads on from the last of them.
pub(crate) fn page<T: Serialize>(
    noun: &str,
    mut rows: Vec<T>,
    limit: u32,
    next: impl FnOnce(&T) -> String,
) -> Response {
    let more = cut(&mut rows, limit);
    let next = rows.last().filter(|_| more).map(next);
    let mut body = Map::new();
    // A row is a struct of strings, numbers and lists: it always has a value.
    body.insert(noun.to_owned(), serde_json::to_value(rows).unwrap_or_default());
    body.insert("nextPage".to_owned(), next.map_or(Value::Null, Value::String));
    json_response(StatusCode::OK, &body)
}

/// A page of a thread, newest first, and before which message the next one goes on.
pub(crate) fn messages(
    c: &Connection,
    thread: ThreadId,
    before: Option<MessageId>,
    limit: u32,
) -> Result<(Vec<ChatMessage>, Option<MessageId>), ApiError> {
    let before = match before {
        None => None,
        Some(message) => {
            let created = store::messages::created(c, thread, message)?;
            Some((created.ok_or_else(|| ApiError::invalid("beforeId", "no such message is in this thread"))?, message))
        }
    };
    let mut messages = store::messages::page(c, thread, before, limit + 1)?;
    let more = cut(&mut messages, limit);
    let next = messages.last().filter(|_| more).map(|oldest| oldest.chat_message_id);
    Ok((messages, next))
}
