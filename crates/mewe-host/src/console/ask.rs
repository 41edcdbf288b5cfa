//! What a page was asked with, beside its address: by whom, in which colours, by script or not.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, header, request::Parts},
};
use maud::{Markup, html};
use mewe_protocol::Reading;

use super::guard::{Visitor, by_htmx};
use crate::{Shared, error::ApiError};

/// Who asks, and how.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) visitor: Visitor,
    pub(super) theme: Theme,
    /// Whether single letters act as keys.
    pub(super) letters: bool,
    /// The name under which this host was asked, as the browser shows it.
    pub(super) host: String,
    /// How this host reads what is signed.
    pub(super) rules: Rules,
    /// Path and query.
    pub(super) address: String,
    /// Whether a script asks, which shows the words of a refusal itself.
    pub(super) by_script: bool,
    /// Whether this page's own script asks, for words alone.
    pub(super) fetches: bool,
}

/// How this host reads and how far clocks may differ: what a signature is compared under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) reading: Reading,
    pub(super) tolerance: u64,
    /// Whether others than this machine's user may come.
    pub(super) public: bool,
}

/// The cookie that turns single letters off.
pub(super) const LETTERS: &str = "mewe-letters";

/// In which colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Theme {
    /// As the system has it.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(super) const COOKIE: &str = "mewe-theme";

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(super) fn named(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    /// The one that comes after it.
    pub(super) fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Ask {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let visitor = Visitor::from_request_parts(parts, shared).await?;
        let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Self {
            visitor,
            rules: Rules {
                reading: shared.config.reading,
                tolerance: shared.config.tolerance,
                public: shared.config.public,
            },
            theme: cookie(&parts.headers, Theme::COOKIE).map(Theme::named).unwrap_or_default(),
            letters: cookie(&parts.headers, LETTERS) != Some("off"),
            host: text(header::HOST).unwrap_or_default().to_owned(),
            address: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            by_script: by_htmx(&parts.headers),
            fetches: text(header::ACCEPT) == Some("text/plain"),
        })
    }
}

/// What every form brings back.
pub(super) fn token(ask: &Ask) -> Markup {
    html! {
        @if let Some(token) = &ask.visitor.form_token { input type="hidden" name="form-token" value=(token); }
    }
}

/// The value of a cookie.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}
