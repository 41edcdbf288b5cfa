//! JSON as the wire needs it: compact without a tree, printed one way, read strictly.
//!
//! The usual mistake of verifiers is to parse, print again, and sign that: numbers change their form, keys their order. Here
//! the very bytes that came are compacted as a stream ([`compact`]), and the very bytes that verified are read ([`read`]).

mod compact;
mod print;
mod read;

pub(crate) use compact::is_white;
pub use compact::{Compact, compact, stripped};
pub use print::print;
pub(crate) use read::loose;
pub use read::{ReadError, check, read};
