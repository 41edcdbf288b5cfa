//! Agents, and the threads they join.

use std::sync::Arc;

use axum::{body::Body, extract::State, http::StatusCode, response::Response};
use mewe_protocol::{AgentId, AppId, ThreadId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{after, name};
use crate::{
    Shared, change, domain,
    error::{ApiError, json_response},
    paging,
    request::Params,
    store,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    app_id: AppId,
    owner_id: UserId,
    agent_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Join {
    thread_id: ThreadId,
}

#[derive(Deserialize)]
struct TestEvent {
    event: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Agent {
    agent_id: AgentId,
    agent_name: String,
    app_id: AppId,
    owner_id: UserId,
    personal_chat_thread_id: ThreadId,
    threads: Vec<ThreadId>,
    paused: bool,
}

impl Agent {
    fn new(agent: &domain::agent::Agent, threads: Vec<ThreadId>) -> Self {
        Self {
            agent_id: agent.id,
            agent_name: agent.name.to_string(),
            app_id: agent.app,
            owner_id: agent.owner,
            personal_chat_thread_id: agent.personal,
            threads,
            paused: agent.paused,
        }
    }
}

pub(crate) async fn create(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, ApiError> {
    let given: Create = shared.json(body).await?;
    let name = name("agentName", &given.agent_name)?;
    let (app, owner) = (given.app_id, given.owner_id);
    let agent = shared.change(move |change| change::agents::register(change, app, owner, name)).await?;
    let made = json!({ "agentId": agent.id, "personalChatThreadId": agent.personal });
    Ok(json_response(StatusCode::CREATED, &made))
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let (limit, after) = (params.limit()?, after(&params)?);
    let rows = shared.read(move |c| {
        let agents = store::agents::list(c, after, limit + 1)?;
        let with_threads = |agent: domain::agent::Agent| {
            store::agents::further_threads(c, &agent).map(|threads| Agent::new(&agent, threads))
        };
        Ok(agents.into_iter().map(with_threads).collect::<Result<Vec<_>, _>>()?)
    });
    let next = |last: &Agent| format!("/operator/agents?limit={limit}&after={}", last.agent_id);
    Ok(paging::page("agents", rows.await?, limit, next))
}

pub(crate) async fn remove(State(shared): State<Arc<Shared>>, params: Params) -> Result<StatusCode, ApiError> {
    let agent = params.id("agentId")?;
    shared.change(move |change| change::agents::remove(change, agent)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn join(State(shared): State<Arc<Shared>>, params: Params, body: Body) -> Result<Response, ApiError> {
    let agent: AgentId = params.id("agentId")?;
    let Join { thread_id } = shared.json(body).await?;
    shared.change(move |change| change::agents::join(change, agent, thread_id)).await?;
    Ok(json_response(StatusCode::CREATED, &json!({ "agentId": agent, "threadId": thread_id })))
}

pub(crate) async fn leave(State(shared): State<Arc<Shared>>, params: Params) -> Result<StatusCode, ApiError> {
    let (agent, thread) = (params.id("agentId")?, params.id("threadId")?);
    shared.change(move |change| change::agents::leave(change, agent, thread)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its deliveries wait until somebody resumes them.
pub(crate) async fn pause(State(shared): State<Arc<Shared>>, params: Params) -> Result<StatusCode, ApiError> {
    let agent = params.id("agentId")?;
    shared.change(move |change| change::agents::pause(change, agent)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn resume(State(shared): State<Arc<Shared>>, params: Params) -> Result<StatusCode, ApiError> {
    let agent = params.id("agentId")?;
    shared.change(move |change| change::agents::resume(change, agent)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An example of an event, signed and delivered like any other.
pub(crate) async fn test_event(
    State(shared): State<Arc<Shared>>,
    params: Params,
    body: Body,
) -> Result<Response, ApiError> {
    let agent = params.id("agentId")?;
    let given: TestEvent = shared.json(body).await?;
    let event = given.event.parse().map_err(|why| ApiError::invalid("event", why))?;
    let delivery = shared.change(move |change| change::agents::test_event(change, agent, &event)).await?;
    Ok(json_response(StatusCode::CREATED, &json!({ "deliveryId": delivery })))
}
