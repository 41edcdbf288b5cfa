//! Messages, as any user, in any thread.

use std::sync::Arc;

use axum::{body::Body, extract::State, http::StatusCode, response::Response};
use mewe_protocol::{MessageText, ThreadId, UserId, message::MessagesPage};
use mewe_runtime::kill_point;
use serde::Deserialize;

use crate::{
    Shared, change,
    error::{ApiError, json_response},
    paging,
    request::Params,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    user_id: UserId,
    text: MessageText,
}

pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    params: Params,
    body: Body,
) -> Result<Response, ApiError> {
    let thread: ThreadId = params.id("threadId")?;
    let Create { user_id, text } = shared.json(body).await?;
    let message = shared.change(move |change| change::messages::say(change, thread, user_id, text)).await?;
    kill_point!("host.message.after-commit");
    Ok(json_response(StatusCode::CREATED, &message))
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let thread: ThreadId = params.id("threadId")?;
    let (limit, before) = (params.limit()?, params.query_id("beforeId")?);
    let page = shared.read(move |c| {
        change::find::thread(c, thread)?;
        paging::messages(c, thread, before, limit)
    });
    let (messages, before) = page.await?;
    let next_page = before.map(|before| format!("/operator/threads/{thread}/messages?limit={limit}&beforeId={before}"));
    Ok(json_response(StatusCode::OK, &MessagesPage { messages, next_page }))
}
