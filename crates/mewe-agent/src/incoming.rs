//! One event on its way through one handler: what is known about it, and what the handler asked for so far.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use mewe_protocol::{MessageId, Payload, ThreadId};

use crate::{
    Agent, Person,
    effect::Effects,
    extract::Values,
    origin::Origin,
    store::{AgentStore, Work},
};

/// One event, and all that its handler may use. Handlers see it through extractors; implement
/// [`FromContext`](crate::FromContext) to make your own.
#[derive(Clone)]
pub struct Incoming(Arc<Inner>);

struct Inner {
    store: AgentStore,
    values: Values,
    payload: Payload,
    thread: Option<ThreadId>,
    agent: Agent,
    author: Option<Person>,
    at: Timestamp,
    now: Timestamp,
    run: Mutex<Run>,
}

#[derive(Default)]
struct Run {
    effects: Effects,
    origin: Origin,
}

impl Incoming {
    pub(crate) fn new(store: AgentStore, values: Values, work: &Work, now: Timestamp) -> Self {
        let thread = work.thread;
        // The event's own thread first: whatever a handler does, it has read its event.
        let origin = thread.map(Origin::of).unwrap_or_default();
        Self(Arc::new(Inner {
            store,
            values,
            payload: work.payload.clone(),
            thread,
            agent: work.agent.clone(),
            author: work.author.clone(),
            at: work.at,
            now,
            run: Mutex::new(Run { effects: Effects::default(), origin }),
        }))
    }

    /// The event itself.
    pub fn payload(&self) -> &Payload {
        &self.0.payload
    }

    /// The agent that it was sent to.
    pub fn agent(&self) -> &Agent {
        &self.0.agent
    }

    /// The thread that it is about, if any.
    pub fn thread(&self) -> Option<ThreadId> {
        self.0.thread
    }

    /// The message that it is about, if it is one.
    pub fn message(&self) -> Option<MessageId> {
        match &self.0.payload {
            Payload::Message(m) => Some(m.chat_message_id),
            Payload::Mention(m) => Some(m.chat_message_id),
            _ => None,
        }
    }

    /// Who wrote the message, if it is one.
    pub fn author(&self) -> Option<&Person> {
        self.0.author.as_ref()
    }

    /// When it happened, as far as the wire tells, to the second.
    pub fn at(&self) -> Timestamp {
        self.0.at
    }

    /// When this run began.
    pub fn now(&self) -> Timestamp {
        self.0.now
    }

    /// What the application shares with its handlers.
    pub fn values(&self) -> &Values {
        &self.0.values
    }

    pub(crate) fn store(&self) -> &AgentStore {
        &self.0.store
    }

    pub(crate) fn origin(&self) -> Origin {
        self.run(|run| run.origin.clone())
    }

    pub(crate) fn join(&self, origin: &Origin) {
        self.run(|run| run.origin.join(origin));
    }

    pub(crate) fn effects<T>(&self, f: impl FnOnce(&mut Effects) -> T) -> T {
        self.run(|run| f(&mut run.effects))
    }

    /// What the handler asked for, all of it.
    pub(crate) fn take_effects(&self) -> Effects {
        self.effects(std::mem::take)
    }

    fn run<T>(&self, f: impl FnOnce(&mut Run) -> T) -> T {
        f(&mut self.0.run.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming")
            .field("event", &self.0.payload.name())
            .field("thread", &self.0.thread)
            .finish_non_exhaustive()
    }
}
