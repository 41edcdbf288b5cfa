//! The only place that asks the time, sleeps or times out.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::BoxFuture;

/// A source of the time.
pub trait Clock: Send + Sync + 'static {
    /// The time now, by this clock. It may step backwards: whoever needs a clock that does not, keeps the latest value seen.
    fn now(&self) -> Timestamp;
    /// Completes once `duration` has passed by this clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A clock that many parts share.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock and tokio's timers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "the home of these calls")]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that stands still until a test moves it. Clones show the same time.
///
/// tokio's own paused time runs ahead as soon as its tasks idle, without asking whether a thread of ours still works;
/// this one moves only when told.
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<Held>);

#[derive(Debug)]
struct Held {
    now: Mutex<Timestamp>,
    moved: Notify,
}

impl VirtualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Held { now: Mutex::new(start), moved: Notify::new() }))
    }

    /// Moves the clock forward and wakes who slept until then. Saturates at the end of time.
    pub fn advance(&self, by: Duration) {
        let target = later(self.now(), by);
        self.set(target);
    }

    /// Sets the clock, backwards too: a machine's clock does that.
    pub fn set(&self, to: Timestamp) {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner) = to;
        self.0.moved.notify_waiters();
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let until = later(self.now(), duration);
        Box::pin(async move {
            loop {
                let moved = clock.0.moved.notified();
                tokio::pin!(moved);
                // Registered before the time is read, so that a move between the two is not missed.
                moved.as_mut().enable();
                if clock.now() >= until {
                    return;
                }
                moved.await;
            }
        })
    }
}

/// `at` plus `by`, held at the end of time instead of overflowing.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// How long from `now` until `at`; zero when it has passed.
pub fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// The time limit was reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time limit was reached")]
pub struct Elapsed;

/// Runs `work` for at most `limit` by `clock`.
///
/// # Errors
/// [`Elapsed`] when the limit came first; `work` is dropped then.
pub async fn timeout<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    let deadline = clock.sleep(limit);
    tokio::select! {
        // Work that is done wins over a limit that is reached in the same moment.
        biased;
        done = work => Ok(done),
        () = deadline => Err(Elapsed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_virtual_sleep_ends_when_the_clock_reaches_it_and_not_before() {
        let clock = VirtualClock::new(Timestamp::from_second(1_764_000_000).unwrap());
        let mut sleep = clock.sleep(Duration::from_secs(10));
        clock.advance(Duration::from_secs(9));
        assert!(futures_util::FutureExt::now_or_never(&mut sleep).is_none());
        clock.advance(Duration::from_secs(1));
        sleep.await;
    }

    #[tokio::test]
    async fn a_time_limit_ends_work_that_never_ends() {
        let clock = VirtualClock::new(Timestamp::UNIX_EPOCH);
        let held = clock.clone();
        let (result, ()) = tokio::join!(timeout(&held, Duration::from_secs(1), std::future::pending::<()>()), async {
            clock.advance(Duration::from_secs(2));
        });
        assert_eq!(result, Err(Elapsed));
    }

    #[test]
    fn time_is_held_at_its_end() {
        assert_eq!(later(Timestamp::MAX, Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(until(Timestamp::MAX, Timestamp::UNIX_EPOCH), Duration::ZERO);
    }
}
