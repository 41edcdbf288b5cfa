//! Who is heard how: the owner commands, everybody else only speaks.
//!
//! This is the only place that lets anybody command. It looks at who wrote, never at what they wrote.

use mewe_agent::{Ctx, Direct, Mention, Result};

use crate::{ability, say::Asked, stranger};

/// Whatever the owner writes in the personal thread is meant for the assistant.
pub(crate) async fn in_our_thread(message: Direct, ctx: Ctx) -> Result<()> {
    ability::answer(&ctx, Asked::AtHome, &message.request()).await
}

/// Elsewhere it is spoken to by name.
pub(crate) async fn beside_a_mention(message: Mention, ctx: Ctx) -> Result<()> {
    match (message.is_owner(), message.is_personal()) {
        (true, _) => ability::answer(&ctx, Asked::In(message.thread()), &message.request()).await,
        (false, false) => stranger::answer(&ctx, &message).await,
        // The host keeps the personal thread to owner and agent. Should somebody else speak there, they are not answered.
        (false, true) => Ok(()),
    }
}
