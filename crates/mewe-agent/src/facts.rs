//! What a handler is told, as plain values: who, where, what was said.

use jiff::Timestamp;
use mewe_protocol::{AgentId, MessageId, ThreadId, UserId};

use crate::text;

/// The one spoken to: one application serves many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id, which is its user id too.
    pub id: AgentId,
    /// Its name; empty until it is learned.
    pub name: String,
    /// The only one it obeys.
    pub owner: Person,
    /// The thread of owner and agent alone, once it is known.
    pub personal_thread: Option<ThreadId>,
}

/// Somebody in a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their id.
    pub id: UserId,
    /// Their name, if it is known in this thread. The wire names people only now and then.
    pub name: Option<String>,
    /// Whether they are known to be an agent.
    pub is_agent: bool,
}

impl Person {
    pub(crate) fn new(id: UserId, name: &str, is_agent: bool) -> Self {
        let name = text::quote(name.trim());
        Self { id, name: (!name.is_empty()).then_some(name), is_agent }
    }

    /// The name, or `somebody`. With mentions made plain: a name is no place to ping from.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("somebody")
    }
}

/// A thread in which the agent sits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Its id.
    pub id: ThreadId,
    /// A small number that stays: 1, 2, … in the order in which the agent came to know them. The personal thread has 0.
    pub number: u32,
    /// The people known there, without the agent itself and its owner, by name. The wire lists nobody: these are the ones
    /// who were heard of.
    pub people: Vec<Person>,
}

/// A message of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its id.
    pub id: MessageId,
    /// Its author.
    pub author: Person,
    /// Whether the owner wrote it.
    pub is_owner: bool,
    /// Whether the agent itself wrote it.
    pub is_me: bool,
    /// The text as it was sent.
    pub text: String,
    /// When it was written, to the second.
    pub at: Timestamp,
}

/// From where a history is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// All that is known.
    Start,
    /// What came after the owner last wrote in that thread. If they are being answered there just now, that is what they
    /// wrote before: asking what is new makes nothing old.
    OwnerWrote,
    /// What is not older than this.
    Time(Timestamp),
}
