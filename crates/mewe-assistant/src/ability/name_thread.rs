//! `this is Family`: the thread in which the owner says so is called Family from then on.
//!
//! A name is kept in its thread, and only words of that thread may be. That is why `2 is Family` is not done from the
//! personal thread, but asked for in thread 2.

use mewe_agent::{Ctx, Result};

use crate::{
    known::KnownThreads,
    names::{self, Given, Name},
    say::{self, Asked},
    words,
};

pub(crate) async fn run(ctx: &Ctx, asked: Asked, name: &str) -> Result<()> {
    let Asked::In(here) = asked else {
        say::here(ctx, words::name_it_there(&ctx.agent().name));
        return Ok(());
    };
    let name = match Name::new(name) {
        Ok(name) => name,
        Err(why) => {
            say::here(ctx, words::no_name(why));
            return Ok(());
        }
    };
    match names::give(ctx, here, &name).await? {
        Given::Done => say::here(ctx, words::named(name.as_str())),
        // Which thread that is, is for the owner alone to know.
        Given::TakenBy(other) => {
            if say::at_home(ctx, asked) {
                let threads = KnownThreads::read(ctx).await?;
                say::to_owner(ctx, words::name_taken(name.as_str(), threads.get(other)))?;
            }
        }
    }
    Ok(())
}
