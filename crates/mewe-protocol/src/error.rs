//! What a host answers when it refuses: a stable code, and words for a person (docs/wire.md, D7).

use serde::{Deserialize, Serialize};

/// The stable codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the codes; docs/errors.md tells what to do about each")]
pub enum ErrorCode {
    Invalid,
    Header,
    UnknownApp,
    UnknownAgent,
    Timestamp,
    Signature,
    Replayed,
    Unauthorized,
    NotInThread,
    Permission,
    ForeignOrigin,
    NotFound,
    MethodNotAllowed,
    Slow,
    Conflict,
    TooLarge,
    RateLimited,
    WrongHost,
    Internal,
    Busy,
}

impl ErrorCode {
    /// Code and status.
    const fn parts(self) -> (&'static str, u16) {
        match self {
            Self::Invalid => ("invalid", 400),
            Self::Header => ("header", 401),
            Self::UnknownApp => ("unknown_app", 401),
            Self::UnknownAgent => ("unknown_agent", 401),
            Self::Timestamp => ("timestamp", 401),
            Self::Signature => ("signature", 401),
            Self::Replayed => ("replayed", 401),
            Self::Unauthorized => ("unauthorized", 401),
            Self::NotInThread => ("not_in_thread", 403),
            Self::Permission => ("permission", 403),
            Self::ForeignOrigin => ("foreign_origin", 403),
            Self::NotFound => ("not_found", 404),
            Self::MethodNotAllowed => ("method_not_allowed", 405),
            Self::Slow => ("slow", 408),
            Self::Conflict => ("conflict", 409),
            Self::TooLarge => ("too_large", 413),
            Self::RateLimited => ("rate_limited", crate::decided::RATE_LIMITED),
            Self::WrongHost => ("wrong_host", 421),
            Self::Internal => ("internal", 500),
            Self::Busy => ("busy", 503),
        }
    }

    /// As it stands in a body.
    pub const fn as_str(self) -> &'static str {
        self.parts().0
    }

    /// The HTTP status that goes with it.
    pub const fn status(self) -> u16 {
        self.parts().1
    }
}

/// The body of a refusal: `{"error":{"code":"…","message":"…"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What is in it.
    pub error: ErrorDetail,
}

/// A code and words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// A stable code; a newer host may know more of them than [`ErrorCode`].
    #[serde(default)]
    pub code: String,
    /// Words for a person.
    #[serde(default)]
    pub message: String,
}

impl ErrorBody {
    /// The body of this refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { error: ErrorDetail { code: code.as_str().to_owned(), message: message.into() } }
    }
}
