//! What happens, as it happens: Server-Sent Events with rising ids, resumable without loss or doubling, across a restart too.
//!
//! Each event shows its row as it stands when it is sent: of two changes in quick succession the first may show what the second
//! made of it. Ids are given by the one writer of the database, so whoever has read up to an id has missed nothing below it.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{FutureExt, future, stream};
use mewe_protocol::{error::ErrorCode, json};
use mewe_runtime::BoxFuture;
use rusqlite::Connection;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::{
    Shared,
    error::ApiError,
    operator_api::{calls, deliveries},
    request::Params,
    store::{self, live::Happened},
};

/// Rows that are read at once.
const BATCH: u32 = 200;
/// How often a watcher is told that the host is still there, when nothing happens: proxies cut what is silent.
const STILL_THERE: Duration = Duration::from_secs(15);

/// `GET /operator/stream?after=`: what happened after the event with this id, and what happens from now on.
pub(crate) async fn stream(
    State(shared): State<Arc<Shared>>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = after(&params, &headers)?;
    watch(shared, after, Arc::new(look), Box::pin(pending())).await
}

/// Up to where whoever asks knows what happened.
pub(crate) fn after(params: &Params, headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    // What a browser knows after a lost connection is newer than the address it began with.
    let after = match (headers.get("last-event-id"), params.query("after")) {
        (Some(id), _) => Some(("Last-Event-ID", id.to_str().unwrap_or_default().to_owned())),
        (None, Some(id)) => Some(("after", id.to_owned())),
        (None, None) => None,
    };
    let after = after.map(|(name, id)| {
        let parsed: Option<i64> = id.parse().ok().filter(|id| *id >= 0);
        parsed.ok_or_else(|| ApiError::invalid(name, "must be the id of an event"))
    });
    after.transpose()
}

/// What happened after the row with this id, as it is told, and up to where that is.
pub(crate) type Look = Arc<dyn Fn(&Connection, i64) -> Result<(i64, Vec<Bytes>), ApiError> + Send + Sync>;

/// Tells somebody what happened after `after` and what happens from now on, until `end`.
pub(crate) async fn watch(
    shared: Arc<Shared>,
    after: Option<i64>,
    look: Look,
    end: BoxFuture<'static, ()>,
) -> Result<Response, ApiError> {
    let place = shared.watchers.clone().try_acquire_owned();
    let place = place.map_err(|_| ApiError::new(ErrorCode::Busy, "too many watch already"))?;
    // Before the first look, so that nothing falls between.
    let happened = shared.happened.subscribe();
    let (newest, oldest) = shared.read(|c| Ok((store::live::newest(c)?, store::live::oldest(c)?))).await?;
    // An id that was never given is of another life of this host.
    let after = after.unwrap_or(newest).min(newest);
    let mut ready = VecDeque::new();
    if after < newest && oldest.is_none_or(|oldest| oldest > after + 1) {
        ready.push_back(Bytes::from_static(b"event: gap\ndata: {}\n\n"));
    }
    let watcher = Watcher { shared, happened, after, ready, look, end: end.shared(), _place: place };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((event, watcher))
    });
    let mut response = Response::new(Body::from_stream(events));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Somebody who watches.
struct Watcher {
    shared: Arc<Shared>,
    happened: watch::Receiver<()>,
    /// Up to here everything was read.
    after: i64,
    ready: VecDeque<Bytes>,
    look: Look,
    end: future::Shared<BoxFuture<'static, ()>>,
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next piece of the answer; none at its end.
    async fn next(&mut self) -> Option<Result<Bytes, ApiError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.shared.closing.is_stopped() || self.end.clone().now_or_never().is_some() {
                return None;
            }
            let (after, look) = (self.after, self.look.clone());
            self.happened.mark_unchanged();
            match self.shared.read(move |c| look(c, after)).await {
                Ok((after, events)) if after > self.after => {
                    self.after = after;
                    self.ready.extend(events);
                    continue;
                }
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
            tokio::select! {
                _ = self.happened.changed() => {}
                () = self.shared.closing.stopped() => return None,
                () = self.end.clone() => return None,
                () = self.shared.seams.clock.sleep(STILL_THERE) => {
                    return Some(Ok(Bytes::from_static(b": still there\n\n")));
                }
            }
        }
    }
}

/// What happened after `after`, as it is sent, and up to where that is.
fn look(c: &Connection, after: i64) -> Result<(i64, Vec<Bytes>), ApiError> {
    let rows = store::live::after(c, after, BATCH)?;
    let last = rows.last().map_or(after, |(id, _)| *id);
    let mut events = Vec::with_capacity(rows.len());
    for (id, happened) in rows {
        // What was removed meanwhile is nothing to be shown any more.
        let event = match happened {
            Happened::Message(message) => store::messages::get(c, message)?.map(|row| event(id, "message", &row)),
            Happened::Delivery(delivery) => deliveries::told(c, delivery)?.map(|row| event(id, "delivery", &row)),
            Happened::Call(call) => store::calls::get(c, call)?.map(|row| event(id, "call", &calls::Call::from(row))),
            Happened::Membership(news) => Some(event(id, "membership", &news)),
            Happened::Trouble(agent) => Some(event(id, "trouble", &serde_json::json!({ "agentId": agent }))),
        };
        events.extend(event);
    }
    Ok((last, events))
}

pub(crate) fn event(id: i64, kind: &str, data: &impl Serialize) -> Bytes {
    let mut event = format!("id: {id}\nevent: {kind}\ndata: ").into_bytes();
    // One line, since line breaks in strings are escaped.
    event.extend(json::print(data));
    event.extend(b"\n\n");
    event.into()
}
