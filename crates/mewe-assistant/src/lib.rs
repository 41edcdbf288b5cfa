//! The ready-made personal assistant, written against mewe-agent's public API only.
//!
//! It obeys its owner and nobody else; whoever else speaks to it is told whose it is, and their words are passed on. What it
//! read in a thread it says in that thread or in the personal one, nowhere else. Since everything that a chat brings is
//! somebody's text, no text gives anybody authority: who wrote it does.
//!
//! The way of a request: `owner` hears it, `ask` reads what is wanted, a file of `ability` does it with `known`, `names` and
//! `digest`, `words` says it, and `say` lets it leave.

mod ability;
mod ask;
mod digest;
mod greeting;
mod known;
mod membership;
mod names;
mod nearest;
mod owner;
mod say;
mod stranger;
mod words;

use mewe_agent::AppBuilder;

/// Makes the application an assistant: adds the handlers of all that it can do.
///
/// Handlers that were added before go first, so whoever knows better what to answer adds theirs before.
///
/// ```no_run
/// use mewe_agent::{App, RunError};
///
/// # async fn run() -> Result<(), RunError> {
/// mewe_assistant::assistant(App::from_env()?).serve("127.0.0.1:8788").await
/// # }
/// ```
#[must_use]
pub fn assistant(app: AppBuilder) -> AppBuilder {
    app.on(greeting::registered)
        .on(membership::joined)
        .on(membership::left)
        .on(owner::in_our_thread)
        .on(owner::beside_a_mention)
}
