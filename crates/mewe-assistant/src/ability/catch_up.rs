//! `catch up`: what the owner missed, in one thread or in all.
//!
//! News of a thread may be told in that thread, and anything at home. So it is decided first whether this very thread is
//! meant, by its id or by the fingerprint of its name, which reads no other thread; only then is anything else looked at. A
//! number is looked up among all threads, so it is answered at home even where it is this thread's own.

use mewe_agent::{Ctx, Past, Result, Since, ThreadId};

use crate::{
    ask::Scope,
    digest::Digest,
    known::KnownThreads,
    names,
    say::{self, Asked},
    words::{self, Room},
};

/// The messages of a thread that are looked at, the newest.
const MOST: u32 = 500;

pub(crate) async fn run(ctx: &Ctx, asked: Asked, scope: Scope) -> Result<()> {
    if let Asked::In(here) = asked
        && is_meant(ctx, here, &scope).await?
    {
        let news = digest(ctx, &ctx.history(here, Since::OwnerWrote, MOST).await?);
        say::here(ctx, words::one_digest(None, &news, ctx.now()));
        return Ok(());
    }
    if !say::at_home(ctx, asked) {
        return Ok(());
    }
    let threads = KnownThreads::read(ctx).await?;
    match scope {
        Scope::One(which) => {
            let Some(thread) = threads.find(&which) else {
                return say::to_owner(ctx, words::no_such_thread(&which, threads.nearest(&which)));
            };
            let news = news(ctx, &threads, thread.id).await?;
            say::to_owner(ctx, words::one_digest(Some(&thread.label()), &news, ctx.now()))
        }
        // At home, `here` can only mean that nothing more special is meant.
        Scope::All | Scope::Here => {
            let mut rooms = Vec::new();
            let mut quiet = 0;
            for thread in threads.iter() {
                let news = news(ctx, &threads, thread.id).await?;
                if news.is_empty() {
                    quiet += 1;
                } else {
                    rooms.push(Room { label: thread.label(), number: thread.number, news });
                }
            }
            say::to_owner(ctx, words::digests(&rooms, quiet, ctx.now()))
        }
    }
}

/// Whether the thread in which it is asked is meant. Joins nothing.
async fn is_meant(ctx: &Ctx, here: ThreadId, scope: &Scope) -> Result<bool> {
    Ok(match scope {
        Scope::All => false,
        Scope::Here => true,
        Scope::One(which) => which.parse() == Ok(here) || names::is(ctx, here, which).await?,
    })
}

/// What is new in a thread, told by somebody who knows all of them.
async fn news(ctx: &Ctx, threads: &KnownThreads, thread: ThreadId) -> Result<Digest> {
    let mut past = ctx.history(thread, Since::OwnerWrote, MOST).await?;
    for said in &mut past {
        threads.name(&mut said.author);
    }
    Ok(digest(ctx, &past))
}

fn digest(ctx: &Ctx, past: &[Past]) -> Digest {
    Digest::of(past, ctx.agent().owner.id, MOST as usize)
}
