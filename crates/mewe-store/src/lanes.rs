//! One way to work through a durable queue: claim what is due, run it side by side, sleep until there is more.
//!
//! Inboxes, outboxes and deliveries all do this. A simulation calls [`run_due`] instead, which does the same work on the calling task, one
//! piece after the other, and comes back when nothing is due.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use mewe_runtime::{BoxFuture, Seams, clock, stop::Stop};
use tokio::sync::{Notify, Semaphore};

use crate::StoreError;

/// How many lanes run side by side.
const SIDE_BY_SIDE: usize = 64;
/// How long a graceful stop waits for what runs.
const DRAIN: Duration = Duration::from_secs(10);
/// The longest sleep without a look: a clock may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// After the store failed.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// A durable queue and what is done with its pieces.
pub trait Lanes: Send + Sync + 'static {
    /// A claimed piece.
    type Piece: Send + 'static;
    /// Claims at most `limit` pieces that are due, never two of one lane.
    fn claim(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Self::Piece>, StoreError>>;
    /// Does the work and records how it ended.
    fn run(&self, piece: Self::Piece) -> BoxFuture<'_, ()>;
    /// When the next piece is due.
    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;
    /// Rings when there may be more to do.
    fn bell(&self) -> &Notify;
}

/// Works until `stop`, then lets what runs come to its end.
pub async fn work<L: Lanes>(lanes: Arc<L>, seams: Seams, stop: Stop) {
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    while !stop.is_stopped() {
        // Made before the claim, so that what comes in between is not slept over.
        let rung = lanes.bell().notified();
        let free = places.available_permits();
        let claimed = if free == 0 { Ok(Vec::new()) } else { lanes.claim(free).await };
        let pieces = match claimed {
            Ok(pieces) => pieces,
            Err(error) => {
                tracing::error!(%error, "the store did not answer; trying again");
                seams.clock.sleep(AFTER_ERROR).await;
                continue;
            }
        };
        if pieces.is_empty() {
            let sleep = match lanes.next_due().await {
                Ok(Some(due)) => clock::until(seams.clock.now(), due).min(LONGEST_SLEEP),
                Ok(None) => LONGEST_SLEEP,
                Err(_) => AFTER_ERROR,
            };
            // A piece that is due but whose lane is busy rings when the lane is free: no need to spin for it.
            let sleep = if sleep.is_zero() { AFTER_ERROR } else { sleep };
            tokio::select! {
                () = rung => {}
                () = seams.clock.sleep(sleep) => {}
                () = stop.stopped() => {}
            }
            continue;
        }
        for piece in pieces {
            // There are as many permits as were asked for, and only this task takes them.
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let lanes = lanes.clone();
            seams.spawn.spawn(Box::pin(async move {
                lanes.run(piece).await;
                drop(place);
                lanes.bell().notify_one();
            }));
        }
    }
    let all = u32::try_from(SIDE_BY_SIDE).unwrap_or(u32::MAX);
    if clock::timeout(&*seams.clock, DRAIN, places.acquire_many(all)).await.is_err() {
        tracing::warn!("some work did not end in time; the next start takes it up again");
    }
}

/// Does all that is due, here and now, and says how many pieces that were.
///
/// # Errors
/// When the store fails.
pub async fn run_due<L: Lanes>(lanes: &L) -> Result<usize, StoreError> {
    let mut done = 0;
    loop {
        let pieces = lanes.claim(SIDE_BY_SIDE).await?;
        if pieces.is_empty() {
            return Ok(done);
        }
        for piece in pieces {
            lanes.run(piece).await;
            done += 1;
        }
    }
}
