//! Deliveries: what was sent to whom, and how it went.

use std::{fmt::Write, sync::Arc};

use axum::{extract::State, response::Response};
use jiff::Timestamp;
use mewe_protocol::{AgentId, AppId, MessageId, ThreadId, message::as_milliseconds};
use serde::Serialize;

use crate::{
    Shared,
    error::ApiError,
    paging,
    request::Params,
    store::{
        self,
        deliveries::{Listed, State as DeliveryState},
    },
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    delivery_id: i64,
    app_id: AppId,
    agent_id: AgentId,
    event: String,
    thread_id: Option<ThreadId>,
    chat_message_id: Option<MessageId>,
    state: &'static str,
    attempts: u32,
    status: Option<u16>,
    error: Option<String>,
    #[serde(serialize_with = "as_milliseconds")]
    due_at: Timestamp,
    #[serde(serialize_with = "as_milliseconds")]
    created_at: Timestamp,
    #[serde(serialize_with = "as_milliseconds")]
    changed_at: Timestamp,
}

impl From<Listed> for Delivery {
    fn from(row: Listed) -> Self {
        Self {
            delivery_id: row.id,
            app_id: row.app,
            agent_id: row.agent,
            event: row.event,
            thread_id: row.thread,
            chat_message_id: row.message,
            state: row.state.name(),
            attempts: row.attempts,
            status: row.status,
            error: row.error,
            due_at: row.due,
            created_at: row.created,
            changed_at: row.changed,
        }
    }
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let (limit, agent) = (params.limit()?, params.query_id("agentId")?);
    let before = params.query("before").map(str::parse).transpose();
    let before: i64 = before.map_err(|_| ApiError::invalid("before", "must be a deliveryId"))?.unwrap_or(i64::MAX);
    let state = params.query("state").map(str::parse::<DeliveryState>).transpose();
    let state = state.map_err(|why| ApiError::invalid("state", why))?;
    let rows = shared.read(move |c| Ok(store::deliveries::list(c, agent, state, before, limit + 1)?)).await?;
    let rows = rows.into_iter().map(Delivery::from).collect();
    Ok(paging::page("deliveries", rows, limit, |last: &Delivery| {
        let mut next = format!("/operator/deliveries?limit={limit}&before={}", last.delivery_id);
        // Writing to a String cannot fail.
        if let Some(agent) = agent {
            let _ = write!(next, "&agentId={agent}");
        }
        if let Some(state) = state {
            let _ = write!(next, "&state={}", state.name());
        }
        next
    }))
}
