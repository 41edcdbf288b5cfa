//! The eight events as the page writes them: the name, then the payload, field by field.

use std::fmt::Display;

use mewe_protocol::{AgentId, MessageId, ThreadId, UserId};

pub(crate) fn registered(name: &str, owner: UserId, first_name: &str, personal: ThreadId) -> String {
    format!(
        r#"personal_agent_registered {{"agentName":"{name}","ownerId":"{owner}","ownerFirstName":"{first_name}","personalChatThreadId":"{personal}"}}"#
    )
}

pub(crate) fn unregistered(owner: UserId) -> String {
    format!(r#"personal_agent_unregistered {{"ownerId":"{owner}"}}"#)
}

pub(crate) fn mention(thread: ThreadId, id: MessageId, text: &str, user: impl Display, name: &str) -> String {
    format!(
        r#"personal_chat_mention {{"threadId":"{thread}","chatMessageId":"{id}","messageText":"{text}","userId":"{user}","userName":"{name}"}}"#
    )
}

pub(crate) fn message(thread: ThreadId, id: MessageId, text: &str, user: impl Display) -> String {
    format!(
        r#"personal_chat_message {{"threadId":"{thread}","chatMessageId":"{id}","messageText":"{text}","userId":"{user}"}}"#
    )
}

pub(crate) fn agent_joined(thread: ThreadId, agent: AgentId, name: &str, owner: UserId, owner_name: &str) -> String {
    format!(
        r#"personal_agent_joined_chat {{"threadId":"{thread}","agentId":"{agent}","agentName":"{name}","ownerId":"{owner}","ownerName":"{owner_name}"}}"#
    )
}

pub(crate) fn agent_left(thread: ThreadId, agent: AgentId) -> String {
    format!(r#"personal_agent_left_chat {{"threadId":"{thread}","agentId":"{agent}"}}"#)
}

pub(crate) fn user_joined(thread: ThreadId, user: UserId, name: &str) -> String {
    format!(r#"personal_user_joined_chat {{"threadId":"{thread}","userId":"{user}","userName":"{name}"}}"#)
}

pub(crate) fn user_left(thread: ThreadId, user: UserId, name: &str) -> String {
    format!(r#"personal_user_left_chat {{"threadId":"{thread}","userId":"{user}","userName":"{name}"}}"#)
}
