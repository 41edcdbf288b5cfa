//! Bodies of the agent API: written strictly, read generously (docs/wire.md, D6).

use std::{collections::HashMap, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    MessageId, ThreadId, UnixSeconds, UserId,
    decided::{ID_TIME_FUTURE_SECONDS, ID_TIME_PAST_SECONDS, MAX_TEXT_CHARS},
    json::{self, ReadError},
};

/// The text of a message: 1 to 10,000 characters (Unicode scalar values), trimmed.
///
/// ```
/// use mewe_protocol::{MessageText, message::TextError};
///
/// assert_eq!("  Maybe yes, maybe not\n".parse::<MessageText>()?.as_str(), "Maybe yes, maybe not");
/// assert_eq!(" \n".parse::<MessageText>(), Err(TextError::Empty));
/// # Ok::<(), TextError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct MessageText(String);

/// A text is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing is left after trimming.
    #[error("text is empty")]
    Empty,
    /// It has more than 10,000 characters.
    #[error("text is longer than {MAX_TEXT_CHARS} characters")]
    TooLong,
}

impl MessageText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MessageText {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        // Fewer bytes than the limit cannot be more characters; counting stops right behind the limit.
        if text.len() > MAX_TEXT_CHARS && text.chars().nth(MAX_TEXT_CHARS).is_some() {
            return Err(TextError::TooLong);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for MessageText {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        text.parse()
    }
}

impl From<MessageText> for String {
    fn from(text: MessageText) -> Self {
        text.0
    }
}

/// The body of a send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendMessage {
    /// The text.
    pub text: MessageText,
}

/// The answer to a send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentMessage {
    /// The new message.
    pub chat_message_id: MessageId,
    /// Its thread.
    pub thread_id: ThreadId,
    /// When it was stored.
    #[serde(serialize_with = "as_milliseconds")]
    pub created_at: Timestamp,
}

/// A message as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// The message.
    pub chat_message_id: MessageId,
    /// Its thread.
    pub thread_id: ThreadId,
    /// Its author.
    pub user_id: UserId,
    /// The author's name.
    pub user_name: String,
    /// Its text, with mentions in their markup.
    pub message_text: String,
    /// When it was stored.
    #[serde(serialize_with = "as_milliseconds")]
    pub created_at: Timestamp,
}

/// A page of a thread, newest message first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessagesPage {
    /// The messages.
    pub messages: Vec<ChatMessage>,
    /// Where the next older page is: a relative URL; null on the last.
    pub next_page: Option<String>,
}

/// `2026-11-23T18:00:00.000Z`: ISO 8601 with milliseconds, as the wire writes every time.
pub fn timestamp_ms(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// For `#[serde(serialize_with)]`: a time as the wire writes it.
///
/// # Errors
/// The serializer's own.
pub fn as_milliseconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp_ms(*at))
}

/// When a message was written (docs/wire.md, D17): `createdAt` where it was read; else the time in its id, if that lies near
/// before the delivery; else the delivery's own time, which is too late by as long as the delivery took.
pub fn message_time(created_at: Option<Timestamp>, id: MessageId, sent_at: UnixSeconds) -> Timestamp {
    let in_id = u64::from(id.unix_seconds());
    let believable = sent_at.0.saturating_sub(ID_TIME_PAST_SECONDS)..=sent_at.0.saturating_add(ID_TIME_FUTURE_SECONDS);
    created_at.unwrap_or_else(|| {
        let seconds = if believable.contains(&in_id) { in_id } else { sent_at.0 };
        i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or(Timestamp::MAX)
    })
}

/// What can be learned from the answer to a send. Any 2xx is "sent", so this never fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadSent {
    /// The new message, if the answer named it.
    pub id: Option<MessageId>,
    /// When it was stored, if the answer said so.
    pub created_at: Option<Timestamp>,
}

impl ReadSent {
    /// Reads what it can.
    pub fn from_body(body: &[u8]) -> Self {
        Row::read(body).map_or_else(|_| Self::default(), |row| Self { id: row.get(&ID), created_at: row.time() })
    }
}

/// A message as some host shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMessage {
    /// The message.
    pub id: MessageId,
    /// Its author.
    pub user_id: UserId,
    /// The author's name, if the host gives names.
    pub user_name: Option<String>,
    /// Its text; empty for a photo.
    pub text: String,
    /// When it was stored, if the host says so in a form that is known.
    pub created_at: Option<Timestamp>,
}

/// A page as some host shows it. Rows that are no messages are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadPage {
    /// The messages, in the host's order.
    pub messages: Vec<ReadMessage>,
    /// Where the host says that the next page is. Not to be trusted with where it points.
    pub next_page: Option<String>,
}

impl ReadPage {
    /// Reads a page.
    ///
    /// Each row and each field is read by itself: a thread in which somebody managed to store one odd message can still be
    /// read, where the strict reader would refuse the page and with it everything older.
    ///
    /// # Errors
    /// [`ReadError`] when it is no JSON, or has no list of rows.
    pub fn from_body(body: &[u8]) -> Result<Self, ReadError> {
        let page = Row::read(body)?;
        let rows: Vec<Box<RawValue>> = page
            .get(&["messages", "list"])
            .ok_or_else(|| ReadError::Malformed("neither `messages` nor `list` holds rows".to_owned()))?;
        Ok(Self {
            messages: rows.iter().filter_map(|row| json::loose::<Row>(row.get())?.message()).collect(),
            next_page: page.get(&["nextPage"]),
        })
    }
}

const ID: [&str; 2] = ["chatMessageId", "id"];

/// An object as it came: its fields are not yet looked at. Of a key that is there twice the last counts.
#[derive(Deserialize)]
struct Row(HashMap<String, Box<RawValue>>);

impl Row {
    fn read(body: &[u8]) -> Result<Self, ReadError> {
        if let Err(error @ ReadError::NotJson(_)) = json::check(body) {
            return Err(error);
        }
        // It is UTF-8, or it would not be JSON.
        let object = std::str::from_utf8(body).ok().and_then(json::loose);
        object.ok_or_else(|| ReadError::Malformed("not an object".to_owned()))
    }

    /// The first of these fields that is what it should be.
    fn get<T: DeserializeOwned>(&self, names: &[&str]) -> Option<T> {
        names.iter().find_map(|name| json::loose(self.0.get(*name)?.get()))
    }

    fn time(&self) -> Option<Timestamp> {
        ["createdAt", "date"].iter().find_map(|name| time(self.0.get(*name)?.get()))
    }

    fn message(&self) -> Option<ReadMessage> {
        Some(ReadMessage {
            id: self.get(&ID)?,
            user_id: self.get(&["userId", "authorId"])?,
            user_name: self.get(&["userName"]),
            text: self.get(&["messageText", "text"]).unwrap_or_default(),
            created_at: self.time(),
        })
    }
}

/// As seconds this would be the year 5138; as milliseconds, 1973.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

/// ISO 8601, unix seconds, or unix milliseconds.
fn time(part: &str) -> Option<Timestamp> {
    if let Some(text) = json::loose::<String>(part) {
        return text.parse().ok();
    }
    #[expect(clippy::cast_possible_truncation, reason = "a fraction is not looked at, and no time is that large")]
    let number = part.parse::<i64>().ok().or_else(|| Some(part.parse::<f64>().ok()? as i64))?;
    if number.unsigned_abs() >= MILLISECONDS_FROM {
        Timestamp::from_millisecond(number).ok()
    } else {
        Timestamp::from_second(number).ok()
    }
}
