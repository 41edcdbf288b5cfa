//! Who may operate a host: whoever holds the token, from a page of the host's own, under a name that is ours.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use mewe_protocol::error::ErrorCode;

use crate::{
    Shared,
    error::ApiError,
    guard::{changes, foreign_origin, from_own_page, is_operator, own_name},
};

pub(crate) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match check(&shared, request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

fn check(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = own_name(&shared.config, uri, headers)?;
    // Programs send no Origin; browsers always do where something is to change.
    if changes(method) && from_own_page(headers, host) == Some(false) {
        return Err(foreign_origin());
    }
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let token = given.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
    if is_operator(&shared.config, token) {
        Ok(())
    } else {
        Err(ApiError::new(ErrorCode::Unauthorized, "the operator API wants `Authorization: Bearer <operator token>`"))
    }
}
