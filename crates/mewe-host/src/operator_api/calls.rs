//! Calls of the agent API: who asked for what, and what came of it.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use jiff::Timestamp;
use mewe_protocol::{AgentId, AppId, MessageId, ThreadId, message::as_milliseconds};
use serde::Serialize;

use super::{before, trouble::kinds};
use crate::{Shared, error::ApiError, paging, request::Params, store};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    call_id: i64,
    verb: String,
    app_id: Option<AppId>,
    agent_id: Option<AgentId>,
    thread_id: Option<ThreadId>,
    chat_message_id: Option<MessageId>,
    status: u16,
    code: Option<String>,
    cause: Option<String>,
    trouble: Option<Vec<String>>,
    #[serde(serialize_with = "as_milliseconds")]
    at: Timestamp,
    took_ms: i64,
}

impl From<(i64, store::calls::Call)> for Call {
    fn from((id, call): (i64, store::calls::Call)) -> Self {
        Self {
            call_id: id,
            verb: call.verb,
            app_id: call.app,
            agent_id: call.agent,
            thread_id: call.thread,
            chat_message_id: call.message,
            status: call.status,
            code: call.code,
            cause: call.cause,
            trouble: kinds(call.trouble),
            at: call.at,
            took_ms: call.took,
        }
    }
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let (limit, agent, before) = (params.limit()?, params.query_id("agentId")?, before(&params, "a callId")?);
    let rows = shared.read(move |c| Ok(store::calls::list(c, agent, before, limit + 1)?)).await?;
    let rows = rows.into_iter().map(Call::from).collect();
    Ok(paging::page("calls", rows, limit, |last: &Call| {
        let of_agent = agent.map(|agent| format!("&agentId={agent}")).unwrap_or_default();
        format!("/operator/calls?limit={limit}&before={}{of_agent}", last.call_id)
    }))
}
