//! Who an application is to its host: address, id, keys, and how both sign.

use std::{fmt, str::FromStr};

use mewe_protocol::{ApiKey, AppId, Reading, decided};
use url::Url;

/// The address of a host: scheme, name and port, nothing below.
///
/// `https` always; `http` to loopback only, since a signature on an open wire is a credential on an open wire.
#[derive(Clone, PartialEq, Eq)]
pub struct HostUrl(Url);

impl HostUrl {
    /// The address as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The full URL of `path`, which starts with `/` and may carry a query.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.as_str())
    }

    /// The path and query of `next`, if it stays on this very host and below `/api/`: what a page may lead to.
    pub(crate) fn below_api(&self, next: &str) -> Option<String> {
        let url = self.0.join(next).ok()?;
        let same = url.origin() == self.0.origin() && url.username().is_empty() && url.password().is_none();
        (same && url.path().starts_with("/api/")).then(|| match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        })
    }
}

impl FromStr for HostUrl {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        let bad = |why: &str| AccountError::Host { given: text.to_owned(), why: why.to_owned() };
        let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AccountError::Host { given: "…".to_owned(), why: "it holds credentials".to_owned() });
        }
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => return Err(bad("it names no host")),
        };
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(bad("http is for loopback only; use https")),
            _ => return Err(bad("it must start with https://")),
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(bad("nothing may follow the host and port"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for HostUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HostUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an application needs to know of itself to verify webhooks and to sign calls.
///
/// ```
/// use mewe_agent::{Account, ApiKey};
///
/// let account = Account::new(
///     "https://mewe.com".parse()?,
///     "6710c0ffee0123456789abcd".parse()?,
///     ApiKey::new("the key that the portal showed once")?,
/// );
/// assert_eq!(account.host().as_str(), "https://mewe.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Account {
    host: HostUrl,
    app_id: AppId,
    /// The first signs; each verifies, so that a key can be rotated without losing a webhook.
    keys: Vec<ApiKey>,
    reading: Reading,
    tolerance: u64,
}

impl Account {
    /// An application with one key, the usual reading of signatures and a tolerance of 300 s.
    pub fn new(host: HostUrl, app_id: AppId, key: ApiKey) -> Self {
        Self { host, app_id, keys: vec![key], reading: Reading::default(), tolerance: decided::TOLERANCE_SECONDS }
    }

    /// From the environment: `MEWE_HOST` (default `https://mewe.com`), `MEWE_APP_ID`, `MEWE_API_KEY`, and
    /// `MEWE_SIGNATURE_PAYLOAD` (`compact`, `raw` or `stripped`; default `compact`).
    ///
    /// # Errors
    /// [`AccountError`] naming the variable that is missing or wrong.
    pub fn from_env() -> Result<Self, AccountError> {
        let get = |name: &'static str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let need = |name: &'static str| get(name).ok_or(AccountError::Missing(name));
        let wrong = |name: &'static str, why: String| AccountError::Wrong { name, why };
        let host = get("MEWE_HOST").unwrap_or_else(|| decided::DEFAULT_HOST.to_owned()).parse()?;
        let app_id =
            need("MEWE_APP_ID")?.parse().map_err(|e: mewe_protocol::IdError| wrong("MEWE_APP_ID", e.to_string()))?;
        let key = ApiKey::new(need("MEWE_API_KEY")?).map_err(|e| wrong("MEWE_API_KEY", e.to_string()))?;
        let mut account = Self::new(host, app_id, key);
        if let Some(reading) = get("MEWE_SIGNATURE_PAYLOAD") {
            account.reading = reading
                .parse()
                .map_err(|_| wrong("MEWE_SIGNATURE_PAYLOAD", "use compact, raw or stripped".to_owned()))?;
        }
        Ok(account)
    }

    /// Also accepts webhooks signed with `key`: the old one while a new one is being rolled out.
    #[must_use]
    pub fn also_accepting(mut self, key: ApiKey) -> Self {
        self.keys.push(key);
        self
    }

    /// How a payload is read for signing and verifying. Default [`Reading::Compact`].
    #[must_use]
    pub fn reading(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    /// How many seconds a webhook's time may be off, either way. Default 300.
    #[must_use]
    pub fn tolerance(mut self, seconds: u64) -> Self {
        self.tolerance = seconds;
        self
    }

    /// The host's address.
    pub fn host(&self) -> &HostUrl {
        &self.host
    }

    /// The application's id.
    pub fn app_id(&self) -> AppId {
        self.app_id
    }

    pub(crate) fn keys(&self) -> &[ApiKey] {
        &self.keys
    }

    pub(crate) fn signing_key(&self) -> &ApiKey {
        // `new` puts one in, and nothing takes one out.
        &self.keys[0]
    }

    pub(crate) fn reads(&self) -> Reading {
        self.reading
    }

    pub(crate) fn tolerates(&self) -> u64 {
        self.tolerance
    }
}

/// The settings of an application are incomplete or wrong; each variant says which.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A variable is not set.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// A variable holds something else than it should.
    #[error("{name} is wrong: {why}")]
    Wrong {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The host's address is none.
    #[error("`{given}` is no host address: {why}")]
    Host {
        /// What was given.
        given: String,
        /// What is wrong with it.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Result<HostUrl, AccountError> {
        text.parse()
    }

    #[test]
    fn http_is_for_loopback_only() {
        for good in
            ["https://mewe.com", "https://mewe.com/", "http://127.0.0.1:8787", "http://localhost:1", "http://[::1]:2"]
        {
            assert!(host(good).is_ok(), "{good}");
        }
        for bad in [
            "http://mewe.com",
            "ftp://mewe.com",
            "mewe.com",
            "https://a:b@mewe.com",
            "https://mewe.com/api",
            "http://127.0.0.1.nip.io",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_leads_nowhere_but_below_the_hosts_own_api() {
        let here = host("http://127.0.0.1:8787").unwrap();
        assert_eq!(here.below_api("/api/dev/x?a=1").as_deref(), Some("/api/dev/x?a=1"));
        assert_eq!(here.below_api("http://127.0.0.1:8787/api/x").as_deref(), Some("/api/x"));
        for bad in [
            "//evil.example/api/x",
            "http://127.0.0.1:1/api/x",
            "/operator/apps",
            "/api/../operator/apps",
            "http://u@127.0.0.1:8787/api/x",
        ] {
            assert_eq!(here.below_api(bad), None, "{bad}");
        }
    }
}
