//! When to try again.

use std::time::Duration;

use mewe_runtime::random::Random;

/// Exponential back-off with jitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// By how much each further pause is longer.
    pub factor: u32,
    /// The longest pause.
    pub max: Duration,
}

impl Backoff {
    /// The pause after the `attempt`-th failure (from 1): between half of the exponential one and all of it, so that what failed
    /// together does not come back together.
    pub fn delay(&self, attempt: u32, random: &dyn Random) -> Duration {
        let full = self
            .factor
            .checked_pow(attempt.saturating_sub(1))
            .and_then(|times| self.first.checked_mul(times))
            .map_or(self.max, |delay| delay.min(self.max));
        let half = full / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_nanos(random.next_u64() % nanos)
    }
}

/// The pause that a `Retry-After` header asks for, in its form of seconds; at most an hour, so that nobody parks us.
pub fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(|seconds: u64| Duration::from_secs(seconds.min(3600)))
}

#[cfg(test)]
mod tests {
    use mewe_runtime::random::SeededRandom;

    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_never_overflow() {
        let backoff = Backoff { first: Duration::from_secs(1), factor: 2, max: Duration::from_secs(60) };
        let random = SeededRandom::new(1);
        for attempt in 1..200 {
            let full = 2u64.checked_pow(attempt - 1).map_or(60, |s| s.min(60));
            let delay = backoff.delay(attempt, &random);
            assert!(
                delay >= Duration::from_secs(full) / 2 && delay <= Duration::from_secs(full),
                "{attempt}: {delay:?}"
            );
        }
    }

    #[test]
    fn an_endless_retry_after_is_an_hour() {
        assert_eq!(retry_after(" 3 "), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("99999999999"), Some(Duration::from_secs(3600)));
        assert_eq!(retry_after("soon"), None);
    }
}
