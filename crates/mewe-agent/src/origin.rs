//! Where a text comes from: the threads whose words it was made from.
//!
//! Everything stored that holds text carries an [`Origin`], from the first day, since it cannot be found out later. The
//! context joins what a handler reads, its own event first; each effect carries what was read *before* it. What may flow
//! where is a later judgement over these origins; keeping them is not an option.

use std::collections::BTreeSet;

use mewe_protocol::ThreadId;
use sha2::{Digest, Sha256};

/// A set of threads. The empty one is of what nobody said: the program's own words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin(BTreeSet<ThreadId>);

impl Origin {
    /// The origin of words of one thread.
    pub fn of(thread: ThreadId) -> Self {
        Self(BTreeSet::from([thread]))
    }

    /// Takes in another origin: what is made from both comes from both.
    pub fn join(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// The threads, in the order of their ids.
    pub fn threads(&self) -> impl Iterator<Item = ThreadId> {
        self.0.iter().copied()
    }

    /// Whether nothing but words of `thread` (or nobody's) went into it.
    pub fn is_within(&self, thread: ThreadId) -> bool {
        self.0.iter().all(|t| *t == thread)
    }

    /// As stored: the ids' bytes, one after the other.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|thread| *thread.as_bytes()).collect()
    }

    /// From what [`Origin::to_bytes`] wrote; a rest that is no id is left out.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.as_chunks::<12>().0.iter().map(|id| ThreadId::from_bytes(*id)).collect())
    }

    /// Equal sets are stored once, found by this.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }
}

impl FromIterator<ThreadId> for Origin {
    fn from_iter<I: IntoIterator<Item = ThreadId>>(threads: I) -> Self {
        Self(threads.into_iter().collect())
    }
}
