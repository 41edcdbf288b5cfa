//! A thread in order, threads side by side: from the inbox to the first handler that fits, and its effects into the store.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use mewe_protocol::Payload;
use mewe_runtime::{BoxFuture, clock, kill_point, spawn};
use mewe_store::{Backoff, Claim, StoreError, lanes::Lanes};
use tokio::sync::Notify;

use crate::{
    Incoming,
    client::CallError,
    shared::Shared,
    store::{Completed, Work},
};

/// For one run of a handler.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(60);
/// Between the runs of an event that fails.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), factor: 4, max: Duration::from_secs(600) };

/// The inbox at work.
pub(crate) struct Dispatch(pub(crate) Arc<Shared>);

impl Lanes for Dispatch {
    type Piece = Work;

    fn claim(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Work>, StoreError>> {
        Box::pin(self.0.store.claim(limit, self.0.seams.clock.now()))
    }

    fn claim_of(work: &Work) -> Claim {
        work.claim().clone()
    }

    fn run(&self, work: Work) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.handle(work))
    }

    fn give_back(&self, claim: Claim, pause: Duration, counts: bool) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.0.store.give_event_back(claim, pause, counts, self.0.seams.clock.now()))
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(self.0.store.next_event_due())
    }

    fn bell(&self) -> &Notify {
        &self.0.inbox.0
    }
}

impl Dispatch {
    async fn handle(&self, work: Work) -> Result<(), StoreError> {
        let shared = &self.0;
        let now = || shared.seams.clock.now();
        self.ask_the_thread(&work).await;
        let incoming = Incoming::new(shared.store.clone(), shared.values.clone(), &work, now());
        let (name, thread, attempt) = (work.payload.name(), work.thread, work.attempt());
        let ran = self.run_handler(&incoming).await;
        kill_point!("agent.handler.before-commit");
        let result = match ran {
            Ok(()) => match shared.store.complete(work, incoming.take_effects(), now()).await {
                Ok(Completed::Done | Completed::Conflict) => Ok(()),
                Ok(Completed::Fenced) => {
                    tracing::warn!(event = %name, "the event was taken over while its handler ran");
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Err(cause) => {
                tracing::warn!(event = %name, ?thread, attempt, cause, "a handler failed");
                let pause = BACKOFF.delay(attempt, &*shared.seams.random);
                shared.store.fail(work, cause, pause, now()).await.map(|parked| {
                    if parked {
                        tracing::error!(event = %name, ?thread, "an event is parked; its owner was told");
                    }
                })
            }
        };
        kill_point!("agent.handler.after-commit");
        shared.outbox.ring();
        result
    }

    /// The first handler that fits, with its time limit; its panic is its failure. No handler is no failure.
    async fn run_handler(&self, incoming: &Incoming) -> Result<(), String> {
        // All of it is the author's code, the question whether it fits included.
        let run = async {
            match self.0.handlers.iter().find(|handler| handler.fits(incoming)) {
                Some(handler) => handler.call(incoming.clone()).await,
                None => Ok(None),
            }
        };
        match clock::timeout(&*self.0.seams.clock, HANDLER_TIMEOUT, spawn::caught(run)).await {
            Ok(Ok(Ok(reply))) => {
                if let Some(text) = reply {
                    crate::Ctx::of(incoming).reply(text);
                }
                Ok(())
            }
            Ok(Ok(Err(error))) => Err(error.to_string()),
            Ok(Err(panicked)) => Err(panicked.to_string()),
            Err(_) => Err(format!("it did not end within {} s", HANDLER_TIMEOUT.as_secs())),
        }
    }

    /// News of one's own membership may be late and stale, so the thread itself is asked: answered means in, 403 out. If it
    /// cannot be asked now, the news stands.
    async fn ask_the_thread(&self, work: &Work) {
        let me = work.agent.id;
        let thread = match &work.payload {
            Payload::AgentJoined(j) if j.agent_id == me => j.thread_id,
            Payload::AgentLeft(l) if l.agent_id == me => l.thread_id,
            _ => return,
        };
        let member = match self.0.client.read(me, thread, 1).await {
            Ok(_) => true,
            Err(CallError::Refused { status: 403 | 404, .. }) => false,
            Err(error) => {
                tracing::debug!(%error, "a thread could not be asked whether we sit in it");
                return;
            }
        };
        if let Err(error) = self.0.store.set_member(me, thread, member).await {
            tracing::warn!(%error, "a membership could not be corrected");
        }
    }
}
