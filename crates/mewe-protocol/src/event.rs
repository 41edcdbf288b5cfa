//! The eight events of the wire, and the one that is not known yet.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    AgentId, MessageId, ThreadId, UnixSeconds, UserId,
    decided::MAX_EVENT_NAME,
    json::{self, ReadError},
};

/// An event's name: 1 to 64 of `a–z`, `0–9` and `_`, so that no `:` can shift a part of the formula.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventName(String);

/// A text is no event name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event name is 1 to {MAX_EVENT_NAME} of a-z, 0-9 and _")]
pub struct EventNameError;

impl EventName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventName {
    type Err = EventNameError;

    fn from_str(text: &str) -> Result<Self, EventNameError> {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if (1..=MAX_EVENT_NAME).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(EventNameError)
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A personal agent was added to a personal chat thread. Its own id is in the headers alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// The name that the owner sees.
    #[serde(default, deserialize_with = "null_is_default")]
    pub agent_name: String,
    /// The owner.
    pub owner_id: UserId,
    /// The owner's first name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub owner_first_name: String,
    /// The thread of owner and agent.
    pub personal_chat_thread_id: ThreadId,
}

/// A personal agent was removed from its personal chat thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unregistered {
    /// The owner.
    pub owner_id: UserId,
}

/// A message mentions the agent. [`Message`] comes for it too, with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mention {
    /// The thread.
    pub thread_id: ThreadId,
    /// The message.
    pub chat_message_id: MessageId,
    /// Its text, with mentions in their markup.
    pub message_text: String,
    /// Its author.
    pub user_id: UserId,
    /// The author's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
}

/// An agent was added to a thread: this one, or another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentJoined {
    /// The thread.
    pub thread_id: ThreadId,
    /// The agent that was added.
    pub agent_id: AgentId,
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub agent_name: String,
    /// Its owner.
    pub owner_id: UserId,
    /// Its owner's name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub owner_name: String,
}

/// An agent was removed from a thread: this one, or another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentLeft {
    /// The thread.
    pub thread_id: ThreadId,
    /// The agent that was removed.
    pub agent_id: AgentId,
}

/// A user joined a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserJoined {
    /// The thread.
    pub thread_id: ThreadId,
    /// The user.
    pub user_id: UserId,
    /// Their name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub user_name: String,
}

/// A user left a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserLeft {
    /// The thread.
    pub thread_id: ThreadId,
    /// The user.
    pub user_id: UserId,
    /// Their name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub user_name: String,
}

/// A message was sent. The wire gives no name with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The thread.
    pub thread_id: ThreadId,
    /// The message.
    pub chat_message_id: MessageId,
    /// Its text, with mentions in their markup. Empty for a photo.
    pub message_text: String,
    /// Its author.
    pub user_id: UserId,
}

/// Some printers write an absent name as null.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What an event tells. Every id was parsed; names and texts are other people's words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the struct of its name")]
pub enum Payload {
    Registered(Registered),
    Unregistered(Unregistered),
    Mention(Mention),
    AgentJoined(AgentJoined),
    AgentLeft(AgentLeft),
    UserJoined(UserJoined),
    UserLeft(UserLeft),
    Message(Message),
    /// Authentic news of a newer service.
    Unknown {
        /// The event's name.
        name: EventName,
        /// The payload as it came; it is JSON.
        json: String,
    },
}

mod name {
    pub(super) const REGISTERED: &str = "personal_agent_registered";
    pub(super) const UNREGISTERED: &str = "personal_agent_unregistered";
    pub(super) const MENTION: &str = "personal_chat_mention";
    pub(super) const AGENT_JOINED: &str = "personal_agent_joined_chat";
    pub(super) const AGENT_LEFT: &str = "personal_agent_left_chat";
    pub(super) const USER_JOINED: &str = "personal_user_joined_chat";
    pub(super) const USER_LEFT: &str = "personal_user_left_chat";
    pub(super) const MESSAGE: &str = "personal_chat_message";
}

impl Payload {
    /// The names of the eight.
    pub const NAMES: [&'static str; 8] = [
        name::REGISTERED,
        name::UNREGISTERED,
        name::MENTION,
        name::AGENT_JOINED,
        name::AGENT_LEFT,
        name::USER_JOINED,
        name::USER_LEFT,
        name::MESSAGE,
    ];

    /// The event's name on the wire.
    pub fn name(&self) -> EventName {
        let name = match self {
            Self::Registered(_) => name::REGISTERED,
            Self::Unregistered(_) => name::UNREGISTERED,
            Self::Mention(_) => name::MENTION,
            Self::AgentJoined(_) => name::AGENT_JOINED,
            Self::AgentLeft(_) => name::AGENT_LEFT,
            Self::UserJoined(_) => name::USER_JOINED,
            Self::UserLeft(_) => name::USER_LEFT,
            Self::Message(_) => name::MESSAGE,
            Self::Unknown { name, .. } => return name.clone(),
        };
        EventName(name.to_owned())
    }

    /// Reads the payload of the event `name`, strictly. This alone makes nothing authentic: see [`crate::webhook`].
    ///
    /// # Errors
    /// [`ReadError::NotJson`] when it is no JSON; [`ReadError::Malformed`] when it can be understood in two ways, or lacks an
    /// id or a text that its event must have. A name that is absent or null is empty: names are decoration.
    pub fn decode(name: &EventName, body: &[u8]) -> Result<Self, ReadError> {
        Ok(match name.as_str() {
            name::REGISTERED => Self::Registered(json::read(body)?),
            name::UNREGISTERED => Self::Unregistered(json::read(body)?),
            name::MENTION => Self::Mention(json::read(body)?),
            name::AGENT_JOINED => Self::AgentJoined(json::read(body)?),
            name::AGENT_LEFT => Self::AgentLeft(json::read(body)?),
            name::USER_JOINED => Self::UserJoined(json::read(body)?),
            name::USER_LEFT => Self::UserLeft(json::read(body)?),
            name::MESSAGE => Self::Message(json::read(body)?),
            _ => {
                json::check(body)?;
                Self::Unknown { name: name.clone(), json: String::from_utf8_lossy(body).into_owned() }
            }
        })
    }

    /// The payload as the host sends it: the page's fields, in the page's order.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Registered(p) => json::print(p),
            Self::Unregistered(p) => json::print(p),
            Self::Mention(p) => json::print(p),
            Self::AgentJoined(p) => json::print(p),
            Self::AgentLeft(p) => json::print(p),
            Self::UserJoined(p) => json::print(p),
            Self::UserLeft(p) => json::print(p),
            Self::Message(p) => json::print(p),
            Self::Unknown { json, .. } => json.clone().into_bytes(),
        }
    }
}

/// An authentic event. There is no other way to one than [`crate::webhook::Verified::decode`], and what is verified has
/// passed the signature check, now or before a store kept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    agent_id: AgentId,
    sent_at: UnixSeconds,
    payload: Payload,
}

impl Event {
    pub(crate) fn new(agent_id: AgentId, sent_at: UnixSeconds, payload: Payload) -> Self {
        Self { agent_id, sent_at, payload }
    }

    /// The agent that it is for.
    pub fn agent_id(&self) -> AgentId {
        self.agent_id
    }

    /// When this delivery was signed: later than the event, by as long as the delivery took.
    pub fn sent_at(&self) -> UnixSeconds {
        self.sent_at
    }

    /// What it tells.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// What it tells, taken out.
    pub fn into_payload(self) -> Payload {
        self.payload
    }
}
