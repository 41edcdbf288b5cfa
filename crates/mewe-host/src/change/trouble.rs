//! Switches of trouble are set, and calls of agents that are in trouble come.

use mewe_protocol::{AgentId, MessageText, ThreadId, message::ChatMessage, request::Verified};

use super::{Change, find, messages};
use crate::{
    domain::trouble::{Kind, MAX_SEED, Marks, Often, may_set},
    error::ApiError,
    store::{self, deliveries, live, replay},
};

/// All that is to be set of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// None: it stays.
    pub(crate) seed: Option<u64>,
    /// What is not in it is off.
    pub(crate) switches: Vec<(Kind, Often, Option<u32>)>,
}

/// Sets all switches of an agent. Each begins anew, so that with one seed the same ones are touched.
pub(crate) fn set(change: &Change<'_>, agent: AgentId, setting: &Setting) -> Result<(), ApiError> {
    let agent = find::agent(change.c, agent)?.id;
    if let Some(seed) = setting.seed {
        put_seed(change, agent, seed)?;
    }
    for kind in Kind::ALL {
        let given = setting.switches.iter().find(|(given, ..)| *given == kind);
        let (often, seconds) = given.map_or((Often::Off, None), |(_, often, seconds)| (*often, *seconds));
        put(change, agent, kind, often, seconds)?;
    }
    Ok(live::trouble(change.c, agent, change.now)?)
}

/// Sets one switch, which begins anew. Without `seconds` a delay is as long as it was set last.
pub(crate) fn set_switch(
    change: &Change<'_>,
    agent: AgentId,
    kind: Kind,
    often: Often,
    seconds: Option<u32>,
) -> Result<(), ApiError> {
    let agent = find::agent(change.c, agent)?.id;
    put(change, agent, kind, often, seconds)?;
    Ok(live::trouble(change.c, agent, change.now)?)
}

/// Sets what decides which ones are touched; all switches begin anew.
pub(crate) fn set_seed(change: &Change<'_>, agent: AgentId, seed: u64) -> Result<(), ApiError> {
    let agent = find::agent(change.c, agent)?.id;
    put_seed(change, agent, seed)?;
    Ok(live::trouble(change.c, agent, change.now)?)
}

/// Turns everything off, of an agent or of all. What was counted stays.
pub(crate) fn all_off(change: &Change<'_>, agent: Option<AgentId>) -> Result<(), ApiError> {
    let agents = match agent {
        Some(agent) => vec![find::agent(change.c, agent)?.id],
        None => store::trouble::switched_on(change.c)?.into_iter().map(|(agent, _)| agent).collect(),
    };
    for agent in agents {
        for kind in Kind::ALL {
            put(change, agent, kind, Often::Off, None)?;
        }
        live::trouble(change.c, agent, change.now)?;
    }
    if agent.is_none() {
        // A switch for the next one only is off by itself, and what it touched may still be held.
        deliveries::let_all_go(change.c)?;
    }
    Ok(())
}

/// What a switch that goes off still holds back is let go.
fn put(change: &Change<'_>, agent: AgentId, kind: Kind, often: Often, seconds: Option<u32>) -> Result<(), ApiError> {
    may_set(kind, often, seconds).map_err(|wrong| ApiError::invalid(wrong.field, wrong.why))?;
    store::trouble::set(change.c, agent, kind, often, seconds)?;
    if often == Often::Off {
        deliveries::let_go_of(change.c, agent, kind)?;
    }
    Ok(())
}

fn put_seed(change: &Change<'_>, agent: AgentId, seed: u64) -> Result<(), ApiError> {
    if seed > MAX_SEED {
        return Err(ApiError::invalid("seed", format!("a number from 0 to {MAX_SEED}")));
    }
    Ok(store::trouble::set_seed(change.c, agent, seed)?)
}

/// What is answered to a call in place of looking at it, if something is.
pub(crate) fn instead(change: &Change<'_>, agent: AgentId) -> Result<Option<Kind>, ApiError> {
    for kind in [Kind::Answer500, Kind::Answer420] {
        if touches(change, agent, kind)? {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

/// As [`messages::send`], of an agent that is in trouble: the message, or what is answered in place of it; and what was done on
/// purpose. What is refused for a reason is no occasion: then nothing was counted either.
pub(crate) fn send(
    change: &Change<'_>,
    request: &Verified,
    thread: ThreadId,
    text: MessageText,
    remember: bool,
) -> Result<(Result<ChatMessage, Kind>, Marks), ApiError> {
    let (agent, mut marks) = (request.agent_id, Marks::default());
    if let Some(kind) = instead(change, agent)? {
        return Ok((Err(kind), marks.with(kind)));
    }
    if remember && replay::is_used(change.c, request)? && touches(change, agent, Kind::ForgetReplays)? {
        marks = marks.with(Kind::ForgetReplays);
    }
    // It is remembered already, and stays so: afterwards it is a replay again.
    let remember = remember && !marks.holds(Kind::ForgetReplays);
    let message = messages::send(change, request, thread, text, remember)?;
    if touches(change, agent, Kind::LoseAnswer)? {
        marks = marks.with(Kind::LoseAnswer);
    }
    Ok((Ok(message), marks))
}

fn touches(change: &Change<'_>, agent: AgentId, kind: Kind) -> Result<bool, ApiError> {
    Ok(store::trouble::touches(change.c, agent, kind, change.now)?.is_some())
}
