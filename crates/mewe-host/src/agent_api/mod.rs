//! The signed agent API: send a message, read a thread (docs/wire.md, D4 to D8).
//!
//! Headers and time are checked before the body is read, then the signature, then whose agent it is; only then the request
//! itself. What is refused consumes nothing. Each call is noted, with what would have let it in.

use std::{future::ready, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use mewe_protocol::{
    MessageId, Refusal, ThreadId, UnixSeconds, decided,
    error::ErrorCode,
    json,
    message::{MessagesPage, SendMessage, SentMessage},
    request::{Unverified, Verified},
    signature::{X_SIGNATURE, X_TIMESTAMP, cause},
};
use mewe_runtime::{BoxFuture, kill_point};
use secrecy::SecretString;

use crate::{
    Shared,
    change::{self, find, messages},
    domain::{message, trouble::Marks},
    error::{ApiError, json_response},
    paging,
    request::Params,
    store::{self, calls::Call},
    trouble,
};

/// `POST …/message`
pub(crate) async fn send(State(shared): State<Arc<Shared>>, params: Params, request: Request) -> Response {
    let mut call = Noted::new(&shared, "send", &params, request.headers());
    let sent = sent(&shared, &params, request, &mut call).await;
    call.answered(sent.map(|sent| (Some(sent.chat_message_id), json_response(StatusCode::OK, &sent))))
}

async fn sent(
    shared: &Arc<Shared>,
    params: &Params,
    request: Request,
    noted: &mut Noted<'_>,
) -> Result<SentMessage, Refused> {
    let (verified, body, troubled) = verify(shared, request, noted).await?;
    let thread = params.id("threadId")?;
    let SendMessage { text } = json::read(&body).map_err(ApiError::from)?;
    let remember = shared.config.replay_memory;
    let sent = shared.change(move |change| {
        if troubled {
            return change::trouble::send(change, &verified, thread, text, remember);
        }
        let message = messages::send(change, &verified, thread, text, remember)?;
        Ok((Ok(message), Marks::default()))
    });
    let message;
    (message, noted.marks) = sent.await?;
    let message = message.map_err(trouble::refusal)?;
    kill_point!("host.message.after-commit");
    Ok(SentMessage {
        chat_message_id: message.chat_message_id,
        thread_id: message.thread_id,
        created_at: message.created_at,
    })
}

/// `GET …/messages?limit=&beforeId=`
pub(crate) async fn read(State(shared): State<Arc<Shared>>, params: Params, request: Request) -> Response {
    let mut call = Noted::new(&shared, "read", &params, request.headers());
    let page = page(&shared, &params, request, &mut call).await;
    call.answered(page.map(|page| (None, json_response(StatusCode::OK, &page))))
}

async fn page(
    shared: &Arc<Shared>,
    params: &Params,
    request: Request,
    noted: &mut Noted<'_>,
) -> Result<MessagesPage, Refused> {
    let (verified, _, troubled) = verify(shared, request, noted).await?;
    if troubled {
        let agent = verified.agent_id;
        if let Some(kind) = shared.change(move |change| change::trouble::instead(change, agent)).await? {
            noted.marks = noted.marks.with(kind);
            return Err(trouble::refusal(kind).into());
        }
    }
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
    cause: BoxFuture<'static, Cause>,
}

/// Why a call was refused, and its body if that was read only to tell so.
struct Cause {
    words: String,
    body: Option<Bytes>,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        let cause = Cause { words: error.words().to_owned(), body: None };
        Self { error, cause: Box::pin(ready(cause)) }
    }
}

/// Who asks for what, and whether trouble is on for them.
async fn verify(
    shared: &Arc<Shared>,
    request: Request,
    noted: &mut Noted<'_>,
) -> Result<(Verified, Bytes, bool), Refused> {
    let config = &shared.config;
    let now = UnixSeconds::from(shared.seams.clock.now());
    let (parts, body) = request.into_parts();
    let unverified = Unverified::from_headers(&parts.headers).map_err(ApiError::from)?;
    if let Err(refusal) = unverified.check_timestamp(now, config.tolerance) {
        // Refused at once. Its body is read only to tell the operator whether it is the clock alone.
        let (error, later) = (refusal.clone().into(), Arc::downgrade(shared));
        let cause = async move {
            let Some(shared) = later.upgrade() else { return Cause { words: refusal.to_string(), body: None } };
            let body = shared.body(body).await.unwrap_or_default();
            let words = explained(&shared, &unverified, &body, &refusal, now).await;
            Cause { words, body: Some(body) }
        };
        return Err(Refused { error, cause: Box::pin(cause) });
    }
    let body = shared.body(body).await?;
    noted.came_with(&body);
    let (app, agent) = (unverified.app_id(), unverified.agent_id());
    let public = config.public;
    let known = shared.read(move |c| {
        let is_ours = store::agents::get(c, agent)?.is_some_and(|agent| agent.app == app);
        let troubled = is_ours && !public && store::trouble::is_on(c, agent)?;
        Ok(store::apps::key(c, app)?.map(|key| (key, is_ours, troubled)))
    });
    let Some((key, is_ours, troubled)) = known.await? else {
        return Err(ApiError::new(ErrorCode::UnknownApp, "this host does not know the application").into());
    };
    let now = UnixSeconds::from(shared.seams.clock.now());
    match unverified.clone().verify(&body, &key, config.reading, config.tolerance, now) {
        Ok(verified) if is_ours => Ok((verified, body, troubled)),
        Ok(_) => Err(ApiError::new(ErrorCode::UnknownAgent, "the agent is none of this application's").into()),
        Err(refusal) => {
            let words = explained(shared, &unverified, &body, &refusal, now).await;
            let cause = Cause { words, body: None };
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

/// The bytes of a body that are noted.
const BODY_NOTED: usize = 16 * 1024;

/// What is noted of a body.
fn beginning(body: &Bytes) -> Option<Vec<u8>> {
    let beginning = &body[..body.len().min(BODY_NOTED)];
    (!beginning.is_empty()).then(|| beginning.to_vec())
}

/// The one header of this name, if it is text.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// A call that is noted once it is answered.
struct Noted<'a> {
    shared: &'a Arc<Shared>,
    call: Call,
    marks: Marks,
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
            signed: text(headers, X_TIMESTAMP).and_then(|seconds| seconds.parse().ok()),
            // Anything else could not be one.
            signature: text(headers, X_SIGNATURE).filter(|hex| hex.len() == 64).map(SecretString::from),
            body: None,
            trouble: None,
        };
        Self { shared, call, marks: Marks::default() }
    }

    fn came_with(&mut self, body: &Bytes) {
        self.call.body = beginning(body);
    }

    /// The answer. The note is written beside it: nobody waits for a log.
    fn answered(self, done: Result<(Option<MessageId>, Response), Refused>) -> Response {
        let Self { shared, mut call, marks } = self;
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
        call.trouble = marks.kept();
        let response = trouble::leaving(response, marks);
        let took = shared.seams.clock.now().duration_since(call.at).as_millis();
        call.took = i64::try_from(took).unwrap_or(i64::MAX).max(0);
        let Ok(place) = shared.noting.clone().try_acquire_owned() else { return response };
        // A host that has been closed meanwhile is not kept open for it.
        let later = Arc::downgrade(shared);
        shared.seams.spawn.spawn(Box::pin(async move {
            if let Some(cause) = cause {
                let cause = cause.await;
                call.cause = Some(cause.words);
                call.body = call.body.or(cause.body.as_ref().and_then(beginning));
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
