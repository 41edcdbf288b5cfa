//! The formula, its readings, and the comparison.
//!
//! Both directions sign `part:part:part:payload` with HMAC-SHA256 under the application's key; only the order of the parts
//! differs. "No white spaces" can be read in three ways ([`Reading`]); the payload is fed to the hash piece by piece, without
//! a copy.

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{ApiKey, json};

/// `X-App-Id`
pub const X_APP_ID: HeaderName = HeaderName::from_static("x-app-id");
/// `X-Agent-Id`
pub const X_AGENT_ID: HeaderName = HeaderName::from_static("x-agent-id");
/// `X-Event`
pub const X_EVENT: HeaderName = HeaderName::from_static("x-event");
/// `X-Timestamp`
pub const X_TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");
/// `X-Signature`
pub const X_SIGNATURE: HeaderName = HeaderName::from_static("x-signature");

/// What "no white spaces" is taken to mean (docs/wire.md, D2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reading {
    /// White space outside strings is left out; every other byte stays as sent.
    #[default]
    Compact,
    /// The bytes as they came.
    Raw,
    /// Every white-space byte is left out, in strings too.
    Stripped,
}

impl Reading {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Compact, Self::Raw, Self::Stripped];

    fn word(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Raw => "raw",
            Self::Stripped => "stripped",
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Reading {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|reading| reading.word() == text);
        found.ok_or_else(|| "a reading is compact, raw or stripped".to_owned())
    }
}

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub u64);

impl From<Timestamp> for UnixSeconds {
    /// A time before 1970 becomes 0.
    fn from(at: Timestamp) -> Self {
        Self(u64::try_from(at.as_second()).unwrap_or(0))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// 32 bytes that say who wrote a request. A credential: Debug masks it.
#[derive(Clone, Copy)]
pub struct Signature([u8; 32]);

impl Signature {
    /// Enough to recognise it, too little to use it: `ac6c4a17 •••• 2fd4`.
    pub fn masked(&self) -> String {
        let hex = self.to_string();
        format!("{} •••• {}", &hex[..8], &hex[60..])
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl FromStr for Signature {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let mut bytes = [0; 32];
        match base16ct::mixed::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(bytes)),
            _ => Err(Refusal::Signature),
        }
    }
}

/// Why a request is not believed. Displays as the one word that the wire knows; [`Refusal::detail`] is for logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header is absent, doubled or malformed.
    #[error("header")]
    Header {
        /// Its name.
        name: HeaderName,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The time-stamp is no number, or too far from now.
    #[error("timestamp")]
    Timestamp,
    /// The signature is not 64 hex digits, or not that of this request under a known key.
    #[error("signature")]
    Signature,
}

impl Refusal {
    /// The cause in words. Never which byte, and never what was expected.
    pub fn detail(&self) -> String {
        match self {
            Self::Header { name, fault } => format!("header {name} is {fault}"),
            Self::Timestamp => "the time-stamp is no number or too far from this clock".to_owned(),
            Self::Signature => "the signature does not match".to_owned(),
        }
    }
}

/// One way in which a signature was compared, and whether it matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The reading of the payload.
    pub reading: Reading,
    /// The place of the key among those given.
    pub key: usize,
    /// How many seconds the time-stamp is off, if that alone is beyond the tolerance; positive is ahead of this clock.
    pub shift: Option<i64>,
    /// Whether the signature is right under this reading and key.
    pub matches: bool,
}

/// The headers of a signed request, in the order of the page.
#[derive(Debug, Clone)]
pub struct SignedHeaders(Vec<(HeaderName, HeaderValue)>);

impl SignedHeaders {
    pub(crate) fn new(parts: [(HeaderName, &str); 3], signature: &Signature) -> Self {
        let mut headers: Vec<_> = parts
            .into_iter()
            // Ids, event names and digits are visible ASCII.
            .map(|(name, value)| (name, HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))))
            .collect();
        let mut value = HeaderValue::from_str(&signature.to_string()).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        headers.push((X_SIGNATURE, value));
        Self(headers)
    }

    /// Each header.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Sets them in `headers`, in place of any of the same name.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in self.iter() {
            headers.insert(name, value.clone());
        }
    }

    /// Each as `Name: value`, with the names written as the page writes them. The signature is a credential: for the eyes
    /// of whoever holds the key.
    pub fn lines(&self) -> Vec<String> {
        let page_name = |name: &HeaderName| {
            name.as_str()
                .split('-')
                .map(|word| {
                    let (first, rest) = word.split_at(1);
                    first.to_ascii_uppercase() + rest
                })
                .collect::<Vec<_>>()
                .join("-")
        };
        self.iter().map(|(name, value)| format!("{}: {}", page_name(name), value.to_str().unwrap_or(""))).collect()
    }
}

