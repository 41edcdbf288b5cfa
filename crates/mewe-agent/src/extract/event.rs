//! First arguments: the eight events of the wire as a handler wants them, by what they mean to this agent.

use std::ops::Deref;

use jiff::Timestamp;
use mewe_protocol::{MessageId, Payload, ThreadId, UserId, mention};

use super::FromEvent;
use crate::{Incoming, Person, text};

/// A message in a thread in which the agent sits, whoever wrote it, except the agent itself and other known agents.
#[derive(Debug, Clone)]
pub struct Message {
    id: MessageId,
    thread: ThreadId,
    author: Person,
    text: String,
    at: Timestamp,
    me: UserId,
    is_owner: bool,
    is_personal: bool,
}

impl Message {
    /// Its id.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// The thread in which it stands.
    pub fn thread(&self) -> ThreadId {
        self.thread
    }

    /// The text as it was sent, with mentions in their markup. Empty for a photo.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text as a person reads it: each mention as its name. Fit to be repeated, since it pings nobody.
    pub fn plain(&self) -> String {
        text::quote(&self.text)
    }

    /// What was asked of the agent: the plain text without the mention of the agent that it begins or ends with.
    pub fn request(&self) -> String {
        let mut segments: Vec<_> = mention::segments(&self.text).collect();
        let is_me = |s: &mention::Segment<'_>| matches!(s, mention::Segment::Mention { user, .. } if *user == self.me);
        let is_blank = |s: &mention::Segment<'_>| matches!(s, mention::Segment::Text(t) if t.trim().is_empty());
        while segments.last().is_some_and(|s| is_me(s) || is_blank(s)) {
            segments.pop();
        }
        let lead = segments.iter().take_while(|s| is_me(s) || is_blank(s)).count();
        // As a whole: two harmless parts can join into a mention.
        let words = text::quote(&segments[lead..].iter().map(mention::Segment::source).collect::<String>());
        let words = words.trim();
        // "MuadDib, help" and "MuadDib: help" are one address.
        if lead > 0 { words.trim_start_matches([',', ':', '!']).trim_start().to_owned() } else { words.to_owned() }
    }

    /// The author's name, as far as it is known; otherwise `somebody`.
    pub fn author(&self) -> &str {
        self.author.name()
    }

    /// The author's id.
    pub fn author_id(&self) -> UserId {
        self.author.id
    }

    /// Whether the agent's owner wrote it.
    pub fn is_owner(&self) -> bool {
        self.is_owner
    }

    /// Whether it stands in the personal thread of owner and agent.
    pub fn is_personal(&self) -> bool {
        self.is_personal
    }

    /// Whether it mentions the agent.
    pub fn mentions_me(&self) -> bool {
        self.mentions(self.me)
    }

    /// Whether it mentions `user`.
    pub fn mentions(&self, user: UserId) -> bool {
        mention::mentions(&self.text, user)
    }

    /// When it was written, as far as the wire tells (docs/wire.md, D17), to the second.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl FromEvent for Message {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        let (thread, id, text, user) = match incoming.payload() {
            Payload::Message(m) => (m.thread_id, m.chat_message_id, &m.message_text, m.user_id),
            Payload::Mention(m) => (m.thread_id, m.chat_message_id, &m.message_text, m.user_id),
            _ => return None,
        };
        let agent = incoming.agent();
        Some(Self {
            id,
            thread,
            author: incoming.author().cloned().unwrap_or(Person { id: user, name: None, is_agent: false }),
            text: text.clone(),
            at: incoming.at(),
            me: agent.id.into(),
            is_owner: agent.owner.id == user,
            is_personal: agent.personal_thread == Some(thread),
        })
    }
}

/// A [`Message`] that mentions the agent.
#[derive(Debug, Clone)]
pub struct Mention(Message);

impl FromEvent for Mention {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        // A mention event says so even where the text, read our way, does not.
        let named = matches!(incoming.payload(), Payload::Mention(_));
        Message::from_event(incoming).filter(|m| named || m.mentions_me()).map(Self)
    }
}

