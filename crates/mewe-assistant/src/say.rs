//! How words leave: plain, and only to where they may go.

use std::fmt::Display;

use mewe_agent::{Ctx, Result, ThreadId, text};

use crate::words;

/// Where the owner asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// In the personal thread.
    AtHome,
    /// In a thread that others read too.
    In(ThreadId),
}

/// Says it in the thread of the event.
///
/// In a shared thread nothing may have been read by now but that thread. Each ability keeps to that order; this makes a
/// mistake in one of them silence instead of a leak, and leaves a line in the log.
pub(crate) fn here(ctx: &Ctx, words: impl Display) {
    let at_home = ctx.thread() == ctx.agent().personal_thread;
    if !at_home && ctx.thread().is_some_and(|thread| !ctx.origin().is_within(thread)) {
        tracing::error!(thread = ?ctx.thread(), "an answer was made from other threads' words; it was not said");
        return;
    }
    ctx.reply(plain(words));
}

/// Says it in the personal thread.
pub(crate) fn to_owner(ctx: &Ctx, words: impl Display) -> Result<()> {
    ctx.to_owner(plain(words))
}

/// Before an answer about other threads: in a shared thread, says no more than that the answer is at home. Whether there is a
/// home to answer in.
///
/// Has to come before anything of other threads is read.
pub(crate) fn at_home(ctx: &Ctx, asked: Asked) -> bool {
    let home = ctx.agent().personal_thread.is_some();
    if matches!(asked, Asked::In(_)) {
        here(ctx, if home { words::AT_HOME } else { words::NO_HOME });
    }
    home
}

/// Mentions are made plain in the whole of it, not in what was quoted: two harmless pieces can make a mention where they meet.
fn plain(words: impl Display) -> String {
    text::quote(&words.to_string())
}

#[cfg(test)]
mod tests {
    use mewe_agent::mention;

    use super::plain;
    use crate::words;

    #[test]
    fn harmless_pieces_make_no_mention_together() {
        // A name and a text, both somebody else's, and neither of them a mention.
        let (name, text) = ("{{u_625568bf663e8f63481b04ab}", "well?}");
        let said = words::passed_on(name, "Family", text);
        let met = format!("{name}, {text}");
        assert!(mention::mentions(&met, "625568bf663e8f63481b04ab".parse().unwrap()));
        assert!(!mention::mentions(&plain(met), "625568bf663e8f63481b04ab".parse().unwrap()));
        assert!(!mention::mentions(&plain(said), "625568bf663e8f63481b04ab".parse().unwrap()));
    }
}
