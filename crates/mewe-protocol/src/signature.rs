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

/// A text is no reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reading is compact, raw or stripped")]
pub struct ReadingError;

impl FromStr for Reading {
    type Err = ReadingError;

    fn from_str(text: &str) -> Result<Self, ReadingError> {
        Self::ALL.into_iter().find(|reading| reading.word() == text).ok_or(ReadingError)
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

/// 32 bytes that say who wrote a request; on the wire 64 hex digits, read in either case and written in lower case.
///
/// A credential, since whoever holds it can repeat the request: Debug masks it, and it cannot be compared with `==`, which
/// would stop at the first byte that differs.
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
        f.write_str(base16ct::lower::encode_str(&self.0, &mut [0; 64]).map_err(|_| fmt::Error)?)
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
    /// The time-stamp is no number, or too far from now: one of the two clocks is wrong, or somebody repeats an old request.
    #[error("timestamp")]
    Timestamp,
    /// The signature is not 64 hex digits, or not that of this request under a known key: the keys or the readings differ, or
    /// somebody forges.
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

/// Why something was refused, and what would have let it in: for whoever runs this side, never for the caller.
///
/// `explained` is what `explain` said of it, and `reading` the one that is set.
pub fn cause(refusal: &Refusal, explained: &[Explained], reading: Reading) -> String {
    // The reading that is set first: if it matches, it is the clock alone.
    let matching = explained.iter().filter(|one| one.matches).max_by_key(|one| one.reading == reading);
    match matching {
        Some(one) if one.reading == reading => format!("{refusal}: the signature would match if the clocks agreed"),
        Some(one) => format!("{refusal}: signature.payload = {} would match", one.reading),
        None => refusal.to_string(),
    }
}

/// One way in which a signature was compared, and whether it matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The reading of the payload.
    pub reading: Reading,
    /// The place of the key among those given.
    pub key: usize,
    /// How many seconds the time-stamp is off, if that is beyond the tolerance; positive is ahead of this clock.
    pub shift: Option<i64>,
    /// Whether the signature is right under this reading and key. With a `shift` it would be accepted if the clocks agreed.
    pub matches: bool,
}

/// The headers of a signed request, in the order of the page.
#[derive(Debug, Clone)]
pub struct SignedHeaders(Vec<(HeaderName, HeaderValue)>);

impl SignedHeaders {
    pub(crate) fn new(parts: [(HeaderName, &str); 3], signature: &Signature) -> Self {
        // Cannot fail: ids, event names, digits and hex are visible ASCII.
        let visible = |text: &str| HeaderValue::from_str(text).expect("visible ASCII");
        let mut headers: Vec<_> = parts.into_iter().map(|(name, text)| (name, visible(text))).collect();
        let mut credential = visible(&signature.to_string());
        credential.set_sensitive(true);
        headers.push((X_SIGNATURE, credential));
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
    pub(crate) stamp: Stamp,
}

/// The two headers that every call has whoever signs it. Well-formed or not is judged after the others, so it is kept here.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    /// The time-stamp as its header spells it: leading zeros are signed too.
    pub(crate) text: String,
    seconds: Option<UnixSeconds>,
    signature: Option<Signature>,
}

impl Stamp {
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, Refusal> {
        let text = String::from_utf8_lossy(single(headers, &X_TIMESTAMP)?.as_bytes()).into_owned();
        // Plain decimal digits only: no sign, no space, no exponent. Empty is no number.
        let seconds = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok().map(UnixSeconds)).flatten();
        let signature = single(headers, &X_SIGNATURE)?.to_str().ok().and_then(|hex| hex.parse().ok());
        Ok(Self { text, seconds, signature })
    }
}

impl Claim {
    /// The time-stamp as a number, if it is near enough to `now`.
    pub(crate) fn check_timestamp(&self, now: UnixSeconds, tolerance: u64) -> Result<UnixSeconds, Refusal> {
        let near = |at: &UnixSeconds| at.0.abs_diff(now.0) <= tolerance;
        self.stamp.seconds.filter(near).ok_or(Refusal::Timestamp)
    }

    /// Whether the signature is right under one of `keys`. Every key is tried, so that the time taken names none.
    pub(crate) fn check_signature(&self, body: &[u8], keys: &[ApiKey], reading: Reading) -> Result<(), Refusal> {
        let matches = keys.iter().fold(false, |matched, key| self.matches(key, reading, body) | matched);
        if matches { Ok(()) } else { Err(Refusal::Signature) }
    }

    pub(crate) fn explain(&self, body: &[u8], keys: &[ApiKey], tolerance: u64, now: UnixSeconds) -> Vec<Explained> {
        let shift = self.stamp.seconds.filter(|at| at.0.abs_diff(now.0) > tolerance).map(|at| {
            let off = i64::try_from(at.0.abs_diff(now.0)).unwrap_or(i64::MAX);
            if at < now { -off } else { off }
        });
        let mut explained = Vec::new();
        for reading in Reading::ALL {
            for (place, key) in keys.iter().enumerate() {
                explained.push(Explained { reading, key: place, shift, matches: self.matches(key, reading, body) });
            }
        }
        explained
    }

    /// In constant time, over exactly 32 bytes.
    fn matches(&self, key: &ApiKey, reading: Reading, body: &[u8]) -> bool {
        let signature = self.stamp.signature.as_ref();
        signature.is_some_and(|signature| mac(key, &self.parts, body, reading).verify_slice(&signature.0).is_ok())
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
        Reading::Stripped => body.split(|byte| json::is_white(*byte)).for_each(piece),
    }
}

fn mac(key: &ApiKey, parts: &[String; 3], body: &[u8], reading: Reading) -> Hmac<Sha256> {
    // Cannot fail: HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes any key");
    for part in parts {
        mac.update(part.as_bytes());
        mac.update(b":");
    }
    payload(body, reading, |piece| mac.update(piece));
    mac
}

/// What an id in a header must be.
pub(crate) const NO_ID: &str = "not 24 lower-case hex digits";

/// The one value of a header, as it is spelled and as what it says.
pub(crate) fn header<T>(
    headers: &HeaderMap,
    name: HeaderName,
    fault: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<(String, T), Refusal> {
    let text = single(headers, &name)?.to_str().unwrap_or_default();
    match parse(text) {
        Some(value) => Ok((text.to_owned(), value)),
        None => Err(Refusal::Header { name, fault }),
    }
}

/// The one value of a header that must appear exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a HeaderValue, Refusal> {
    let fault = |fault| Refusal::Header { name: name.clone(), fault };
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(fault("absent")),
        (Some(_), Some(_)) => Err(fault("doubled")),
    }
}
