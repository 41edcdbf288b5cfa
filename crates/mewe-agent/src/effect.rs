//! What a handler asked for, as data. Nothing of it leaves or changes anything before the commit.

use mewe_protocol::ThreadId;

use crate::{origin::Origin, state::Place};

/// A message to be sent, and where its words come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Send {
    pub(crate) thread: ThreadId,
    /// 1 to 10,000 characters, trimmed.
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

/// A value to be kept.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) place: Place,
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) text: bool,
    pub(crate) value: Vec<u8>,
    pub(crate) origin: Origin,
}

/// A value that was read, and the revision it had: the commit checks that it still has it.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) place: Place,
    pub(crate) name: &'static str,
    pub(crate) revision: i64,
}

/// All that one run of a handler asked for. Committed together with "event done", or dropped as a whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects {
    pub(crate) sends: Vec<Send>,
    pub(crate) writes: Vec<Write>,
    pub(crate) reads: Vec<Read>,
}

impl Effects {
    /// Whether the run changed nothing: then a mention that is noticed late may open its event again.
    pub(crate) fn is_empty(&self) -> bool {
        self.sends.is_empty() && self.writes.is_empty()
    }
}
