//! What the published page leaves open, decided: one constant each, with the number of its paragraph in `docs/wire.md`.

use crate::ThreadId;

/// The production host (docs/wire.md, S1).
pub const DEFAULT_HOST: &str = "https://mewe.com";
/// Seconds that a time-stamp may be off, either way (D5).
pub const TOLERANCE_SECONDS: u64 = 300;
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
