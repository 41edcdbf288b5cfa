//! From the outbox into the thread: call, read back, settle. What to do next is decided in `outbox.rs`; here it is done.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use mewe_protocol::{MessageId, message::ReadSent};
use mewe_runtime::{BoxFuture, clock, kill_point};
use mewe_store::{Backoff, Claim, StoreError, lanes::Lanes};
use tokio::sync::Notify;
use unicode_normalization::UnicodeNormalization;

use crate::{
    client::{CallError, body_of},
    outbox::{Answer, Move, Outcome, Pause, Seen, SendState},
    shared::Shared,
    store::SendWork,
};

/// Between attempts of a send.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), factor: 2, max: Duration::from_secs(60) };
/// While the host refuses our credentials.
const CREDENTIALS: Duration = Duration::from_secs(30);
/// A send that is older is not sent any more: an answer of yesterday helps nobody.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// Pages of 100 messages that a look reads at most.
const LOOK_PAGES: usize = 50;
/// Steps of one send in one claim. Each is a call, a look or a row; more means that two states disagree.
const STEPS: usize = 16;

/// The outbox at work.
pub(crate) struct Sender {
    shared: Arc<Shared>,
    /// The application's credentials are refused: nothing is sent until then.
    paused: Mutex<Option<Timestamp>>,
}

impl Lanes for Sender {
    type Piece = SendWork;

    fn claim(&self, limit: usize) -> BoxFuture<'_, Result<Vec<SendWork>, StoreError>> {
        let now = self.shared.seams.clock.now();
        if self.paused_until().is_some_and(|until| now < until) {
            return Box::pin(async { Ok(Vec::new()) });
        }
        Box::pin(self.shared.store.claim_sends(limit, now))
    }

    fn claim_of(work: &SendWork) -> Claim {
        work.claim().clone()
    }

    fn run(&self, work: SendWork) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            match self.advance(work).await {
                // It was cancelled while it was under way: what became of it matters to nobody.
                Err(StoreError::Fenced) => Ok(()),
                advanced => advanced,
            }
        })
    }

    fn give_back(&self, claim: Claim, pause: Duration, counts: bool) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.shared.store.give_send_back(claim, pause, counts, self.shared.seams.clock.now()))
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async {
            let due = self.shared.store.next_send_due().await?;
            Ok(due.map(|due| self.paused_until().map_or(due, |until| due.max(until))))
        })
    }

    fn bell(&self) -> &Notify {
        &self.shared.outbox.0
    }
}

