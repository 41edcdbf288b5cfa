//! Applications: what a developer registers, and where its webhooks go.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use mewe_protocol::AppId;
use url::Url;

use super::{Refused, name::Name, permission::Permissions};

/// The one type of application that this host serves.
pub(crate) const TYPE: &str = "personal_agent";

/// A registered application. Its key is not in here: it is read where something is signed or verified, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Application {
    pub(crate) id: AppId,
    pub(crate) name: Name,
    pub(crate) permissions: Permissions,
    pub(crate) webhook_url: WebhookUrl,
    /// Why nothing is delivered until the webhookUrl is set again.
    pub(crate) disabled: Option<String>,
    pub(crate) created: Timestamp,
}

/// The type of an application, as asked for.
pub(crate) fn check_type(given: &str) -> Result<(), Refused> {
    if given == TYPE { Ok(()) } else { Err(Refused::invalid("type", format!("must be `{TYPE}`"))) }
}

/// Bytes of a webhookUrl.
const MAX_URL: usize = 2048;

/// Where an application's webhooks go: an absolute http or https URL with a host, without credentials and fragment.
///
/// ```
/// let url: mewe_host::WebhookUrl = "https://agent.example/webhook".parse()?;
/// assert_eq!(url.as_str(), "https://agent.example/webhook");
/// assert!("ftp://agent.example/".parse::<mewe_host::WebhookUrl>().is_err());
/// # Ok::<(), mewe_host::WebhookUrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(String);

/// A text is no webhookUrl.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WebhookUrlError(String);

impl WebhookUrl {
    /// The URL, normalised.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WebhookUrl {
    type Err = WebhookUrlError;

    fn from_str(text: &str) -> Result<Self, WebhookUrlError> {
        let refuse = |why: &str| Err(WebhookUrlError(why.to_owned()));
        if text.len() > MAX_URL {
            return refuse("is too long for a URL");
        }
        let Ok(url) = Url::parse(text) else {
            return refuse("must be an absolute URL, such as https://agent.example/webhook");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse("must begin with http:// or https://");
        }
        if url.host_str().is_none_or(str::is_empty) {
            return refuse("must name a host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must not hold credentials; webhooks are signed instead");
        }
        if url.fragment().is_some() {
            return refuse("must not have a fragment");
        }
        // What the one parser takes and the other does not could never be called.
        if url.as_str().parse::<http::Uri>().is_err() {
            return refuse("cannot be called");
        }
        Ok(Self(url.into()))
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_url_is_http_absolute_and_without_credentials_or_fragment() {
        for good in ["http://127.0.0.1:9000/webhook", "https://agent.example/a?b=c", "http://[::1]:1/"] {
            assert_eq!(good.parse::<WebhookUrl>().map(|u| u.0), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "webhook",
            "/webhook",
            "ftp://agent.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "http://",
            "https://petur:secret@agent.example/",
            "https://petur@agent.example/",
            "https://agent.example/#top",
            &format!("https://agent.example/{}", "a".repeat(MAX_URL)),
        ] {
            assert!(bad.parse::<WebhookUrl>().is_err(), "{bad}");
        }
    }
}
