//! Threads, and the people in them. Agents join threads by [`super::agents`].

use std::sync::Arc;

use axum::{body::Body, extract::State, http::StatusCode, response::Response};
use mewe_protocol::{ThreadId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{after, name};
use crate::{
    Shared, change,
    error::{ApiError, json_response},
    paging,
    request::Params,
    store::{self, threads::Listed},
};

/// The most people that a thread is made with.
const MAX_PARTICIPANTS: usize = 1000;

#[derive(Deserialize)]
struct Create {
    name: Option<String>,
    participants: Vec<UserId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Add {
    user_id: UserId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Thread {
    thread_id: ThreadId,
    name: Option<String>,
    personal: bool,
    participants: Vec<UserId>,
    people: Vec<Person>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    user_id: UserId,
    name: String,
    is_agent: bool,
}

impl From<Listed> for Thread {
    fn from(row: Listed) -> Self {
        let person = |one: store::threads::Somebody| Person { user_id: one.id, name: one.name, is_agent: one.is_agent };
        Self {
            thread_id: row.id,
            name: row.name,
            personal: row.personal,
            participants: row.people.iter().map(|one| one.id).collect(),
            people: row.people.into_iter().map(person).collect(),
        }
    }
}

pub(crate) async fn create(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, ApiError> {
    let given: Create = shared.json(body).await?;
    let name = given.name.map(|text| name("name", &text)).transpose()?;
    if given.participants.is_empty() || given.participants.len() > MAX_PARTICIPANTS {
        return Err(ApiError::invalid("participants", format!("must be 1 to {MAX_PARTICIPANTS} userIds")));
    }
    let people = given.participants;
    let thread = shared.change(move |change| change::threads::create(change, name.as_ref(), &people)).await?;
    Ok(json_response(StatusCode::CREATED, &json!({ "threadId": thread })))
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let (limit, after) = (params.limit()?, after(&params)?);
    let rows = shared.read(move |c| Ok(store::threads::list(c, after, limit + 1)?)).await?;
    let rows = rows.into_iter().map(Thread::from).collect();
    let next = |last: &Thread| format!("/operator/threads?limit={limit}&after={}", last.thread_id);
    Ok(paging::page("threads", rows, limit, next))
}

pub(crate) async fn add(State(shared): State<Arc<Shared>>, params: Params, body: Body) -> Result<Response, ApiError> {
    let thread: ThreadId = params.id("threadId")?;
    let Add { user_id } = shared.json(body).await?;
    shared.change(move |change| change::threads::add_person(change, thread, user_id)).await?;
    Ok(json_response(StatusCode::CREATED, &json!({ "threadId": thread, "userId": user_id })))
}

pub(crate) async fn remove(State(shared): State<Arc<Shared>>, params: Params) -> Result<StatusCode, ApiError> {
    let (thread, user) = (params.id("threadId")?, params.id("userId")?);
    shared.change(move |change| change::threads::remove_person(change, thread, user)).await?;
    Ok(StatusCode::NO_CONTENT)
}
