//! The owner's names for threads.
//!
//! A name is a word of the thread in which the owner said it, so it is kept there: read in that thread it taints no answer, and
//! forgetting the thread forgets it. That no two threads share one is decided by the names' fingerprints alone, which are kept
//! for the agent as a whole and hold no text: otherwise naming one thread would have to read the names of all others, and
//! nothing could be answered there any more. The fingerprints are versioned like all state, so two threads named alike at the
//! same moment do not both succeed.

use std::collections::BTreeMap;

use mewe_agent::{Ctx, Place, Result, Stored, ThreadId};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::{ask, words};

/// The longest name, in characters.
pub(crate) const LONGEST: usize = 60;

/// A name that a thread can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// Empty, or too long.
    #[error("a name has 1 to {LONGEST} characters")]
    Length,
    /// It would mean something else behind `catch up`.
    #[error("a number, an id or a word of a command is no name")]
    Reserved,
}

impl Name {
    /// One line of 1 to 60 characters that means nothing else.
    pub(crate) fn new(text: &str) -> Result<Self, NameError> {
        let name = words::one_line(text).trim_end_matches(['.', ',']).trim_end().to_owned();
        if !(1..=LONGEST).contains(&name.chars().count()) || key(&name).is_empty() {
            return Err(NameError::Length);
        }
        if name.parse::<u32>().is_ok() || name.parse::<ThreadId>().is_ok() || ask::is_reserved(&name) {
            return Err(NameError::Reserved);
        }
        Ok(Self(name))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether two names are one, as people see it.
pub(crate) fn same(a: &str, b: &str) -> bool {
    key(a) == key(b)
}

fn key(name: &str) -> String {
    let folded: String = name.nfc().flat_map(char::to_lowercase).collect();
    folded.trim_end_matches(['.', ',', ':', '!', '?']).trim().to_owned()
}

/// FNV-1a over the key: stable between versions of this program, which the standard library's hasher does not promise to be.
fn fingerprint(name: &str) -> u64 {
    key(name).bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A thread's name, kept in that thread. Empty when it lost its name to another.
#[derive(Debug, Serialize, Deserialize)]
struct ThreadName {
    name: String,
}

impl Stored for ThreadName {
    const NAME: &'static str = "assistant.thread_name";
    const VERSION: u32 = 1;
    const TEXT: bool = true;
}

/// The fingerprints of the names of all threads in which the agent sits.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Taken(BTreeMap<ThreadId, u64>);

impl Stored for Taken {
    const NAME: &'static str = "assistant.names_taken";
    const VERSION: u32 = 1;
    const TEXT: bool = false;
}

impl Taken {
    async fn read(ctx: &Ctx) -> Result<Self> {
        Ok(ctx.state(Place::Agent).await?.unwrap_or_default())
    }

    /// Another thread than `thread` that has this name.
    fn holder(&self, name: &str, thread: ThreadId) -> Option<ThreadId> {
        let wanted = fingerprint(name);
        self.0.iter().find(|(other, taken)| **other != thread && **taken == wanted).map(|(other, _)| *other)
    }
}

/// What came of naming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// It has the name.
    Done,
    /// Another thread has it already.
    TakenBy(ThreadId),
}

/// The name of `thread`; joins that thread alone.
pub(crate) async fn of(ctx: &Ctx, thread: ThreadId) -> Result<Option<String>> {
    let kept: Option<ThreadName> = ctx.state(Place::Thread(thread)).await?;
    Ok(kept.map(|kept| kept.name).filter(|name| !name.is_empty()))
}

/// Whether `thread` is called so; joins nothing.
pub(crate) async fn is(ctx: &Ctx, thread: ThreadId, name: &str) -> Result<bool> {
    Ok(Taken::read(ctx).await?.0.get(&thread) == Some(&fingerprint(name)))
}

/// Names `thread`, unless another has that name; joins nothing.
pub(crate) async fn give(ctx: &Ctx, thread: ThreadId, name: &Name) -> Result<Given> {
    let mut taken = Taken::read(ctx).await?;
    if let Some(other) = taken.holder(&name.0, thread) {
        return Ok(Given::TakenBy(other));
    }
    taken.0.insert(thread, fingerprint(&name.0));
    ctx.set_state(Place::Agent, &taken);
    ctx.set_state(Place::Thread(thread), &ThreadName { name: name.0.clone() });
    Ok(Given::Done)
}

/// Frees the name of a thread that the agent has left. The thread remembers it.
pub(crate) async fn release(ctx: &Ctx, thread: ThreadId) -> Result<()> {
    let mut taken = Taken::read(ctx).await?;
    if taken.0.remove(&thread).is_some() {
        ctx.set_state(Place::Agent, &taken);
    }
    Ok(())
}

/// Gives a thread that the agent came back to its old name, unless another has it by now.
pub(crate) async fn take_back(ctx: &Ctx, thread: ThreadId) -> Result<()> {
    let Some(name) = of(ctx, thread).await? else { return Ok(()) };
    let mut taken = Taken::read(ctx).await?;
    if taken.holder(&name, thread).is_some() {
        ctx.set_state(Place::Thread(thread), &ThreadName { name: String::new() });
    } else {
        taken.0.insert(thread, fingerprint(&name));
        ctx.set_state(Place::Agent, &taken);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_1_to_60_characters() {
        assert_eq!(Name::new("  The\n  Family. ").unwrap().as_str(), "The Family");
        assert_eq!(Name::new(&"ö".repeat(60)).unwrap().as_str().chars().count(), 60);
        assert_eq!(Name::new(&"ö".repeat(61)), Err(NameError::Length));
        assert_eq!(Name::new(" \u{202e} "), Err(NameError::Length));
        assert_eq!(Name::new("?!"), Err(NameError::Length));
    }

    #[test]
    fn what_means_something_else_is_no_name() {
        for text in ["2", "625568bf663e8f63481b04ab", "here", "Everything", "this thread"] {
            assert_eq!(Name::new(text), Err(NameError::Reserved), "{text}");
        }
    }

    #[test]
    fn names_are_the_same_as_people_see_it() {
        assert!(same("Family", "family?"));
        assert!(same("Sigru\u{301}n", "SIGRÚN"));
        assert!(!same("Family", "Families"));
        assert_eq!(fingerprint("Family"), fingerprint("family!"));
    }
}
