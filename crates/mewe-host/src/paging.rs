//! Lists come in pages: rows, and where the next ones are.

use axum::{http::StatusCode, response::Response};
use mewe_protocol::{MessageId, ThreadId, message::ChatMessage};
use rusqlite::Connection;
use serde::{Serialize, Serializer, ser::SerializeMap};

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
    let next_page = rows.last().filter(|_| more).map(next);
    json_response(StatusCode::OK, &Page { noun, rows, next_page })
}

/// `{"<noun>":[…],"nextPage":…}`, rows and fields in their own order, as everywhere else.
struct Page<'a, T> {
    noun: &'a str,
    rows: Vec<T>,
    next_page: Option<String>,
}

impl<T: Serialize> Serialize for Page<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_map(Some(2))?;
        page.serialize_entry(self.noun, &self.rows)?;
        page.serialize_entry("nextPage", &self.next_page)?;
        page.end()
    }
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
