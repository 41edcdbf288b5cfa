//! What the owner can ask for: a file per word they type.

mod catch_up;
mod help;
mod name_thread;
mod threads;

use mewe_agent::{Ctx, Result};

use crate::{
    ask::{self, Ask},
    say::{self, Asked},
    words,
};

/// Does what the owner asked for.
pub(crate) async fn answer(ctx: &Ctx, asked: Asked, request: &str) -> Result<()> {
    match ask::read(request) {
        Ask::Nothing => say::here(ctx, words::LISTENING),
        Ask::Help => help::run(ctx),
        Ask::Threads => threads::run(ctx, asked).await?,
        Ask::CatchUp(scope) => catch_up::run(ctx, asked, scope).await?,
        Ask::NameThis(name) => name_thread::run(ctx, asked, &name).await?,
        Ask::NameOther => say::here(ctx, words::name_it_there(&ctx.agent().name)),
        Ask::Unknown { nearest } => say::here(ctx, words::not_understood(nearest)),
    }
    Ok(())
}
