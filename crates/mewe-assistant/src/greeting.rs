//! The first words of its life.

use mewe_agent::{Ctx, Registered};

use crate::{say, words};

pub(crate) async fn registered(event: Registered, ctx: Ctx) {
    say::here(&ctx, words::greeting(&event.owner_first_name, &event.agent_name));
}
