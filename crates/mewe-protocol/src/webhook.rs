//! What the host signs and the agent verifies: `{timestamp}:{agentId}:{event}:{payload}`.
//!
//! [`Unverified`] → [`Verified`] → [`Event`] is the only way to an event. The bytes that verified are the bytes that are read.

use bytes::Bytes;
use http::HeaderMap;

use crate::{
    AgentId, ApiKey, Event, EventName, Payload, Reading, Refusal, SignedHeaders, UnixSeconds,
    json::ReadError,
    signature::{self, Claim, Explained, NO_ID, Stamp, X_AGENT_ID, X_EVENT, X_TIMESTAMP, header},
};

/// A webhook whose headers are well-formed. Nothing in it is believed yet.
#[derive(Debug, Clone)]
pub struct Unverified {
    event: EventName,
    agent_id: AgentId,
    claim: Claim,
}

impl Unverified {
    /// Reads the four headers; to be done before the body is read.
    ///
    /// # Errors
    /// [`Refusal::Header`] when one is absent, doubled or malformed.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Refusal> {
        let (event_text, event) = header(headers, X_EVENT, "no event name", |text| text.parse().ok())?;
        let (agent_text, agent_id) = header(headers, X_AGENT_ID, NO_ID, AgentId::from_header)?;
        let stamp = Stamp::from_headers(headers)?;
        let parts = [stamp.text.clone(), agent_text, event_text];
        Ok(Self { event, agent_id, claim: Claim { parts, stamp } })
    }

    /// The event that the sender claims it to be.
    pub fn event(&self) -> &EventName {
        &self.event
    }

    /// The agent that it claims to be for.
    pub fn agent_id(&self) -> AgentId {
        self.agent_id
    }

    /// Whether its time-stamp is within `tolerance` seconds of `now`: cheap, and possible before the body is read.
    ///
    /// # Errors
    /// [`Refusal::Timestamp`].
    pub fn check_timestamp(&self, now: UnixSeconds, tolerance: u64) -> Result<(), Refusal> {
        self.claim.check_timestamp(now, tolerance).map(|_| ())
    }

    /// Believes it, if its time and its signature under one of `keys` are right.
    ///
    /// # Errors
    /// [`Refusal::Timestamp`], then [`Refusal::Signature`].
    pub fn verify(
        self,
        body: Bytes,
        keys: &[ApiKey],
        reading: Reading,
        tolerance: u64,
        now: UnixSeconds,
    ) -> Result<Verified, Refusal> {
        let sent_at = self.claim.check_timestamp(now, tolerance)?;
        self.claim.check_signature(&body, keys, reading)?;
        Ok(Verified { event: self.event, agent_id: self.agent_id, sent_at, body })
    }

    /// How the signature compares under each reading and key, whatever the time: for the sentence that says what would have
    /// matched. Never a reason to believe anything.
    pub fn explain(&self, body: &[u8], keys: &[ApiKey], tolerance: u64, now: UnixSeconds) -> Vec<Explained> {
        self.claim.explain(body, keys, tolerance, now)
    }
}

/// A webhook that is authentic. Its payload may still be malformed: authentic nonsense is the host's fault, not a forger's.
#[derive(Debug, Clone)]
pub struct Verified {
    event: EventName,
    agent_id: AgentId,
    sent_at: UnixSeconds,
    body: Bytes,
}

impl Verified {
    /// What a store kept of a webhook that was verified when it came. Whoever calls this vouches for that: nothing is checked.
    pub fn from_store(event: EventName, agent_id: AgentId, sent_at: UnixSeconds, body: Bytes) -> Self {
        Self { event, agent_id, sent_at, body }
    }

    /// The event's name.
    pub fn event_name(&self) -> &EventName {
        &self.event
    }

    /// The agent that it is for.
    pub fn agent_id(&self) -> AgentId {
        self.agent_id
    }

    /// When this delivery was signed.
    pub fn sent_at(&self) -> UnixSeconds {
        self.sent_at
    }

    /// The bytes that verified.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Reads the payload, strictly.
    ///
    /// # Errors
    /// [`ReadError::NotJson`], or [`ReadError::Malformed`] for a known event whose payload is not what it should be.
    pub fn decode(&self) -> Result<Event, ReadError> {
        let payload = Payload::decode(&self.event, &self.body)?;
        Ok(Event::new(self.agent_id, self.sent_at, payload))
    }
}

/// The headers under which the host delivers `body`.
pub fn sign(
    key: &ApiKey,
    event: &EventName,
    agent: AgentId,
    at: UnixSeconds,
    body: &[u8],
    reading: Reading,
) -> SignedHeaders {
    let parts = parts(event, agent, at);
    let signature = signature::sign(key, &parts, body, reading);
    let [timestamp, agent, event] = &parts;
    SignedHeaders::new([(X_EVENT, event), (X_AGENT_ID, agent), (X_TIMESTAMP, timestamp)], &signature)
}

/// The bytes that [`sign`] signs.
pub fn base(event: &EventName, agent: AgentId, at: UnixSeconds, body: &[u8], reading: Reading) -> Vec<u8> {
    signature::base(&parts(event, agent, at), body, reading)
}

fn parts(event: &EventName, agent: AgentId, at: UnixSeconds) -> [String; 3] {
    [at.to_string(), agent.to_string(), event.as_str().to_owned()]
}
