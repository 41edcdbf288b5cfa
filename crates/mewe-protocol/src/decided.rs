//! What the published page leaves open, decided: one constant each, with the number of its paragraph in `docs/wire.md`.

use crate::ThreadId;

/// The headers of a signed call, as the published page names them.
pub use crate::signature::{X_AGENT_ID, X_APP_ID, X_EVENT, X_SIGNATURE, X_TIMESTAMP};

/// The production host (docs/wire.md, S1).
pub const DEFAULT_HOST: &str = "https://mewe.com";
/// Seconds that a time-stamp may be off, either way (D5).
pub const TOLERANCE_SECONDS: u64 = 300;
/// Bytes of a body, either way; a longer one is refused with 413 (D7).
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Levels of nesting that a payload may have (D5).
pub const MAX_JSON_DEPTH: usize = 64;
/// Bytes of an event's name (D5).
pub const MAX_EVENT_NAME: usize = 64;
/// Where a message is sent (D6). `{threadId}` stands for the thread.
pub const SEND_PATH: &str = "/api/dev/chat/thread/{threadId}/message";
/// Where a thread is read (D6). `{threadId}` stands for the thread; `limit` is a parameter of the query.
pub const READ_PATH: &str = "/api/dev/chat/thread/{threadId}/messages";
/// Messages of a page when nothing is asked for (D6).
pub const PAGE_LIMIT_DEFAULT: u32 = 50;
/// The most messages of a page (D6).
pub const PAGE_LIMIT_MAX: u32 = 100;
/// The status of a rate-limited call (D7).
pub const RATE_LIMITED: u16 = 420;
/// For how many tolerances after its time-stamp a host remembers a request that it accepted (D8).
pub const REPLAY_MEMORY_TOLERANCES: u64 = 2;
/// How far back from now a client looks for a second that no like send has taken, in seconds (D8).
pub const SEND_LOOK_BACK_SECONDS: u64 = 60;
/// Within how many seconds a webhook must be answered, the body of the answer included (D9).
pub const WEBHOOK_ANSWER_SECONDS: u64 = 10;
/// How long a receiver remembers the messages it was told of, in seconds (D9).
pub const REMEMBER_MESSAGES_SECONDS: u64 = 30 * 24 * 60 * 60;
/// How long a receiver remembers the hash of an unknown event's body, in seconds (D9).
pub const REMEMBER_UNKNOWN_SECONDS: u64 = 24 * 60 * 60;
/// Characters of a message's text, counted as Unicode scalar values after trimming (D12).
pub const MAX_TEXT_CHARS: usize = 10_000;
/// How far before the webhook's time-stamp a time read from a message's id is believed, in seconds (D17).
pub const ID_TIME_PAST_SECONDS: u64 = 6 * 24 * 60 * 60;
/// How far after the webhook's time-stamp a time read from a message's id is believed, in seconds (D17).
pub const ID_TIME_FUTURE_SECONDS: u64 = 300;

/// The path of sending to `thread`.
pub fn send_path(thread: ThreadId) -> String {
    SEND_PATH.replace("{threadId}", &thread.to_string())
}

/// The path and query of reading the newest `limit` messages of `thread`.
pub fn read_path(thread: ThreadId, limit: u32) -> String {
    format!("{}?limit={limit}", READ_PATH.replace("{threadId}", &thread.to_string()))
}