/// What the two directions have in common: three parts, then the payload.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// The parts in the order of the formula, as their headers spell them.
    pub(crate) parts: [String; 3],
    pub(crate) timestamp: String,
    pub(crate) signature: String,
}

impl Claim {
    /// The time-stamp as a number, if it is near enough to `now`.
    pub(crate) fn check_timestamp(&self, now: UnixSeconds, tolerance: u64) -> Result<UnixSeconds, Refusal> {
        let at = self.seconds().ok_or(Refusal::Timestamp)?;
        if at.0.abs_diff(now.0) > tolerance { Err(Refusal::Timestamp) } else { Ok(at) }
    }

    /// Plain decimal digits only: no sign, no space, no exponent.
    fn seconds(&self) -> Option<UnixSeconds> {
        let digits = !self.timestamp.is_empty() && self.timestamp.bytes().all(|b| b.is_ascii_digit());
        if digits { self.timestamp.parse().ok().map(UnixSeconds) } else { None }
    }

    /// Whether the signature is right under one of `keys`. Every key is tried, so that the time taken names none.
    pub(crate) fn check_signature(&self, body: &[u8], keys: &[ApiKey], reading: Reading) -> Result<(), Refusal> {
        let signature: Signature = self.signature.parse()?;
        let matches = keys.iter().fold(false, |matched, key| self.matches(&signature, key, reading, body) | matched);
        if matches { Ok(()) } else { Err(Refusal::Signature) }
    }

    pub(crate) fn explain(&self, body: &[u8], keys: &[ApiKey], tolerance: u64, now: UnixSeconds) -> Vec<Explained> {
        let shift = self.seconds().and_then(|at| {
            let off = i64::try_from(i128::from(at.0) - i128::from(now.0)).ok()?;
            (off.unsigned_abs() > tolerance).then_some(off)
        });
        let signature: Option<Signature> = self.signature.parse().ok();
        let mut readings = Vec::new();
        for reading in Reading::ALL {
            for (key_at, key) in keys.iter().enumerate() {
                let matches = signature.is_some_and(|s| self.matches(&s, key, reading, body));
                readings.push(Explained { reading, key: key_at, shift, matches });
            }
        }
        readings
    }

    fn matches(&self, signature: &Signature, key: &ApiKey, reading: Reading, body: &[u8]) -> bool {
        // Constant-time over exactly 32 bytes.
        mac(key, &self.parts, body, reading).verify_slice(&signature.0).is_ok()
    }
}

/// The signature of `parts` and `body`.
pub(crate) fn sign(key: &ApiKey, parts: &[String; 3], body: &[u8], reading: Reading) -> Signature {
    Signature(mac(key, parts, body, reading).finalize().into_bytes().into())
}

/// What gets signed, as bytes.
pub(crate) fn base(parts: &[String; 3], body: &[u8], reading: Reading) -> Vec<u8> {
    let mut base = parts.join(":").into_bytes();
    base.push(b':');
    payload(body, reading, |piece| base.extend_from_slice(piece));
    base
}

/// The payload as this reading has it, piece by piece.
fn payload(body: &[u8], reading: Reading, mut piece: impl FnMut(&[u8])) {
    match reading {
        Reading::Compact => json::Compact::new(body).for_each(piece),
        Reading::Raw => piece(body),
        Reading::Stripped => piece(&json::stripped(body)),
    }
}

fn mac(key: &ApiKey, parts: &[String; 3], body: &[u8], reading: Reading) -> Hmac<Sha256> {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes any key");
    for part in parts {
        mac.update(part.as_bytes());
        mac.update(b":");
    }
    payload(body, reading, |piece| mac.update(piece));
    mac
}

/// The one value of a header that must appear exactly once.
pub(crate) fn single(headers: &HeaderMap, name: &HeaderName) -> Result<String, Refusal> {
    let mut values = headers.get_all(name).iter();
    let fault = |fault| Refusal::Header { name: name.clone(), fault };
    let value = values.next().ok_or_else(|| fault("absent"))?;
    if values.next().is_some() {
        return Err(fault("doubled"));
    }
    value.to_str().map(str::to_owned).map_err(|_| fault("not visible ASCII"))
}
