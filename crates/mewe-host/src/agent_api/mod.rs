//! The signed agent API: send a message, read a thread (docs/wire.md, D4 to D8).
//!
//! Headers and time are checked before the body is read, then the signature, then whose agent it is; only then the request
//! itself. What is refused consumes nothing.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use bytes::Bytes;
use mewe_protocol::{
    ThreadId, UnixSeconds, decided,
    error::ErrorCode,
    json,
    message::{MessagesPage, SendMessage, SentMessage},
    request::{Unverified, Verified},
};
use mewe_runtime::kill_point;

use crate::{
    Shared,
    change::{find, messages},
    domain::message,
    error::{ApiError, json_response},
    paging,
    request::Params,
    store,
};

/// `POST …/message`
pub(crate) async fn send(
    State(shared): State<Arc<Shared>>,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
    let (verified, body) = verify(&shared, request).await?;
    let thread = params.id("threadId")?;
    let SendMessage { text } = json::read(&body)?;
    let remember = shared.config.replay_memory;
    let message = shared.change(move |change| messages::send(change, &verified, thread, text, remember)).await?;
    kill_point!("host.message.after-commit");
    let sent = SentMessage {
        chat_message_id: message.chat_message_id,
        thread_id: message.thread_id,
        created_at: message.created_at,
    };
    Ok(json_response(StatusCode::OK, &sent))
}

/// `GET …/messages?limit=&beforeId=`
pub(crate) async fn read(
    State(shared): State<Arc<Shared>>,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
    let (verified, _) = verify(&shared, request).await?;
    let thread: ThreadId = params.id("threadId")?;
    let (limit, before) = (params.limit()?, params.query_id("beforeId")?);
    let page = shared.read(move |c| {
        find::thread(c, thread)?;
        let is_in = store::threads::is_in(c, thread, verified.agent_id.into())?;
        message::may_read(is_in, &find::app(c, verified.app_id)?.permissions)?;
        paging::messages(c, thread, before, limit)
    });
    let (messages, before) = page.await?;
    let next_page = before.map(|before| format!("{}&beforeId={before}", decided::read_path(thread, limit)));
    Ok(json_response(StatusCode::OK, &MessagesPage { messages, next_page }))
}

async fn verify(shared: &Shared, request: Request) -> Result<(Verified, Bytes), ApiError> {
    let config = &shared.config;
    let now = || UnixSeconds::from(shared.seams.clock.now());
    let (parts, body) = request.into_parts();
    let unverified = Unverified::from_headers(&parts.headers)?;
    unverified.check_timestamp(now(), config.tolerance)?;
    let body = shared.body(body).await?;
    let (app, agent) = (unverified.app_id(), unverified.agent_id());
    let known = shared.read(move |c| {
        let is_ours = store::agents::get(c, agent)?.is_some_and(|agent| agent.app == app);
        Ok(store::apps::key(c, app)?.map(|key| (key, is_ours)))
    });
    let Some((key, is_ours)) = known.await? else {
        return Err(ApiError::new(ErrorCode::UnknownApp, "this host does not know the application"));
    };
    let verified = unverified.verify(&body, &key, config.reading, config.tolerance, now())?;
    if !is_ours {
        return Err(ApiError::new(ErrorCode::UnknownAgent, "the agent is none of this application's"));
    }
    Ok((verified, body))
}