impl Sender {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, paused: Mutex::new(None) }
    }

    fn paused_until(&self) -> Option<Timestamp> {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a send as far as it goes now.
    async fn advance(&self, mut work: SendWork) -> Result<(), StoreError> {
        let store = &self.shared.store;
        let now = || self.shared.seams.clock.now();
        let tolerance = self.shared.client.account().tolerates();
        for _ in 0..STEPS {
            if now() > clock::later(work.created, MAX_AGE) {
                return store.park_send(work, "not sent within 24 h".to_owned(), now()).await;
            }
            // Another send, claimed together with this one, was refused meanwhile.
            if let Some(until) = self.paused_until().filter(|until| now() < *until) {
                let state = work.state;
                let wait = clock::until(now(), until);
                return self.pause(work, state, Pause::For(wait, "the application is refused".to_owned())).await;
            }
            let host_now = self.shared.client.host_now();
            let mut created = None;
            let outcome = match work.state.next(host_now, tolerance) {
                Move::Sign => match store.sign(&work, host_now).await? {
                    Some(signed_at) => {
                        work.state = SendState::Calling { signed_at, repeat: false };
                        continue;
                    }
                    None => Outcome::Next(
                        work.state,
                        Pause::For(Duration::from_secs(1), "the same was said just now".to_owned()),
                    ),
                },
                Move::Call { signed_at, repeat } => {
                    if repeat {
                        store.step(&work, work.state).await?;
                    }
                    kill_point!("agent.send.before-call");
                    let (answer, at) = self.call(&work, signed_at).await;
                    kill_point!("agent.send.after-call");
                    created = at;
                    work.state.answered(answer)
                }
                Move::Look => {
                    let seen = self.look(&work).await?;
                    work.state.looked(seen, host_now, tolerance)
                }
                Move::Wait { until } => {
                    let wait = Duration::from_secs(until.saturating_sub(host_now).max(1));
                    Outcome::Next(work.state, Pause::For(wait, "waiting out the window of a request".to_owned()))
                }
            };
            match outcome {
                Outcome::Sent(message) => {
                    store.sent(work, message, created, now()).await?;
                    kill_point!("agent.send.after-record");
                    *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    return Ok(());
                }
                Outcome::Parked(why) => {
                    tracing::error!(thread = %work.thread, why, "a message was not sent");
                    return store.park_send(work, why, now()).await;
                }
                Outcome::Next(state, Pause::No) => {
                    work.state = state;
                    store.step(&work, state).await?;
                }
                Outcome::Next(state, pause) => return self.pause(work, state, pause).await,
            }
        }
        let state = work.state;
        self.pause(work, state, Pause::Backoff("it made no progress".to_owned())).await
    }

    async fn pause(&self, work: SendWork, state: SendState, pause: Pause) -> Result<(), StoreError> {
        let now = self.shared.seams.clock.now();
        let (wait, cause) = match pause {
            Pause::No => (Duration::ZERO, String::new()),
            Pause::Backoff(cause) => (BACKOFF.delay(work.attempt(), &*self.shared.seams.random), cause),
            Pause::For(wait, cause) => (wait, cause),
            Pause::App(why) => {
                tracing::error!(why, "the host refuses this application's signature; nothing is sent until it accepts");
                let until = clock::later(now, CREDENTIALS);
                *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
                (CREDENTIALS, format!("the application is refused: {why}"))
            }
            Pause::Agent(why) => {
                tracing::error!(agent = %work.agent, why, "the host does not know this agent; its messages wait");
                (CREDENTIALS, format!("the agent is refused: {why}"))
            }
        };
        tracing::debug!(thread = %work.thread, cause, "a send waits");
        self.shared.store.pause_send(work, state, wait, cause, now).await
    }

    async fn call(&self, work: &SendWork, signed_at: u64) -> (Answer, Option<Timestamp>) {
        let client = &self.shared.client;
        let error = match client.send_signed_at(work.agent, work.thread, &body_of(&work.text), signed_at).await {
            Ok(ReadSent { id, created_at }) => return (Answer::Accepted(id), created_at),
            Err(error) => error,
        };
        let answer = match error {
            CallError::NotReached(why) => Answer::NotLeft(why),
            CallError::InDoubt(why) | CallError::Unreadable(why) => Answer::Doubtful(why),
            CallError::Refused { status: 420 | 429, retry_after, .. } => Answer::Limited(retry_after),
            // A body that came too slowly was not acted on.
            CallError::Refused { status: 408, .. } => Answer::Limited(None),
            CallError::Refused { status: 401, code, .. } => match code.as_deref() {
                Some("replayed") => Answer::Replayed,
                Some("timestamp") => Answer::ClockOff,
                Some("unknown_agent") => Answer::AgentRefused("unknown_agent".to_owned()),
                Some(code) => Answer::AppRefused(code.to_owned()),
                None => Answer::AppRefused(String::new()),
            },
            CallError::Refused { status, message, .. } => Answer::Refused { status, words: message },
        };
        (answer, None)
    }

    /// Looks for the oldest message of our own that equals the send, is not earlier than what was known when it was first tried,
    /// and is claimed by no other send.
    async fn look(&self, work: &SendWork) -> Result<Seen, StoreError> {
        let bound = self.shared.store.bound(work).await?;
        let wanted = folded(work.text.as_str());
        let mut found: Option<(i64, MessageId)> = None;
        let mut page = self.shared.client.read(work.agent, work.thread, 100).await;
        for _ in 0..LOOK_PAGES {
            let rows = match page {
                Ok(rows) => rows,
                Err(CallError::Refused { status: 403 | 404, message, .. }) => return Ok(Seen::Closed(message)),
                Err(error) => return Ok(Seen::Failed(error.to_string())),
            };
            let mut reached = rows.messages.is_empty();
            for row in &rows.messages {
                let second = row.created_at.map(Timestamp::as_second);
                if let (Some(second), Some(not_before)) = (second, bound.not_before)
                    && second < not_before
                {
                    reached = true;
                    continue;
                }
                let ours = row.user_id == work.agent.into();
                if ours && folded(&row.text) == wanted && !bound.claimed.contains(&row.id) {
                    let candidate = (second.unwrap_or(0), row.id);
                    found = Some(found.map_or(candidate, |oldest| oldest.min(candidate)));
                }
            }
            let next = if reached { None } else { rows.next_page };
            page = match next {
                Some(next) => match self.shared.client.read_on(work.agent, &next).await {
                    Ok(Some(rows)) => Ok(rows),
                    Ok(None) => break,
                    Err(error) => Err(error),
                },
                None => break,
            };
        }
        Ok(found.map_or(Seen::Missing, |(_, id)| Seen::There(id)))
    }
}

/// A host may store a text in another normal form, or with its white space folded.
fn folded(text: &str) -> String {
    let nfc: String = text.nfc().collect();
    nfc.split_whitespace().collect::<Vec<_>>().join(" ")
}
