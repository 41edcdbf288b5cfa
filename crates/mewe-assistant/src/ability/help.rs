//! `help`: what it can do. Its own words only, so it may be said anywhere.

use mewe_agent::Ctx;

use crate::{say, words};

pub(crate) fn run(ctx: &Ctx) {
    say::here(ctx, words::help(&ctx.agent().name));
}
