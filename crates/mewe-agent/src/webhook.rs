//! The door: verify, store, then 200.
//!
//! The order of checks is the order of their cost, and of docs/wire.md, D5: headers and time before the body is read, then the
//! signature over the bytes as they came, then the payload. The answer says only that it was refused; the log and `/health` say which reading or
//! clock would have matched.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::Response,
    routing::{get, post},
};
use mewe_protocol::{
    Refusal, UnixSeconds, decided,
    error::{ErrorBody, ErrorCode},
    json::{self, ReadError},
    signature::{Explained, cause},
    webhook::Unverified,
};
use mewe_runtime::{
    kill_point,
    serve::{BodyError, read_body},
};
use serde::Serialize;

use crate::{shared::Shared, store::Accepted};

/// The routes of an agent: `POST /webhook` and `GET /health`, everything else refused in JSON.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/webhook", post(receive))
        .route("/health", get(health))
        .fallback(async || refuse(ErrorCode::NotFound, "there is POST /webhook and GET /health"))
        .method_not_allowed_fallback(async || refuse(ErrorCode::MethodNotAllowed, "webhooks are POSTed"))
        .with_state(shared)
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match take(&shared, request).await {
        Ok(accepted) => {
            shared.door.accepted(accepted == Accepted::Duplicate);
            answer(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
        }
        Err(refused) => refuse(refused.0, &refused.1),
    }
}

struct Refused(ErrorCode, String);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Header { .. } => ErrorCode::Header,
            Refusal::Timestamp => ErrorCode::Timestamp,
            Refusal::Signature => ErrorCode::Signature,
        };
        // Never which byte, and never what was expected.
        Self(code, "the webhook is not authentic".to_owned())
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        let code = match error {
            BodyError::TooLarge(_) => ErrorCode::TooLarge,
            BodyError::Slow => ErrorCode::Slow,
            BodyError::Busy => ErrorCode::Busy,
            BodyError::Cut(_) => ErrorCode::Invalid,
        };
        Self(code, error.to_string())
    }
}

async fn take(shared: &Arc<Shared>, request: Request) -> Result<Accepted, Refused> {
    let clock = &*shared.seams.clock;
    let account = shared.client.account();
    let (keys, tolerance, reading) = (account.keys(), account.tolerates(), account.reads());
    let now = || UnixSeconds::from(clock.now());
    let (parts, body) = request.into_parts();
    let unverified = Unverified::from_headers(&parts.headers).map_err(|refusal| note(shared, &refusal, &[]))?;
    if let Err(refusal) = unverified.check_timestamp(now(), tolerance) {
        note_late(shared, refusal.clone(), unverified, body);
        return Err(refusal.into());
    }
    let body = read_body(clock, body, decided::MAX_BODY_BYTES, &shared.door.budget).await?;
    let agent = unverified.agent_id();
    let verified = unverified.clone().verify(body.clone(), keys, reading, tolerance, now());
    let verified = verified.map_err(|refusal| {
        // Only to tell whoever runs this what to mend: nothing of it is believed.
        note(shared, &refusal, &unverified.explain(&body, keys, tolerance, now()))
    })?;
    let stored = match verified.decode() {
        Ok(event) => {
            let sent_at = event.sent_at();
            shared.store.accept(agent, event.into_payload(), body.to_vec(), sent_at, clock.now()).await
        }
        Err(ReadError::NotJson(why)) => {
            return Err(Refused(ErrorCode::Invalid, format!("the body is not JSON: {why}")));
        }
        Err(ReadError::Malformed(why)) => {
            tracing::warn!(event = %verified.event_name(), %agent, why, "an authentic event is malformed; kept aside");
            let name = verified.event_name().clone();
            shared.store.accept_malformed(agent, name, body.to_vec(), why, clock.now()).await
        }
    };
    let accepted = stored.map_err(|error| {
        tracing::error!(%error, "an event cannot be stored; the sender is asked to come again");
        Refused(ErrorCode::Busy, "the event cannot be stored now; deliver it again".to_owned())
    })?;
    kill_point!("agent.accept.after-commit");
    shared.inbox.ring();
    shared.outbox.ring();
    Ok(accepted)
}

/// Counts a refusal under what would have matched, and says so at most once a minute.
fn note(shared: &Shared, refusal: &Refusal, explained: &[Explained]) -> Refused {
    let cause = cause(refusal, explained, shared.client.account().reads());
    let tell = shared.door.refused(&cause, shared.seams.clock.now());
    if let Some(count) = tell {
        let seconds_ahead = explained.first().and_then(|one| one.shift);
        tracing::warn!(count, cause, seconds_ahead, "webhooks refused");
    }
    refusal.clone().into()
}

/// Counts what came too late. It is refused already; its body is read only to tell whether it is the clock alone.
fn note_late(shared: &Arc<Shared>, refusal: Refusal, unverified: Unverified, body: Body) {
    // Not to keep open what is closed meanwhile.
    let later = Arc::downgrade(shared);
    shared.seams.spawn.spawn(Box::pin(async move {
        let Some(shared) = later.upgrade() else { return };
        let clock = &*shared.seams.clock;
        let body = read_body(clock, body, decided::MAX_BODY_BYTES, &shared.door.budget).await.unwrap_or_default();
        let account = shared.client.account();
        let explained = unverified.explain(&body, account.keys(), account.tolerates(), clock.now().into());
        note(&shared, &refusal, &explained);
    }));
}

/// Alive, and how much there is to do. No id, no text, no secret.
async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let Ok(load) = shared.store.load().await else {
        return refuse(ErrorCode::Busy, "the store does not answer");
    };
    let queue = |counts: mewe_store::Counts| {
        serde_json::json!({
            "waiting": counts.waiting, "running": counts.claimed, "aside": counts.aside, "parked": counts.parked,
        })
    };
    let webhooks = shared.door.counts();
    answer(
        StatusCode::OK,
        &serde_json::json!({
            "status": "ok",
            "webhooks": webhooks,
            "inbox": queue(load.inbox),
            "outbox": queue(load.outbox),
            "malformed": load.malformed,
            "held": load.held,
            "dropped": load.dropped,
        }),
    )
}

fn refuse(code: ErrorCode, message: &str) -> Response {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    answer(status, &ErrorBody::new(code, message))
}

fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = Response::new(Body::from(json::print(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
