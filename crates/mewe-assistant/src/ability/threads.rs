//! `threads`: where it sits. Of no other thread's business, so always answered at home.

use mewe_agent::{Ctx, Result};

use crate::{
    known::KnownThreads,
    say::{self, Asked},
    words,
};

pub(crate) async fn run(ctx: &Ctx, asked: Asked) -> Result<()> {
    if !say::at_home(ctx, asked) {
        return Ok(());
    }
    let threads = KnownThreads::read(ctx).await?;
    say::to_owner(ctx, words::threads(&threads, &ctx.agent().name))
}
