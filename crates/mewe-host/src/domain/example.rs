//! Examples of the eight events, for trying an agent: they tell of nothing that happened.

use mewe_protocol::{
    AgentId, EventName, MessageId, Payload, ThreadId, UserId,
    event::{AgentJoined, AgentLeft, Mention, Message, Registered, Unregistered, UserJoined, UserLeft},
    mention,
};

use super::{agent::Agent, user::Person};

/// Somebody who is not there.
const SIGRUN: (UserId, &str) = (
    UserId::from_bytes([0x60, 0x75, 0x95, 0x29, 0x56, 0x35, 0x49, 0x5b, 0x3c, 0x80, 0xf7, 0xde]),
    "Sigrún Guðmundsdóttir",
);
/// An agent that is not there.
const THOR: (AgentId, &str) =
    (AgentId::from_bytes([0x60, 0x75, 0x95, 0x29, 0x56, 0x33, 0x49, 0x5b, 0x3c, 0x80, 0xf6, 0xcf]), "Thor");

/// A thread that is not there. Who comes and goes does so here: an agent that hears of a third in its personal thread falls
/// silent there.
const ELSEWHERE: ThreadId =
    ThreadId::from_bytes([0x60, 0xff, 0xe9, 0x49, 0x2f, 0x19, 0xcd, 0x26, 0x77, 0xb0, 0xe1, 0xb1]);

/// The example of `event` for an agent. What is said stands in its personal thread, so that it can answer. `message`: the id of
/// a message that is not there.
pub(crate) fn of(event: &EventName, agent: &Agent, owner: &Person, message: MessageId) -> Option<Payload> {
    let examples = [
        Payload::Registered(Registered {
            agent_name: agent.name.to_string(),
            owner_id: owner.id,
            owner_first_name: owner.first_name.to_string(),
            personal_chat_thread_id: agent.personal,
        }),
        Payload::Unregistered(Unregistered { owner_id: owner.id }),
        Payload::Mention(Mention {
            thread_id: agent.personal,
            chat_message_id: message,
            message_text: format!("Hey {} How's going?", mention::render(agent.id.into(), agent.name.as_str())),
            user_id: owner.id,
            user_name: Some(owner.name()),
        }),
        Payload::AgentJoined(AgentJoined {
            thread_id: ELSEWHERE,
            agent_id: THOR.0,
            agent_name: THOR.1.to_owned(),
            owner_id: owner.id,
            owner_name: owner.name(),
        }),
        Payload::AgentLeft(AgentLeft { thread_id: ELSEWHERE, agent_id: THOR.0 }),
        Payload::UserJoined(UserJoined { thread_id: ELSEWHERE, user_id: SIGRUN.0, user_name: SIGRUN.1.to_owned() }),
        Payload::UserLeft(UserLeft { thread_id: ELSEWHERE, user_id: SIGRUN.0, user_name: SIGRUN.1.to_owned() }),
        Payload::Message(Message {
            thread_id: agent.personal,
            chat_message_id: message,
            message_text: "Maybe yes, maybe not".to_owned(),
            user_id: owner.id,
        }),
    ];
    examples.into_iter().find(|example| example.name() == *event)
}
