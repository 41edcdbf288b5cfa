//! The only way to start a task, and to survive one that panics.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;

use crate::BoxFuture;

/// Starts tasks.
pub trait Spawn: Send + Sync + 'static {
    /// Runs `task` beside the caller, to its end or until the process ends.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// A spawner that many parts share.
pub type SharedSpawn = Arc<dyn Spawn>;

/// Tasks on the current tokio runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioSpawn;

impl Spawn for TokioSpawn {
    #[expect(clippy::disallowed_methods, reason = "the home of this call")]
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

/// Work panicked; the words of the panic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {0}")]
pub struct Panicked(pub String);

/// Runs `work` and turns a panic of its own into an error, so that it is that work's failure and nobody else's.
///
/// # Errors
/// [`Panicked`] with the panic's words.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| Panicked(words(&*panic)))
}

fn words(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_words() {
        let result = caught(async { panic!("the spice {}", "flows") }).await;
        assert_eq!(result, Err::<(), _>(Panicked("the spice flows".into())));
    }
}
