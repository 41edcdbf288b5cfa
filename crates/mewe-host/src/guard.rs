//! What is asked at every door that a browser can reach: under which name, from which page, with which token.
//!
//! A listener on loopback is within reach of every web page its user opens. So the name it was asked under must be ours (a
//! name that resolves to loopback is how DNS rebinding works), and a change must not come from a foreign page.

use axum::http::{HeaderMap, Method, Uri, header, uri::Authority};
use mewe_protocol::error::ErrorCode;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{HostConfig, error::ApiError};

/// The name, and the port with it, that the host was asked under; one of its own.
pub(crate) fn own_name<'a>(config: &HostConfig, uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, ApiError> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(uri.authority().map(Authority::as_str));
    host.filter(|host| is_ours(name_of(host), &config.names))
        .ok_or_else(|| ApiError::new(ErrorCode::WrongHost, "this host does not answer under that name"))
}

/// Whether the page that asks is one of `host`'s own. None: it did not say where it comes from.
pub(crate) fn from_own_page(headers: &HeaderMap, host: &str) -> Option<bool> {
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or_default();
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    Some(authority == Some(host))
}

pub(crate) fn foreign_origin() -> ApiError {
    ApiError::new(ErrorCode::ForeignOrigin, "a page of another origin may not do this")
}

/// Whether a request by this method is there to change something.
pub(crate) fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether this is the operator token.
pub(crate) fn is_operator(config: &HostConfig, token: &[u8]) -> bool {
    same(token, config.operator_token.expose_secret().as_bytes())
}

/// Whether two secrets are the same. Their hashes are compared, which are of equal length: neither the bytes nor the length
/// of either show in the time it takes.
pub(crate) fn same(given: &[u8], expected: &[u8]) -> bool {
    Sha256::digest(given).ct_eq(&Sha256::digest(expected)).into()
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
