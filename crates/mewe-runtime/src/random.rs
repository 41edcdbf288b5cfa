//! The only source of randomness.

use std::sync::{Arc, Mutex, PoisonError};

/// A source of random bytes.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// A random number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// Dice that many parts share.
pub type SharedRandom = Arc<dyn Random>;

/// The operating system's randomness: fit for keys and tokens.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    #[expect(clippy::disallowed_methods, reason = "the home of this call")]
    fn fill(&self, bytes: &mut [u8]) {
        // A machine without randomness cannot make a key; going on with a guessable one would be worse than ending.
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// Replayable dice for simulations: the same seed, the same numbers. Never for keys.
#[derive(Debug)]
pub struct SeededRandom(Mutex<fastrand::Rng>);

impl SeededRandom {
    /// Dice that roll as `seed` says.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
    }
}
