//! What the stories have in common: one key, one agent, one application, one moment.

use http::HeaderMap;
use mewe_protocol::{AgentId, ApiKey, AppId, Reading, Refusal, UnixSeconds, request, webhook};

pub(crate) const NOW: UnixSeconds = UnixSeconds(1_764_000_000);
pub(crate) const APP: AppId = AppId::from_bytes([1; 12]);
pub(crate) const AGENT: AgentId = AgentId::from_bytes([2; 12]);

pub(crate) fn key() -> ApiKey {
    ApiKey::new("k3y-0nly-for-tests-Ætt-42").unwrap()
}

/// The headers of a webhook signed now.
pub(crate) fn webhook_headers(body: &[u8], reading: Reading) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let event = "personal_chat_message".parse().unwrap();
    webhook::sign(&key(), &event, AGENT, NOW, body, reading).apply(&mut headers);
    headers
}

/// The headers of an API request signed now.
pub(crate) fn request_headers(body: &[u8], reading: Reading) -> HeaderMap {
    let mut headers = HeaderMap::new();
    request::sign(&key(), APP, AGENT, NOW, body, reading).apply(&mut headers);
    headers
}

pub(crate) fn verify_webhook(headers: &HeaderMap, body: &[u8], reading: Reading) -> Result<webhook::Verified, Refusal> {
    webhook::Unverified::from_headers(headers)?.verify(body.to_vec().into(), &[key()], reading, 300, NOW)
}

pub(crate) fn verify_request(headers: &HeaderMap, body: &[u8], reading: Reading) -> Result<request::Verified, Refusal> {
    request::Unverified::from_headers(headers)?.verify(body, &key(), reading, 300, NOW)
}
