//! The application's key: it signs and verifies, and it cannot be printed.

use std::{fmt, sync::Arc};

use secrecy::{ExposeSecret, SecretString};

/// An application's key. The HMAC key is the UTF-8 bytes of the key as issued (docs/wire.md, D1).
///
/// Debug shows nothing of it; there is no Display. Memory is wiped when the last clone is dropped.
#[derive(Clone)]
pub struct ApiKey(Arc<SecretString>);

/// An empty key would let anybody sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is empty")]
pub struct EmptyKey;

impl ApiKey {
    /// The key as issued.
    ///
    /// # Errors
    /// [`EmptyKey`] when there is nothing in it but white space.
    pub fn new(key: impl Into<String>) -> Result<Self, EmptyKey> {
        let key = key.into();
        if key.trim().is_empty() {
            return Err(EmptyKey);
        }
        Ok(Self(Arc::new(key.into())))
    }

    /// The last four characters, by which a person tells keys apart; nothing of a key shorter than twelve.
    pub fn last_four(&self) -> &str {
        let key = self.0.expose_secret();
        match key.char_indices().rev().nth(3) {
            Some((at, _)) if key.chars().count() >= 12 => &key[at..],
            _ => "",
        }
    }

    /// The key itself: for the one place that stores it, and the one answer that shows it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([REDACTED])")
    }
}
