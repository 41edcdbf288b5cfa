//! Who hears of what: the events that a change becomes, and whom each is for.
//!
//! An application without `user_chats` hears of its agents being registered and unregistered, and of nothing else; an author
//! hears nothing of their own message (docs/wire.md, D11, D14).

use mewe_protocol::{
    AgentId, AppId, MessageId, Payload, ThreadId, UserId,
    event::{AgentJoined, AgentLeft, Mention, Message, Registered, Unregistered, UserJoined, UserLeft},
    mention,
    message::ChatMessage,
};

use super::{
    agent::Agent,
    thread::{Seat, Thread},
    user::Person,
};

/// An event for one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) to: AgentId,
    pub(crate) app: AppId,
    pub(crate) payload: Payload,
}

impl News {
    /// The thread it is about.
    pub(crate) fn thread(&self) -> Option<ThreadId> {
        match &self.payload {
            Payload::Registered(p) => Some(p.personal_chat_thread_id),
            Payload::Mention(p) => Some(p.thread_id),
            Payload::AgentJoined(p) => Some(p.thread_id),
            Payload::AgentLeft(p) => Some(p.thread_id),
            Payload::UserJoined(p) => Some(p.thread_id),
            Payload::UserLeft(p) => Some(p.thread_id),
            Payload::Message(p) => Some(p.thread_id),
            Payload::Unregistered(_) | Payload::Unknown { .. } => None,
        }
    }

    /// The message it is about.
    pub(crate) fn message(&self) -> Option<MessageId> {
        match &self.payload {
            Payload::Mention(p) => Some(p.chat_message_id),
            Payload::Message(p) => Some(p.chat_message_id),
            _ => None,
        }
    }
}

/// An agent was added to its owner.
pub(crate) fn registered(agent: &Agent, owner: &Person) -> News {
    let payload = Payload::Registered(Registered {
        agent_name: agent.name.to_string(),
        owner_id: owner.id,
        owner_first_name: owner.first_name.to_string(),
        personal_chat_thread_id: agent.personal,
    });
    News { to: agent.id, app: agent.app, payload }
}

/// An agent was taken from its owner.
pub(crate) fn unregistered(agent: &Agent) -> News {
    let payload = Payload::Unregistered(Unregistered { owner_id: agent.owner });
    News { to: agent.id, app: agent.app, payload }
}

/// An agent was added to `thread`, in which it sits now.
pub(crate) fn agent_joined(thread: &Thread, agent: &Agent, owner: &Person) -> Vec<News> {
    let payload = Payload::AgentJoined(AgentJoined {
        thread_id: thread.id,
        agent_id: agent.id,
        agent_name: agent.name.to_string(),
        owner_id: owner.id,
        owner_name: owner.name(),
    });
    to_all(thread, &payload)
}

/// An agent leaves `thread`, in which it still sits: it hears of that too.
pub(crate) fn agent_left(thread: &Thread, agent: AgentId) -> Vec<News> {
    to_all(thread, &Payload::AgentLeft(AgentLeft { thread_id: thread.id, agent_id: agent }))
}

/// A person joined `thread`.
pub(crate) fn user_joined(thread: &Thread, user: &Person) -> Vec<News> {
    let payload = UserJoined { thread_id: thread.id, user_id: user.id, user_name: user.name() };
    to_all(thread, &Payload::UserJoined(payload))
}

/// A person left `thread`.
pub(crate) fn user_left(thread: &Thread, user: &Person) -> Vec<News> {
    let payload = UserLeft { thread_id: thread.id, user_id: user.id, user_name: user.name() };
    to_all(thread, &Payload::UserLeft(payload))
}

/// A message was sent to `thread`. Whom it mentions hears of it twice, with one id.
pub(crate) fn message(thread: &Thread, message: &ChatMessage) -> Vec<News> {
    let mut news = Vec::new();
    for seat in hearing(thread).filter(|seat| UserId::from(seat.agent) != message.user_id) {
        if mention::mentions(&message.message_text, seat.agent.into()) {
            news.push(for_seat(
                seat,
                Payload::Mention(Mention {
                    thread_id: message.thread_id,
                    chat_message_id: message.chat_message_id,
                    message_text: message.message_text.clone(),
                    user_id: message.user_id,
                    user_name: Some(message.user_name.clone()),
                }),
            ));
        }
        news.push(for_seat(
            seat,
            Payload::Message(Message {
                thread_id: message.thread_id,
                chat_message_id: message.chat_message_id,
                message_text: message.message_text.clone(),
                user_id: message.user_id,
            }),
        ));
    }
    news
}

fn hearing(thread: &Thread) -> impl Iterator<Item = &Seat> {
    thread.seats.iter().filter(|seat| seat.hears)
}

fn to_all(thread: &Thread, payload: &Payload) -> Vec<News> {
    hearing(thread).map(|seat| for_seat(seat, payload.clone())).collect()
}

fn for_seat(seat: &Seat, payload: Payload) -> News {
    News { to: seat.agent, app: seat.app, payload }
}
