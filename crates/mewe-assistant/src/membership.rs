//! When it comes into a thread, and when it has to leave one: the owner is told, the thread is not.
//!
//! Whoever sits in the thread sees the platform's own line about it. The news can be late and stale, so what is said follows
//! from where the agent sits now, which the framework has asked the thread about.

use mewe_agent::{Ctx, Joined, Left, Result};

use crate::{known::KnownThreads, names, say, words};

pub(crate) async fn joined(event: Joined, ctx: Ctx) -> Result<()> {
    names::take_back(&ctx, event.thread).await?;
    let threads = KnownThreads::read(&ctx).await?;
    let Some(thread) = threads.get(event.thread) else { return Ok(()) };
    say::to_owner(&ctx, words::joined(thread, &ctx.agent().name))
}

/// What was read there is kept; only its name is free for another thread.
pub(crate) async fn left(event: Left, ctx: Ctx) -> Result<()> {
    let name = names::of(&ctx, event.thread).await?;
    let threads = KnownThreads::read(&ctx).await?;
    if threads.get(event.thread).is_some() {
        return Ok(());
    }
    names::release(&ctx, event.thread).await?;
    say::to_owner(&ctx, words::left(name.as_deref()))
}
