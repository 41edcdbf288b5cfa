//! People, and the agents of those who have one: they say, hear, and come and go.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use http::Method;
use mewe_protocol::{AgentId, MessageId, ThreadId, UserId, mention};
use serde_json::json;

use crate::{
    thread::Thread,
    world::{World, parse},
};

/// Somebody. What they do returns when every queue is idle.
#[derive(Debug, Clone)]
pub struct Person {
    world: World,
    id: UserId,
    name: String,
    /// How many messages of each thread they have gone past.
    heard: Arc<Mutex<HashMap<ThreadId, usize>>>,
}

impl Person {
    pub(crate) fn new(world: World, id: UserId, name: &str) -> Self {
        Self { world, id, name: name.to_owned(), heard: Arc::default() }
    }

    /// Their id.
    pub fn id(&self) -> UserId {
        self.id
    }

    /// Their name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says `text` in `thread`.
    pub async fn says_in(&self, thread: &Thread, text: &str) -> MessageId {
        let path = format!("/operator/threads/{}/messages", thread.id());
        let said = self.world.operate(Method::POST, &path, Some(&json!({ "userId": self.id, "text": text }))).await;
        self.world.settle().await;
        parse(&said, "chatMessageId")
    }

    /// Says `text` in `thread`, behind a mention of `agent`.
    pub async fn mentions(&self, agent: &Agent, thread: &Thread, text: &str) -> MessageId {
        self.says_in(thread, &format!("{} {text}", agent.mention())).await
    }

    /// Takes part in `thread` from now on.
    pub async fn joins(&self, thread: &Thread) {
        let path = format!("/operator/threads/{}/participants", thread.id());
        self.world.operate(Method::POST, &path, Some(&json!({ "userId": self.id }))).await;
        self.world.settle().await;
    }

    /// Takes part in `thread` no longer.
    pub async fn leaves(&self, thread: &Thread) {
        let path = format!("/operator/threads/{}/participants/{}", thread.id(), self.id);
        self.world.operate(Method::DELETE, &path, None).await;
        self.world.settle().await;
    }

    /// The next message of somebody else in `thread` contains `part`. Returns its text, with mentions as a person reads them.
    ///
    /// # Panics
    /// If there is none, or another; with all that was said there.
    pub async fn hears_in(&self, thread: &Thread, part: &str) -> String {
        match self.next_in(thread).await {
            Some(text) if text.contains(part) => text,
            Some(text) => panic!(
                "{} should hear {part:?} and hears {text:?}. All that was said:\n{}",
                self.name,
                thread.transcript().await
            ),
            None => panic!(
                "{} should hear {part:?} and hears nothing. All that was said:\n{}",
                self.name,
                thread.transcript().await
            ),
        }
    }

    /// There is nothing in `thread` that they have not heard.
    ///
    /// # Panics
    /// If there is; with all that was said there.
    pub async fn silence_in(&self, thread: &Thread) {
        if let Some(text) = self.next_in(thread).await {
            panic!(
                "{} should hear nothing and hears {text:?}. All that was said:\n{}",
                self.name,
                thread.transcript().await
            );
        }
    }

    /// All that others said in `thread` and they have not heard yet, the oldest first.
    pub async fn hears_all_in(&self, thread: &Thread) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(text) = self.next_in(thread).await {
            all.push(text);
        }
        all
    }

    async fn next_in(&self, thread: &Thread) -> Option<String> {
        let messages = thread.messages().await;
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let past = heard.entry(thread.id()).or_default();
        while let Some(message) = messages.get(*past) {
            *past += 1;
            if message.user_id != self.id {
                return Some(mention::plain(&message.text));
            }
        }
        None
    }
}

impl From<&Person> for UserId {
    fn from(person: &Person) -> Self {
        person.id
    }
}

/// Somebody with an agent, and the thread of the two.
#[derive(Debug, Clone)]
pub struct Owner {
    pub(crate) person: Person,
    /// Their agent.
    pub agent: Agent,
}

impl Owner {
    /// The personal thread.
    pub fn thread(&self) -> &Thread {
        &self.agent.personal
    }

    /// Says `text` in the personal thread.
    pub async fn says(&self, text: &str) -> MessageId {
        self.says_in(self.thread(), text).await
    }

    /// The next message of the agent in the personal thread contains `part`. Returns its text.
    ///
    /// # Panics
    /// As [`Person::hears_in`].
    pub async fn hears(&self, part: &str) -> String {
        self.hears_in(self.thread(), part).await
    }

    /// There is nothing in the personal thread that they have not heard.
    ///
    /// # Panics
    /// As [`Person::silence_in`].
    pub async fn silence(&self) {
        self.silence_in(self.thread()).await;
    }

    /// All that the agent said in the personal thread and they have not heard yet, the oldest first.
    pub async fn hears_all(&self) -> Vec<String> {
        self.hears_all_in(self.thread()).await
    }

    /// Brings the agent into `thread`, in which they take part.
    pub async fn brings_agent_to(&self, thread: &Thread) {
        self.agent.joins(thread).await;
    }
}

impl Deref for Owner {
    type Target = Person;

    fn deref(&self) -> &Person {
        &self.person
    }
}

impl From<&Owner> for UserId {
    fn from(owner: &Owner) -> Self {
        owner.person.id
    }
}

/// An agent as the platform knows it. What befalls it returns when every queue is idle.
#[derive(Debug, Clone)]
pub struct Agent {
    world: World,
    id: AgentId,
    name: String,
    personal: Thread,
}

impl Agent {
    pub(crate) fn new(world: World, id: AgentId, name: &str, personal: Thread) -> Self {
        Self { world, id, name: name.to_owned(), personal }
    }

    /// Its id.
    pub fn id(&self) -> AgentId {
        self.id
    }

    /// The thread of it and its owner.
    pub fn personal(&self) -> &Thread {
        &self.personal
    }

    /// A mention of it, as it stands in a text.
    pub fn mention(&self) -> String {
        mention::render(self.id.into(), &self.name)
    }

    /// Its owner brings it into `thread`.
    pub async fn joins(&self, thread: &Thread) {
        let path = format!("/operator/agents/{}/threads", self.id);
        self.world.operate(Method::POST, &path, Some(&json!({ "threadId": thread.id() }))).await;
        self.world.settle().await;
    }

    /// Its owner takes it out of `thread`.
    pub async fn leaves(&self, thread: &Thread) {
        let path = format!("/operator/agents/{}/threads/{}", self.id, thread.id());
        self.world.operate(Method::DELETE, &path, None).await;
        self.world.settle().await;
    }

    /// Its owner removes it for good.
    pub async fn is_removed(&self) {
        self.world.operate(Method::DELETE, &format!("/operator/agents/{}", self.id), None).await;
        self.world.settle().await;
    }
}

impl From<&Agent> for UserId {
    fn from(agent: &Agent) -> Self {
        agent.id.into()
    }
}
