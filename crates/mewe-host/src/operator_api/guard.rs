//! Who may operate a host: whoever holds the token, from a page of the host's own, under a name that is ours.
//!
//! A listener on loopback is within reach of every web page its user opens. So the name it was asked under must be ours (a
//! name that resolves to loopback is how DNS rebinding works), and a change must not come from a foreign page.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use mewe_protocol::error::ErrorCode;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{Shared, error::ApiError};

pub(crate) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match check(&shared, request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

fn check(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(uri.authority().map(Authority::as_str));
    if !host.is_some_and(|host| is_ours(name_of(host), &shared.config.names)) {
        return Err(ApiError::new(ErrorCode::WrongHost, "this host does not answer under that name"));
    }
    let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && let Some(origin) = headers.get(header::ORIGIN) {
        let own = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
        if own.is_none() || own != host {
            return Err(ApiError::new(ErrorCode::ForeignOrigin, "a page of another origin may not do this"));
        }
    }
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let token = given.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
    // Hashes of equal length: neither the bytes nor the length of the token show in the time it takes.
    let expected = Sha256::digest(shared.config.operator_token.expose_secret().as_bytes());
    if bool::from(Sha256::digest(token).ct_eq(&expected)) {
        Ok(())
    } else {
        Err(ApiError::new(ErrorCode::Unauthorized, "the operator API wants `Authorization: Bearer <operator token>`"))
    }
}

/// The name in `name:port`, `[::1]:port`, `name`.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_ours(name: &str, names: &[String]) -> bool {
    let loopback = ["localhost", "127.0.0.1", "[::1]"];
    loopback.into_iter().chain(names.iter().map(String::as_str)).any(|ours| ours.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_configured_names_are_ours() {
        let names = ["chat.example".to_owned()];
        for ours in ["localhost:8787", "127.0.0.1:1", "127.0.0.1", "[::1]:8787", "[::1]", "Chat.Example:443"] {
            assert!(is_ours(name_of(ours), &names), "{ours}");
        }
        for foreign in ["evil.example", "localhost.evil.example:8787", "127.0.0.1.evil.example", "", ":80", "[::2]:1"] {
            assert!(!is_ours(name_of(foreign), &names), "{foreign}");
        }
    }
}
