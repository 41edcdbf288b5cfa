//! The signed agent API: send a message, read a thread (docs/wire.md, D4 to D8).
//!
//! Headers and time are checked before the body is read, then the signature, then whose agent it is; only then the request
//! itself. What is refused consumes nothing. Each call is noted, with what would have let it in.

use std::{future::ready, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use mewe_protocol::{
    MessageId, Refusal, ThreadId, UnixSeconds, decided,
    error::ErrorCode,
    json,
    message::{MessagesPage, SendMessage, SentMessage},
    request::{Unverified, Verified},
    signature::cause,
};
use mewe_runtime::{BoxFuture, kill_point};

use crate::{
    Shared,
    change::{find, messages},
    domain::message,
    error::{ApiError, json_response},
    paging,
    request::Params,
    store::{self, calls::Call},
};

/// `POST …/message`
pub(crate) async fn send(State(shared): State<Arc<Shared>>, params: Params, request: Request) -> Response {
    let call = Noted::new(&shared, "send", &params, request.headers());
    let sent = sent(&shared, &params, request).await;
    call.answered(sent.map(|sent| (Some(sent.chat_message_id), json_response(StatusCode::OK, &sent))))
}

async fn sent(shared: &Arc<Shared>, params: &Params, request: Request) -> Result<SentMessage, Refused> {
    let (verified, body) = verify(shared, request).await?;
    let thread = params.id("threadId")?;
    let SendMessage { text } = json::read(&body).map_err(ApiError::from)?;
    let remember = shared.config.replay_memory;
    let message = shared.change(move |change| messages::send(change, &verified, thread, text, remember)).await?;
    kill_point!("host.message.after-commit");
    Ok(SentMessage {
        chat_message_id: message.chat_message_id,
        thread_id: message.thread_id,
        created_at: message.created_at,
    })
}

/// `GET …/messages?limit=&beforeId=`
pub(crate) async fn read(State(shared): State<Arc<Shared>>, params: Params, request: Request) -> Response {
    let call = Noted::new(&shared, "read", &params, request.headers());
    let page = page(&shared, &params, request).await;
    call.answered(page.map(|page| (None, json_response(StatusCode::OK, &page))))
}

async fn page(shared: &Arc<Shared>, params: &Params, request: Request) -> Result<MessagesPage, Refused> {
    let (verified, _) = verify(shared, request).await?;
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
    Ok(MessagesPage { messages, next_page })
}

/// A refusal for the caller, and for the operator its cause, which may say more and take longer.
struct Refused {
    error: ApiError,
    cause: BoxFuture<'static, String>,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        let cause = error.words().to_owned();
        Self { error, cause: Box::pin(ready(cause)) }
    }
}

async fn verify(shared: &Arc<Shared>, request: Request) -> Result<(Verified, Bytes), Refused> {
    let config = &shared.config;
    let now = UnixSeconds::from(shared.seams.clock.now());
    let (parts, body) = request.into_parts();
    let unverified = Unverified::from_headers(&parts.headers).map_err(ApiError::from)?;
    if let Err(refusal) = unverified.check_timestamp(now, config.tolerance) {
        // Refused at once. Its body is read only to tell the operator whether it is the clock alone.
        let (error, later) = (refusal.clone().into(), Arc::downgrade(shared));
        let cause = async move {
            let Some(shared) = later.upgrade() else { return refusal.to_string() };
            let body = shared.body(body).await.unwrap_or_default();
            explained(&shared, &unverified, &body, &refusal, now).await
        };
        return Err(Refused { error, cause: Box::pin(cause) });
    }
    let body = shared.body(body).await?;
    let (app, agent) = (unverified.app_id(), unverified.agent_id());
    let known = shared.read(move |c| {
        let is_ours = store::agents::get(c, agent)?.is_some_and(|agent| agent.app == app);
        Ok(store::apps::key(c, app)?.map(|key| (key, is_ours)))
    });
    let Some((key, is_ours)) = known.await? else {
        return Err(ApiError::new(ErrorCode::UnknownApp, "this host does not know the application").into());
    };
    let now = UnixSeconds::from(shared.seams.clock.now());
    match unverified.clone().verify(&body, &key, config.reading, config.tolerance, now) {
        Ok(verified) if is_ours => Ok((verified, body)),
        Ok(_) => Err(ApiError::new(ErrorCode::UnknownAgent, "the agent is none of this application's").into()),
        Err(refusal) => {
            let cause = explained(shared, &unverified, &body, &refusal, now).await;
            Err(Refused { error: refusal.into(), cause: Box::pin(ready(cause)) })
        }
    }
}

/// Why a request was refused, and what would have let it in. For the operator alone; nothing of it is believed.
async fn explained(
    shared: &Shared,
    unverified: &Unverified,
    body: &[u8],
    refusal: &Refusal,
    now: UnixSeconds,
) -> String {
    let app = unverified.app_id();
    let key = shared.read(move |c| Ok(store::apps::key(c, app)?)).await.ok().flatten();
    let explained = unverified.explain(body, key.as_slice(), shared.config.tolerance, now);
    cause(refusal, &explained, shared.config.reading)
}

/// A call that is noted once it is answered.
struct Noted<'a> {
    shared: &'a Arc<Shared>,
    call: Call,
}

impl<'a> Noted<'a> {
    fn new(shared: &'a Arc<Shared>, verb: &str, params: &Params, headers: &HeaderMap) -> Self {
        let claimed = Unverified::from_headers(headers).ok();
        let call = Call {
            at: shared.seams.clock.now(),
            took: 0,
            verb: verb.to_owned(),
            app: claimed.as_ref().map(Unverified::app_id),
            agent: claimed.as_ref().map(Unverified::agent_id),
            thread: params.id("threadId").ok(),
            status: 0,
            code: None,
            cause: None,
            message: None,
        };
        Self { shared, call }
    }

    /// The answer. The note is written beside it: nobody waits for a log.
    fn answered(self, done: Result<(Option<MessageId>, Response), Refused>) -> Response {
        let Self { shared, mut call } = self;
        let (response, cause) = match done {
            Ok((message, response)) => {
                call.message = message;
                (response, None)
            }
            Err(Refused { error, cause }) => {
                call.code = Some(error.code().to_owned());
                (error.into_response(), Some(cause))
            }
        };
        call.status = response.status().as_u16();
        let took = shared.seams.clock.now().duration_since(call.at).as_millis();
        call.took = i64::try_from(took).unwrap_or(i64::MAX).max(0);
        let Ok(place) = shared.noting.clone().try_acquire_owned() else { return response };
        // A host that has been closed meanwhile is not kept open for it.
        let later = Arc::downgrade(shared);
        shared.seams.spawn.spawn(Box::pin(async move {
            if let Some(cause) = cause {
                call.cause = Some(cause.await);
            }
            let Some(shared) = later.upgrade() else { return };
            match shared.db.write(move |tx| store::calls::insert(tx, &call)).await {
                Ok(()) => shared.tell_watchers(),
                Err(error) => tracing::warn!(%error, "a call could not be noted"),
            }
            drop(place);
        }));
        response
    }
}