/// A [`Message`] of the owner in the personal thread.
#[derive(Debug, Clone)]
pub struct Direct(Message);

impl FromEvent for Direct {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        Message::from_event(incoming).filter(|m| m.is_personal && m.is_owner).map(Self)
    }
}

impl Deref for Mention {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.0
    }
}

impl Deref for Direct {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.0
    }
}

/// The agent was added to its personal thread: its life begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The name that the owner sees.
    pub agent_name: String,
    /// The owner's first name.
    pub owner_first_name: String,
    /// The thread of owner and agent alone.
    pub personal_thread: ThreadId,
}

impl FromEvent for Registered {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        match incoming.payload() {
            Payload::Registered(r) => Some(Self {
                agent_name: text::quote(&r.agent_name),
                owner_first_name: text::quote(&r.owner_first_name),
                personal_thread: r.personal_chat_thread_id,
            }),
            _ => None,
        }
    }
}

/// The agent was removed for good: nothing can be sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unregistered;

impl FromEvent for Unregistered {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        matches!(incoming.payload(), Payload::Unregistered(_)).then_some(Self)
    }
}

/// The agent itself was added to a further thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// That thread.
    pub thread: ThreadId,
}

impl FromEvent for Joined {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        match incoming.payload() {
            Payload::AgentJoined(j) if j.agent_id == incoming.agent().id => Some(Self { thread: j.thread_id }),
            _ => None,
        }
    }
}

/// The agent itself was removed from a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// That thread.
    pub thread: ThreadId,
}

impl FromEvent for Left {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        match incoming.payload() {
            Payload::AgentLeft(l) if l.agent_id == incoming.agent().id => Some(Self { thread: l.thread_id }),
            _ => None,
        }
    }
}

/// Another agent was added to a thread in which this one sits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentJoined {
    /// That thread.
    pub thread: ThreadId,
    /// The other agent.
    pub agent: Person,
    /// Whose it is.
    pub owner: Person,
}

impl FromEvent for AgentJoined {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        match incoming.payload() {
            Payload::AgentJoined(j) if j.agent_id != incoming.agent().id => Some(Self {
                thread: j.thread_id,
                agent: Person::new(j.agent_id.into(), &j.agent_name, true),
                owner: Person::new(j.owner_id, &j.owner_name, false),
            }),
            _ => None,
        }
    }
}

/// Another agent was removed from a thread in which this one sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentLeft {
    /// That thread.
    pub thread: ThreadId,
    /// The other agent's user id.
    pub agent: UserId,
}

impl FromEvent for AgentLeft {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        match incoming.payload() {
            Payload::AgentLeft(l) if l.agent_id != incoming.agent().id => {
                Some(Self { thread: l.thread_id, agent: l.agent_id.into() })
            }
            _ => None,
        }
    }
}

/// A person was added to a thread in which the agent sits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserJoined {
    /// That thread.
    pub thread: ThreadId,
    /// That person.
    pub user: Person,
}

impl FromEvent for UserJoined {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        match incoming.payload() {
            Payload::UserJoined(j) => {
                Some(Self { thread: j.thread_id, user: Person::new(j.user_id, &j.user_name, false) })
            }
            _ => None,
        }
    }
}

/// A person left a thread in which the agent sits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserLeft {
    /// That thread.
    pub thread: ThreadId,
    /// That person.
    pub user: Person,
}

impl FromEvent for UserLeft {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        match incoming.payload() {
            Payload::UserLeft(l) => {
                Some(Self { thread: l.thread_id, user: Person::new(l.user_id, &l.user_name, false) })
            }
            _ => None,
        }
    }
}

/// Authentic news of a kind that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEvent {
    /// The event's name.
    pub name: String,
    /// Its payload, as it came.
    pub json: String,
}

impl FromEvent for UnknownEvent {
    fn from_event(incoming: &Incoming) -> Option<Self> {
        match incoming.payload() {
            Payload::Unknown { name, json } => Some(Self { name: name.as_str().to_owned(), json: json.clone() }),
            _ => None,
        }
    }
}
