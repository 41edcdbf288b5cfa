//! One way to work through a durable queue: claim what is due, run it side by side, sleep until there is more.
//!
//! Inboxes, outboxes and deliveries all do this. A simulation calls [`run_due`] instead, which does the same work on the calling task, one
//! piece after the other, and comes back when nothing is due.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use mewe_runtime::{
    BoxFuture, Seams,
    clock::{self, SharedClock},
    spawn::{self, Panicked},
    stop::Stop,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::{Claim, StoreError};

/// How many lanes run side by side.
const SIDE_BY_SIDE: usize = 64;
/// How long a graceful stop waits for what runs.
const DRAIN: Duration = Duration::from_secs(10);
/// The longest sleep without a look: a clock may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// After the store failed, or where what is due cannot be claimed.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// A durable queue and what is done with its pieces.
pub trait Lanes: Send + Sync + 'static {
    /// A claimed piece.
    type Piece: Send + 'static;
    /// Claims at most `limit` pieces that are due, never two of one lane.
    fn claim(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Self::Piece>, StoreError>>;
    /// What holds the piece.
    fn claim_of(piece: &Self::Piece) -> Claim;
    /// Does the work and records how it ended. An error: the store did not take that.
    fn run(&self, piece: Self::Piece) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Gives a piece back of which nobody knows how it ended; it is run again after `pause`. Nothing happens if the claim is no
    /// longer ours. `counts`: whether it was an attempt.
    fn give_back(&self, claim: Claim, pause: Duration, counts: bool) -> BoxFuture<'_, Result<(), StoreError>>;
    /// When the next piece is due.
    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;
    /// Rings when there may be more to do.
    fn bell(&self) -> &Notify;
}

/// Works until `stop`, then lets what runs come to its end.
pub async fn work<L: Lanes>(lanes: Arc<L>, seams: Seams, stop: Stop) {
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut looking_again = false;
    while !stop.is_stopped() {
        // Made before the claim, so that what comes in between is not slept over.
        let rung = lanes.bell().notified();
        let free = places.available_permits();
        let claimed = if free == 0 { Ok(Vec::new()) } else { lanes.claim(free).await };
        let next = match claimed {
            Ok(pieces) if !pieces.is_empty() => {
                for piece in pieces {
                    // There are as many permits as were asked for, and only this task takes them.
                    let Ok(place) = places.clone().acquire_owned().await else { return };
                    let run = run_and_ring(lanes.clone(), piece, place, seams.clock.clone(), stop.clone());
                    seams.spawn.spawn(Box::pin(run));
                }
                looking_again = false;
                continue;
            }
            // Whoever ends rings: there is nothing to look for until then.
            Ok(_) if free == 0 => Ok(None),
            Ok(_) => lanes.next_due().await,
            Err(error) => Err(error),
        };
        let sleep = match next {
            Ok(Some(due)) => match clock::until(seams.clock.now(), due).min(LONGEST_SLEEP) {
                // It became due since the claim. If it still cannot be claimed, something else has to happen first.
                Duration::ZERO if !looking_again => {
                    looking_again = true;
                    continue;
                }
                Duration::ZERO => AFTER_ERROR,
                sleep => sleep,
            },
            Ok(None) => LONGEST_SLEEP,
            Err(error) => {
                tracing::error!(%error, "the store did not answer; trying again");
                // Whatever rings meanwhile is not lost, but a store that fails is not asked more often for it.
                tokio::select! {
                    () = seams.clock.sleep(AFTER_ERROR) => {}
                    () = stop.stopped() => {}
                }
                continue;
            }
        };
        looking_again = false;
        tokio::select! {
            () = rung => {}
            () = seams.clock.sleep(sleep) => {}
            () = stop.stopped() => {}
        }
    }
    let all = u32::try_from(SIDE_BY_SIDE).unwrap_or(u32::MAX);
    if clock::timeout(&*seams.clock, DRAIN, places.acquire_many(all)).await.is_err() {
        tracing::warn!("some work did not end in time; the next start takes it up again");
    }
}

/// Runs a piece, frees its place and says so: after a panic too, or the place would be lost.
async fn run_and_ring<L: Lanes>(
    lanes: Arc<L>,
    piece: L::Piece,
    place: OwnedSemaphorePermit,
    clock: SharedClock,
    stop: Stop,
) {
    let claim = L::claim_of(&piece);
    let ended = spawn::caught(lanes.run(piece)).await;
    if let Some(counts) = came_to_no_end(ended) {
        // Otherwise its lane would stand still until the next start. A store that is full has room again one day.
        while let Err(error) = lanes.give_back(claim.clone(), AFTER_ERROR, counts).await {
            tracing::error!(%error, "a piece of work cannot be given back; trying again");
            tokio::select! {
                () = clock.sleep(AFTER_ERROR) => {}
                () = stop.stopped() => break,
            }
        }
    }
    drop(place);
    lanes.bell().notify_one();
}

/// Whether work has to be given back, and if so, whether it was an attempt: one that is the program's own mistake is, so that it
/// does not go on for ever; one that the disk did not take is not.
fn came_to_no_end(ended: Result<Result<(), StoreError>, Panicked>) -> Option<bool> {
    let error = match ended {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => error,
        Err(Panicked(words)) => StoreError::Panicked(words),
    };
    tracing::error!(%error, "how a piece of work ended is not known; it is run again");
    Some(!matches!(error, StoreError::Full | StoreError::Io(_) | StoreError::Closed))
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
            let claim = L::claim_of(&piece);
            if let Err(error) = lanes.run(piece).await {
                lanes.give_back(claim, AFTER_ERROR, came_to_no_end(Ok(Err(error.clone()))).unwrap_or(true)).await?;
                return Err(error);
            }
            done += 1;
        }
    }
}
