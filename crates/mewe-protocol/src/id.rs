//! Ids: 24 hex digits on the wire, 12 bytes here, one type for each kind of thing.
//!
//! A thread's id where an agent's is wanted does not compile. Nothing that came from outside is an id before it was parsed.

use std::{fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What an id can be of.
pub mod kind {
    /// An application.
    #[derive(Debug)]
    pub enum App {}
    /// An agent: a user too.
    #[derive(Debug)]
    pub enum Agent {}
    /// A user: a person, or an agent.
    #[derive(Debug)]
    pub enum User {}
    /// A chat thread.
    #[derive(Debug)]
    pub enum Thread {}
    /// A chat message.
    #[derive(Debug)]
    pub enum Message {}
}

/// An id of one kind of thing.
///
/// Parsed from 24 hex digits in either case, printed in lower case. Signatures cover the header's own text, never this value
/// printed again.
///
/// ```
/// use mewe_protocol::{AgentId, UserId};
///
/// let agent: AgentId = "607595295633495B3C80F6CF".parse()?;
/// assert_eq!(agent.to_string(), "607595295633495b3c80f6cf");
/// assert_eq!(UserId::from(agent).as_bytes(), agent.as_bytes(), "an agent is a user");
/// # Ok::<(), mewe_protocol::IdError>(())
/// ```
pub struct Id<K>([u8; 12], PhantomData<fn(K) -> K>);

/// An application's id.
pub type AppId = Id<kind::App>;
/// An agent's id; it is the agent's user id too.
pub type AgentId = Id<kind::Agent>;
/// A user's id.
pub type UserId = Id<kind::User>;
/// A thread's id.
pub type ThreadId = Id<kind::Thread>;
/// A message's id.
pub type MessageId = Id<kind::Message>;

/// A text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 24 hex digits")]
pub struct IdError;

impl<K> Id<K> {
    /// The id of these bytes.
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes, PhantomData)
    }

    /// Its bytes; their order is the order of the texts.
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }

    /// An id that begins with a time, as the page's do: unix seconds, then eight bytes of the maker's choice.
    pub fn from_parts(seconds: u32, rest: [u8; 8]) -> Self {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        bytes[4..].copy_from_slice(&rest);
        Self::from_bytes(bytes)
    }

    /// The first four bytes read as unix seconds. Only a hint: nobody promises that an id holds a time.
    pub fn unix_seconds(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Parses the form that headers must have: lower case only, since their text is what gets signed.
    pub(crate) fn from_header(text: &str) -> Option<Self> {
        if text.bytes().any(|b| b.is_ascii_uppercase()) { None } else { text.parse().ok() }
    }
}

/// An agent is a user. Not every user is an agent, so there is no way back.
impl From<AgentId> for UserId {
    fn from(agent: AgentId) -> Self {
        Self::from_bytes(agent.0)
    }
}

impl<K> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0; 12];
        match base16ct::mixed::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == 12 => Ok(Self::from_bytes(bytes)),
            _ => Err(IdError),
        }
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(base16ct::lower::encode_str(&self.0, &mut [0; 24]).map_err(|_| fmt::Error)?)
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(IdVisitor(PhantomData))
    }
}

struct IdVisitor<K>(PhantomData<fn(K) -> K>);

impl<K> de::Visitor<'_> for IdVisitor<K> {
    type Value = Id<K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id of 24 hex digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Id<K>, E> {
        text.parse().map_err(E::custom)
    }
}

// Derives would ask the same of `K`, which is never a value.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
