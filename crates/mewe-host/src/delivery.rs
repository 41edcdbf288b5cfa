//! Deliveries: one signed POST per attempt, until a 2xx came completely.
//!
//! At least once: an attempt whose outcome was not recorded is made again, signed afresh. In order per agent while its endpoint
//! is healthy: while the endpoint as a whole does not answer, everything waits in its order; an event that the endpoint itself
//! refuses holds up the others for three attempts, then it is set aside.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use jiff::{SignedDuration, Timestamp};
use mewe_protocol::{UnixSeconds, decided, webhook};
use mewe_runtime::{
    BoxFuture, clock, kill_point,
    transport::{Limits, TransportError},
};
use mewe_store::{Backoff, Claim, Hold, StoreError, lanes::Lanes};
use tokio::sync::Notify;

use crate::{
    Shared,
    domain::trouble::Kind,
    store::{
        attempts::{Attempt, Signed},
        deliveries::{self, Delivery, Ended},
    },
    trouble,
};

/// For a whole attempt, the answer's body included; and how much of that body is read.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(decided::WEBHOOK_ANSWER_SECONDS), max_body: 16 * 1024 };
/// Between attempts.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), factor: 2, max: Duration::from_secs(60) };
/// An event that alone fails holds its lane for so many attempts.
const ATTEMPTS_IN_PLACE: u32 = 3;
/// After so long an event is given up: who is away for longer has to read the threads anyway.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The delivery engine.
pub(crate) struct Engine(pub(crate) Arc<Shared>);

impl Lanes for Engine {
    type Piece = Delivery;

    fn claim(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>> {
        let (db, now) = (&self.0.db, self.0.seams.clock.now());
        let (epoch, trouble) = (db.epoch(), !self.0.config.public);
        Box::pin(async move {
            let claimed = db.write(move |tx| deliveries::claim(tx, epoch, now, limit, trouble)).await?;
            if !claimed.is_empty() {
                self.0.tell_watchers();
            }
            Ok(claimed)
        })
    }

    fn claim_of(delivery: &Delivery) -> Claim {
        delivery.claim().clone()
    }

    fn run(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.attempt(delivery))
    }

    fn give_back(&self, claim: Claim, pause: Duration, counts: bool) -> BoxFuture<'_, Result<(), StoreError>> {
        let now = self.0.seams.clock.now();
        let due = clock::later(now, pause);
        Box::pin(async move {
            self.0.db.write(move |tx| deliveries::give_back(tx, &claim, due, now, counts)).await?;
            self.0.tell_watchers();
            Ok(())
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(self.0.db.read(|c| deliveries::QUEUE.next_due(c)))
    }

    fn bell(&self) -> &Notify {
        &self.0.bell
    }
}

impl Engine {
    async fn attempt(&self, delivery: Delivery) -> Result<(), StoreError> {
        let (event, agent, number) = (delivery.event.clone(), delivery.agent, delivery.number);
        let began = self.0.seams.clock.now();
        kill_point!("host.delivery.before-call");
        let mut at = UnixSeconds::from(began);
        if delivery.touched.holds(Kind::StaleTimestamp) {
            at.0 = at.0.saturating_sub(trouble::STALE_SECONDS);
        }
        let signed = Signed { at, key_end: delivery.key.last_four().to_owned() };
        let (ended, answer) = self.call(&delivery, signed.at).await;
        kill_point!("host.delivery.after-call");
        match &ended {
            Ended::Delivered(_) => tracing::debug!(%event, %agent, number, "delivered"),
            ended => tracing::info!(%event, %agent, number, ?ended, "not delivered"),
        }
        let lost = (delivery.troubled && matches!(ended, Ended::Delivered(_)))
            .then(|| self.failed(&delivery, ended.status(), "trouble: the answer was dropped".to_owned(), false));
        let now = self.0.seams.clock.now();
        let attempt = Attempt {
            number,
            at: began,
            took: now.duration_since(began).as_millis().try_into().unwrap_or(i64::MAX).max(0),
            status: ended.status(),
            error: ended.why().map(str::to_owned),
            answer: answer.to_vec(),
            signed: Some(signed),
            trouble: None,
        };
        let recorded = self.0.db.write(move |tx| deliveries::record(tx, &delivery, attempt, ended, lost, now)).await;
        self.0.tell_watchers();
        kill_point!("host.delivery.after-record");
        recorded
    }

    /// How the attempt ended, and the beginning of the answer's body.
    async fn call(&self, delivery: &Delivery, at: UnixSeconds) -> (Ended, Bytes) {
        let seams = &self.0.seams;
        let (key, body) = (&delivery.key, delivery.body());
        let signed = webhook::sign(key, &delivery.event, delivery.agent, at, body, self.0.config.reading);
        let mut request = Request::new(Bytes::copy_from_slice(body));
        *request.method_mut() = Method::POST;
        let Ok(uri) = delivery.webhook_url.as_str().parse() else {
            // Looked at when it was set; if a later version looks otherwise, it can be set again.
            let ended = self.failed(delivery, None, "the webhookUrl cannot be called".to_owned(), false);
            return (ended, Bytes::new());
        };
        *request.uri_mut() = uri;
        signed.apply(request.headers_mut());
        if let Some(bit) = delivery.flipped {
            trouble::flip(request.headers_mut(), bit);
        }
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (status, answer) = match seams.transport.call(request, LIMITS).await {
            Ok(answer) => (answer.status().as_u16(), answer.into_body()),
            Err(TransportError::BodyTooLarge { status, start, .. }) => (status, start),
            Err(error) => {
                let status = if let TransportError::Timeout { status, .. } = error { status } else { None };
                return (self.failed(delivery, status, error.to_string(), false), Bytes::new());
            }
        };
        let ended = match status {
            200..300 => Ended::Delivered(status),
            410 => Ended::Gone,
            // The endpoint as a whole: the next event would fare no better. It has moved, wants other methods, is locked, busy, away.
            300..=399 | 401 | 403..=405 | 420 | 429 | 502..=504 => {
                self.failed(delivery, Some(status), format!("it answered {status}"), false)
            }
            status => self.failed(delivery, Some(status), format!("it answered {status}"), true),
        };
        (ended, answer)
    }

    /// `fault`: whether the reason may lie in this event alone.
    fn failed(&self, delivery: &Delivery, status: Option<u16>, why: String, fault: bool) -> Ended {
        let now = self.0.seams.clock.now();
        if now.duration_since(delivery.created) > GIVE_UP {
            return Ended::GivenUp { status, why };
        }
        let hold = if fault && delivery.faults + 1 >= ATTEMPTS_IN_PLACE { Hold::Aside } else { Hold::Lane };
        let due = clock::later(now, BACKOFF.delay(delivery.in_a_row(), &*self.0.seams.random));
        Ended::Failed { status, why, fault, hold, due }
    }
}
