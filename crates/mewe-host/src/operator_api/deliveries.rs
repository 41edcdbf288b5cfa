//! Deliveries: what was sent to whom, and how it went.

use std::{fmt::Write, sync::Arc};

use axum::{extract::State, http::StatusCode, response::Response};
use jiff::Timestamp;
use mewe_protocol::{AgentId, AppId, MessageId, ThreadId, error::ErrorCode, message::as_milliseconds};
use rusqlite::Connection;
use serde::Serialize;

use super::{before, trouble::kinds};
use crate::{
    Shared,
    error::{ApiError, json_response},
    paging,
    request::Params,
    store::{
        self, attempts,
        deliveries::{Listed, Redelivery, State as DeliveryState},
    },
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
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
    test: bool,
    trouble: Option<Vec<String>>,
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
            test: row.test,
            trouble: kinds(row.trouble),
            due_at: row.due,
            created_at: row.created,
            changed_at: row.changed,
        }
    }
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let (limit, agent) = (params.limit()?, params.query_id("agentId")?);
    let before = before(&params, "a deliveryId")?;
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

/// A delivery with all that is known of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    #[serde(flatten)]
    delivery: Delivery,
    /// As it is signed, if it is text; it is.
    payload: String,
    attempt_log: Vec<Attempt>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attempt {
    number: u32,
    #[serde(serialize_with = "as_milliseconds")]
    at: Timestamp,
    took_ms: i64,
    status: Option<u16>,
    error: Option<String>,
    trouble: Option<Vec<String>>,
    /// The beginning of the answer's body; what is no text in it is replaced. Not told to whoever watches.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

impl From<attempts::Attempt> for Attempt {
    fn from(attempt: attempts::Attempt) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at,
            took_ms: attempt.took,
            status: attempt.status,
            error: attempt.error,
            trouble: kinds(attempt.trouble),
            answer: Some(String::from_utf8_lossy(&attempt.answer).into_owned()),
        }
    }
}

/// A delivery as it stands.
fn shown(c: &Connection, id: i64) -> Result<Option<Shown>, ApiError> {
    let (Some(row), Some(payload)) = (store::deliveries::get(c, id)?, store::deliveries::payload(c, id)?) else {
        return Ok(None);
    };
    Ok(Some(Shown {
        delivery: row.into(),
        payload: String::from_utf8_lossy(&payload).into_owned(),
        attempt_log: attempts::of_delivery(c, id)?.into_iter().map(Attempt::from).collect(),
    }))
}

/// A delivery as whoever watches is told of it: without what was answered, which may be much, each time again.
pub(crate) fn told(c: &Connection, id: i64) -> Result<Option<Shown>, ApiError> {
    Ok(shown(c, id)?.map(|mut shown| {
        shown.attempt_log.iter_mut().for_each(|attempt| attempt.answer = None);
        shown
    }))
}

pub(crate) async fn show(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let id = params.number("deliveryId")?;
    let shown = shared.read(move |c| shown(c, id)?.ok_or_else(unknown)).await?;
    Ok(json_response(StatusCode::OK, &shown))
}

/// Once more: a new attempt in the same row.
pub(crate) async fn redeliver(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let id = params.number("deliveryId")?;
    let redelivered = shared.change(move |change| match store::deliveries::redeliver(change.c, id, change.now)? {
        Redelivery::Due => shown(change.c, id)?.ok_or_else(unknown),
        Redelivery::InFlight => Err(conflict("the delivery is being attempted just now")),
        Redelivery::Cancelled => Err(conflict("the delivery was cancelled: its application was deleted")),
        Redelivery::Unknown => Err(unknown()),
    });
    Ok(json_response(StatusCode::ACCEPTED, &redelivered.await?))
}

fn unknown() -> ApiError {
    ApiError::not_found("deliveryId: there is no such delivery")
}

fn conflict(words: &str) -> ApiError {
    ApiError::new(ErrorCode::Conflict, words)
}
