//! Refusals: a stable code, its status, and words that name the field (docs/wire.md, D7).

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use mewe_protocol::{
    Refusal,
    error::{ErrorBody, ErrorCode},
    json::{self, ReadError},
};
use mewe_runtime::serve::BodyError;
use mewe_store::StoreError;
use serde::Serialize;

use crate::domain::Refused;

/// A refusal.
#[derive(Debug, Clone)]
pub struct ApiError {
    code: ErrorCode,
    message: String,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        self.code.as_str()
    }

    /// The words for a person.
    pub(crate) fn words(&self) -> &str {
        &self.message
    }

    /// A field of the request is not what it should be.
    pub(crate) fn invalid(field: &str, why: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::Invalid, format!("{field}: {why}"))
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for ApiError {}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full | StoreError::Io(_) | StoreError::Closed => {
                tracing::error!(%error, "the store refuses");
                Self::new(ErrorCode::Busy, "nothing was stored; try again")
            }
            error => {
                tracing::error!(%error, "a request failed");
                Self::new(ErrorCode::Internal, "the host failed; nothing was stored")
            }
        }
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        let code = match error {
            BodyError::TooLarge(_) => ErrorCode::TooLarge,
            BodyError::Slow => ErrorCode::Slow,
            BodyError::Busy => ErrorCode::Busy,
            BodyError::Cut(_) => ErrorCode::Invalid,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        Self::new(ErrorCode::Invalid, format!("the body is {error}"))
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match &refusal {
            Refusal::Header { .. } => Self::new(ErrorCode::Header, refusal.detail()),
            Refusal::Timestamp => Self::new(ErrorCode::Timestamp, refusal.detail()),
            Refusal::Signature => Self::new(ErrorCode::Signature, refusal.detail()),
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        Self { code: refused.code, message: refused.message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json_response(status, &ErrorBody::new(self.code, self.message.clone()));
        // For whoever says it in another form than JSON.
        response.extensions_mut().insert(self);
        response
    }
}

/// An answer in JSON. What an API says is nobody's to keep.
pub(crate) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = Response::new(Body::from(json::print(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What a path says to a method that it does not know.
pub(crate) async fn wrong_method() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, "this path does not know this method; see the header Allow")
}
