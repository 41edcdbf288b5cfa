//! A thread as everybody in it sees it.

use http::Method;
use mewe_protocol::{
    ThreadId, UserId, json,
    mention::plain,
    message::{ReadMessage, ReadPage},
};

use crate::world::World;

/// A thread.
#[derive(Debug, Clone)]
pub struct Thread {
    pub(crate) world: World,
    id: ThreadId,
}

impl Thread {
    pub(crate) fn new(world: World, id: ThreadId) -> Self {
        Self { world, id }
    }

    /// Its id.
    pub fn id(&self) -> ThreadId {
        self.id
    }

    /// All its messages, the oldest first.
    pub async fn messages(&self) -> Vec<ReadMessage> {
        let mut messages = Vec::new();
        let mut path = Some(format!("/operator/threads/{}/messages?limit=100", self.id));
        while let Some(next) = path {
            let answer = self.world.operate(Method::GET, &next, None).await;
            let page = ReadPage::from_body(&json::print(&answer)).expect("the host answers a page");
            messages.extend(page.messages);
            path = page.next_page;
        }
        messages.reverse();
        messages
    }

    /// All its texts, the oldest first, with mentions as a person reads them.
    pub async fn texts(&self) -> Vec<String> {
        self.messages().await.iter().map(|message| plain(&message.text)).collect()
    }

    /// The texts of one person or agent, the oldest first, with mentions as a person reads them.
    pub async fn said_by(&self, who: impl Into<UserId>) -> Vec<String> {
        let who = who.into();
        let messages = self.messages().await;
        messages.iter().filter(|message| message.user_id == who).map(|message| plain(&message.text)).collect()
    }

    /// A line a message: who, and what. For the words of a panic.
    pub async fn transcript(&self) -> String {
        let messages = self.messages().await;
        let lines = messages.into_iter().map(|message| {
            let name = message.user_name.unwrap_or_else(|| message.user_id.to_string());
            format!("{name}: {}\n", plain(&message.text))
        });
        lines.collect()
    }
}
