//! What must be there, or the request is refused.

use mewe_protocol::{AgentId, AppId, ThreadId, UserId};
use rusqlite::Connection;

use crate::{
    domain::{agent::Agent, application::Application, thread::Thread, user::Person},
    error::ApiError,
    store,
};

/// An application that must be there.
pub(crate) fn app(c: &Connection, app: AppId) -> Result<Application, ApiError> {
    store::apps::get(c, app)?.ok_or_else(|| ApiError::not_found("appId: there is no such application"))
}

/// A person who must be there; `field` says where they are named.
pub(crate) fn person(c: &Connection, user: UserId, field: &str) -> Result<Person, ApiError> {
    if let Some(person) = store::users::get(c, user)? {
        return Ok(person);
    }
    Err(if store::agents::is_agent(c, user)? {
        ApiError::invalid(field, format!("{user} is an agent, not a person"))
    } else {
        ApiError::not_found(format!("{field}: there is no user {user}"))
    })
}

/// A thread that must be there.
pub(crate) fn thread(c: &Connection, thread: ThreadId) -> Result<Thread, ApiError> {
    store::threads::get(c, thread)?.ok_or_else(|| ApiError::not_found("threadId: there is no such thread"))
}

/// An agent that must be registered.
pub(crate) fn agent(c: &Connection, agent: AgentId) -> Result<Agent, ApiError> {
    store::agents::get(c, agent)?.ok_or_else(|| ApiError::not_found("agentId: there is no such agent"))
}
