//! One latch for a graceful end: whoever works looks at it, whoever waits hears it.

use tokio::sync::watch;

/// A latch that, once stopped, stays so. Clones are the same latch.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// A latch that is open.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Asks everybody to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether somebody asked.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes once somebody has asked.
    pub async fn stopped(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}
