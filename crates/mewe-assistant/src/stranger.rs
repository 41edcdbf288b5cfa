//! What others say to it: answered where they said it, and passed on.

use mewe_agent::{Ctx, Mention, Result};

use crate::{known::KnownThreads, say, words};

/// Answers somebody who is not the owner, whatever they wrote.
///
/// The answer is made before any other thread is looked at: passing on needs the thread's label, and labels are made from all
/// threads.
pub(crate) async fn answer(ctx: &Ctx, message: &Mention) -> Result<()> {
    let (here, owner) = (message.thread(), ctx.agent().owner.id);
    // By the name that this thread knows: what the owner is called elsewhere is not for here.
    let owner = ctx.name_of(owner, here).await?;
    let said = message.request();
    if said.is_empty() {
        say::here(ctx, words::whose(owner.as_deref()));
        return Ok(());
    }
    if ctx.agent().personal_thread.is_none() {
        say::here(ctx, words::cannot_pass_on(owner.as_deref()));
        return Ok(());
    }
    say::here(ctx, words::passing_on(owner.as_deref()));
    let threads = KnownThreads::read(ctx).await?;
    say::to_owner(ctx, words::passed_on(message.author(), &threads.label(here), &said))
}
