//! The five seams through which a durable system touches the world, and the door through which the world touches it.
//!
//! Nothing tests a durable system like being able to stop it anywhere. So nothing else in this workspace asks the time,
//! rolls dice, spawns a task or opens a connection: it takes [`Seams`], which production fills with the real thing and a
//! simulation with a held clock, a seed and a direct call into the other side's router. (The fifth seam, the store's
//! executor, lives with the store.) `clippy.toml` keeps the rule.
//!
//! Beside the seams stand what every process of ours shares: [`serve`] (time limits and sizes at the door), [`stop`] (one
//! latch for a graceful end), [`escape`] (text from the wire on a terminal) and [`kill_point!`] (places a crash must not hurt).

pub mod clock;
pub mod escape;
#[doc(hidden)]
pub mod kill;
pub mod random;
pub mod serve;
pub mod spawn;
pub mod stop;
pub mod transport;

use std::pin::Pin;

use clock::{SharedClock, SystemClock};
use random::{OsRandom, SharedRandom};
use spawn::{SharedSpawn, TokioSpawn};
use transport::{HttpTransport, SharedTransport, TransportError};

/// A boxed future that may cross threads: what object-safe seams return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a part of the system may use of the world. Cloning is cheap.
#[derive(Clone)]
pub struct Seams {
    /// The only source of the time, and the only way to wait for it.
    pub clock: SharedClock,
    /// The only source of randomness.
    pub random: SharedRandom,
    /// The only way to start a task.
    pub spawn: SharedSpawn,
    /// The only way to call another server.
    pub transport: SharedTransport,
}

impl Seams {
    /// The real world: system clock, the operating system's randomness, tokio tasks, HTTP with rustls.
    ///
    /// # Errors
    /// [`TransportError::Invalid`] when the TLS set-up of this machine cannot be read.
    pub fn production() -> Result<Self, TransportError> {
        use std::sync::Arc;
        let clock: SharedClock = Arc::new(SystemClock);
        Ok(Self {
            random: Arc::new(OsRandom),
            spawn: Arc::new(TokioSpawn),
            transport: Arc::new(HttpTransport::new(clock.clone())?),
            clock,
        })
    }
}

impl std::fmt::Debug for Seams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seams")
    }
}
