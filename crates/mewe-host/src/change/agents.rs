//! Agents are registered, join threads, leave them, are unregistered.

use mewe_protocol::{AgentId, AppId, EventName, Payload, ThreadId, UserId};
use rusqlite::Connection;

use super::{Change, find};
use crate::{
    domain::{
        agent::{Agent, may_register},
        example,
        name::Name,
        news::{self, News},
    },
    error::ApiError,
    store::{self, deliveries},
};

/// Adds an agent to an owner: its user, their thread, the news of it.
pub(crate) fn register(change: &Change<'_>, app: AppId, owner: UserId, name: Name) -> Result<Agent, ApiError> {
    register_as(change, change.id()?, app, owner, name)
}

/// Adds an agent under an id that is known already.
pub(super) fn register_as(
    change: &Change<'_>,
    id: AgentId,
    app: AppId,
    owner: UserId,
    name: Name,
) -> Result<Agent, ApiError> {
    let app = find::app(change.c, app)?.id;
    let owner = find::person(change.c, owner, "ownerId")?;
    may_register(store::agents::of_owner(change.c, owner.id, app)?)?;
    let personal = change.id()?;
    store::threads::insert(change.c, personal, None, true, change.steady)?;
    let agent = Agent { id, app, owner: owner.id, name, personal, paused: false };
    store::agents::insert(change.c, &agent, change.steady)?;
    for user in [owner.id, id.into()] {
        change.seat(personal, user)?;
    }
    change.tell([news::registered(&agent, &owner)])?;
    Ok(agent)
}

/// Its owner brings it into a further thread.
pub(crate) fn join(change: &Change<'_>, agent: AgentId, thread: ThreadId) -> Result<(), ApiError> {
    let agent = find::agent(change.c, agent)?;
    let thread = find::thread(change.c, thread)?;
    let is_in = |user| store::threads::is_in(change.c, thread.id, user);
    thread.may_seat(is_in(agent.id.into())?, is_in(agent.owner)?)?;
    change.seat(thread.id, agent.id.into())?;
    let owner = find::person(change.c, agent.owner, "ownerId")?;
    change.tell(news::agent_joined(&find::thread(change.c, thread.id)?, &agent, &owner))?;
    Ok(())
}

/// Its deliveries wait until somebody resumes them; nothing is lost, and no attempt is used up.
pub(crate) fn pause(change: &Change<'_>, agent: AgentId) -> Result<(), ApiError> {
    let agent = find::agent(change.c, agent)?;
    store::agents::set_paused(change.c, agent.id, true)?;
    Ok(())
}

/// What waited is due at once.
pub(crate) fn resume(change: &Change<'_>, agent: AgentId) -> Result<(), ApiError> {
    let agent = find::agent(change.c, agent)?;
    store::agents::set_paused(change.c, agent.id, false)?;
    deliveries::QUEUE.hurry(change.c, agent.id.as_bytes(), change.now)?;
    Ok(())
}

/// Sends an example of an event that did not happen. Returns the delivery.
pub(crate) fn test_event(change: &Change<'_>, agent: AgentId, event: &EventName) -> Result<i64, ApiError> {
    let agent = find::agent(change.c, agent)?;
    let owner = find::person(change.c, agent.owner, "ownerId")?;
    let example = example::of(event, &agent, &owner, change.id()?)
        .ok_or_else(|| ApiError::invalid("event", format!("must be one of {}", Payload::NAMES.join(", "))))?;
    let news = News { to: agent.id, app: agent.app, payload: example };
    Ok(deliveries::push(change.c, &news, true, change.now)?)
}

/// Its owner takes it out of a further thread.
pub(crate) fn leave(change: &Change<'_>, agent: AgentId, thread: ThreadId) -> Result<(), ApiError> {
    let agent = find::agent(change.c, agent)?;
    let thread = find::thread(change.c, thread)?;
    thread.may_unseat(store::threads::is_in(change.c, thread.id, agent.id.into())?)?;
    unseat(change, thread.id, agent.id)
}

/// Takes it out of a thread, whose agents hear of it, itself included.
pub(super) fn unseat(change: &Change<'_>, thread: ThreadId, agent: AgentId) -> Result<(), ApiError> {
    change.tell(news::agent_left(&find::thread(change.c, thread)?, agent))?;
    change.unseat(thread, agent.into())?;
    Ok(())
}

pub(crate) fn remove(change: &Change<'_>, agent: AgentId) -> Result<(), ApiError> {
    unregister(change, &find::agent(change.c, agent)?)
}

/// It leaves every thread, the personal one last.
pub(super) fn unregister(change: &Change<'_>, agent: &Agent) -> Result<(), ApiError> {
    for thread in store::agents::further_threads(change.c, agent)? {
        unseat(change, thread, agent.id)?;
    }
    change.unseat(agent.personal, agent.id.into())?;
    store::agents::retire(change.c, agent.id, change.now)?;
    if agent.paused {
        // Nobody can resume it any more.
        deliveries::QUEUE.hurry(change.c, agent.id.as_bytes(), change.now)?;
    }
    change.tell([news::unregistered(agent)])?;
    Ok(())
}

/// The thread of an agent and its owner.
pub(super) fn personal_thread(c: &Connection, agent: AgentId) -> Result<ThreadId, ApiError> {
    Ok(find::agent(c, agent)?.personal)
}
