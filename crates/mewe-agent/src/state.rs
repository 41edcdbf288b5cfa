//! What a handler keeps: typed values with a name and a version, per agent or per thread.
//!
//! A value is read through the context and written as an effect: it is stored with "event done", or not at all. Reads are
//! versioned, so two threads that change one agent's state side by side do not lose an update; the loser runs again.

use mewe_protocol::ThreadId;
use serde::{Serialize, de::DeserializeOwned};

/// A type that can be kept.
///
/// ```
/// use mewe_agent::Stored;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Seen { messages: u64 }
///
/// impl Stored for Seen {
///     const NAME: &'static str = "seen";
///     const VERSION: u32 = 1;
///     const TEXT: bool = false; // a number: nobody's words
/// }
/// ```
pub trait Stored: Serialize + DeserializeOwned + Send + 'static {
    /// Its name in the database: not the Rust path, so that code can move.
    const NAME: &'static str;
    /// Rises when the shape changes. What is stored with another version does not decode, and the event that wanted it is
    /// parked with that cause; nothing is dropped.
    const VERSION: u32;
    /// Whether it can hold somebody's words. What holds text carries its origin wherever it is read.
    const TEXT: bool;
}

/// Whose state it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The agent's as a whole. Keep types without text here.
    Agent,
    /// One thread's. Text that is kept here should come from here.
    Thread(ThreadId),
}

impl Place {
    /// As stored: empty, or the thread's bytes.
    pub(crate) fn key(self) -> Vec<u8> {
        match self {
            Self::Agent => Vec::new(),
            Self::Thread(thread) => thread.as_bytes().to_vec(),
        }
    }
}

/// One value as the store sees it.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// Rises with each write; 0 is a value that was never written.
    pub(crate) revision: i64,
    /// [`Stored::VERSION`] of the type that wrote it.
    pub(crate) version: u32,
    /// JSON.
    pub(crate) value: Vec<u8>,
    /// The threads whose words went into it.
    pub(crate) origin: crate::Origin,
    /// [`Stored::TEXT`] of the type that wrote it.
    pub(crate) text: bool,
}
