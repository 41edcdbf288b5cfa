//! What the agent signs and the host verifies: `{appId}:{agentId}:{timestamp}:{payload}`.
//!
//! A GET has no body, so its base ends in `:`. Path and query are not part of the formula (docs/wire.md, D4).

use http::HeaderMap;
use sha2::{Digest, Sha256};

use crate::{
    AgentId, ApiKey, AppId, Reading, Refusal, SignedHeaders, UnixSeconds, json,
    signature::{self, Claim, Explained, NO_ID, Stamp, X_AGENT_ID, X_APP_ID, X_TIMESTAMP, header},
};

/// An API request whose headers are well-formed. Nothing in it is believed yet.
#[derive(Debug, Clone)]
pub struct Unverified {
    app_id: AppId,
    agent_id: AgentId,
    claim: Claim,
}

impl Unverified {
    /// Reads the four headers; to be done before the body is read.
    ///
    /// # Errors
    /// [`Refusal::Header`] when one is absent, doubled or malformed.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Refusal> {
        let (app_text, app_id) = header(headers, X_APP_ID, NO_ID, AppId::from_header)?;
        let (agent_text, agent_id) = header(headers, X_AGENT_ID, NO_ID, AgentId::from_header)?;
        let stamp = Stamp::from_headers(headers)?;
        let parts = [app_text, agent_text, stamp.text.clone()];
        Ok(Self { app_id, agent_id, claim: Claim { parts, stamp } })
    }

    /// The application that the sender claims to be: it says under which key to verify.
    pub fn app_id(&self) -> AppId {
        self.app_id
    }

    /// The agent that it claims to speak as.
    pub fn agent_id(&self) -> AgentId {
        self.agent_id
    }

    /// Whether its time-stamp is within `tolerance` seconds of `now`.
    ///
    /// # Errors
    /// [`Refusal::Timestamp`].
    pub fn check_timestamp(&self, now: UnixSeconds, tolerance: u64) -> Result<(), Refusal> {
        self.claim.check_timestamp(now, tolerance).map(|_| ())
    }

    /// Believes it, if its time and its signature under `key` are right.
    ///
    /// # Errors
    /// [`Refusal::Timestamp`], then [`Refusal::Signature`].
    pub fn verify(
        self,
        body: &[u8],
        key: &ApiKey,
        reading: Reading,
        tolerance: u64,
        now: UnixSeconds,
    ) -> Result<Verified, Refusal> {
        let timestamp = self.claim.check_timestamp(now, tolerance)?;
        self.claim.check_signature(body, std::slice::from_ref(key), reading)?;
        Ok(Verified { app_id: self.app_id, agent_id: self.agent_id, timestamp, body_hash: body_hash(body) })
    }

    /// How the signature compares under each reading and key, whatever the time. Never a reason to believe anything.
    pub fn explain(&self, body: &[u8], keys: &[ApiKey], tolerance: u64, now: UnixSeconds) -> Vec<Explained> {
        self.claim.explain(body, keys, tolerance, now)
    }
}

/// An API request that is authentic. These four together are its identity: a host accepts a POST's once (docs/wire.md, D8).
///
/// The signature is no part of it: a key that was rotated makes another one for the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The application.
    pub app_id: AppId,
    /// The agent.
    pub agent_id: AgentId,
    /// The second it was signed for.
    pub timestamp: UnixSeconds,
    /// SHA-256 of the compact body.
    pub body_hash: [u8; 32],
}

/// SHA-256 of `body` without insignificant white space.
pub fn body_hash(body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    json::Compact::new(body).for_each(|piece| hash.update(piece));
    hash.finalize().into()
}

/// The headers under which `agent` of `app` sends `body`.
pub fn sign(key: &ApiKey, app: AppId, agent: AgentId, at: UnixSeconds, body: &[u8], reading: Reading) -> SignedHeaders {
    let parts = parts(app, agent, at);
    let signature = signature::sign(key, &parts, body, reading);
    let [app, agent, timestamp] = &parts;
    SignedHeaders::new([(X_APP_ID, app), (X_AGENT_ID, agent), (X_TIMESTAMP, timestamp)], &signature)
}

/// The bytes that [`sign`] signs.
pub fn base(app: AppId, agent: AgentId, at: UnixSeconds, body: &[u8], reading: Reading) -> Vec<u8> {
    signature::base(&parts(app, agent, at), body, reading)
}

fn parts(app: AppId, agent: AgentId, at: UnixSeconds) -> [String; 3] {
    [app.to_string(), agent.to_string(), at.to_string()]
}
