//! A signature taken apart: the formula, the string that is signed with the same parts in the same order, the value, and the
//! checks in theirs.

use maud::{Markup, html};
use mewe_protocol::{AgentId, ApiKey, EventName, Reading, UnixSeconds, signature::X_SIGNATURE, webhook};
use mewe_protocol::{AppId, SignedHeaders, request};

use super::part::{Status, Tone};

/// A part of the formula: its hue, its name, and what stands there.
struct Part {
    hue: &'static str,
    name: String,
    value: String,
}

/// What was signed.
pub(super) struct Formula([Part; 4]);

impl Formula {
    /// Of a webhook.
    pub(super) fn webhook(event: &EventName, agent: AgentId, at: UnixSeconds, body: &[u8], reading: Reading) -> Self {
        let base = webhook::base(event, agent, at, body, reading);
        let [time, agent, event, payload] = parts(&base);
        Self([
            Part { hue: "time", name: "timestamp".to_owned(), value: time },
            Part { hue: "agent", name: "agent id".to_owned(), value: agent },
            Part { hue: "event", name: "event".to_owned(), value: event },
            Part { hue: "body", name: format!("payload, {reading}"), value: payload },
        ])
    }

    /// Of a call of the agent API.
    pub(super) fn request(app: AppId, agent: AgentId, at: UnixSeconds, body: &[u8], reading: Reading) -> Self {
        let base = request::base(app, agent, at, body, reading);
        let [app, agent, time, payload] = parts(&base);
        Self([
            Part { hue: "appid", name: "app id".to_owned(), value: app },
            Part { hue: "agent", name: "agent id".to_owned(), value: agent },
            Part { hue: "time", name: "timestamp".to_owned(), value: time },
            Part { hue: "body", name: format!("payload, {reading}"), value: payload },
        ])
    }

    /// The formula, and the string.
    pub(super) fn shown(&self) -> Markup {
        html! {
            div.formula {
                @for (n, part) in self.0.iter().enumerate() {
                    @if n > 0 { ":" }
                    span class={ "part " (part.hue) } { (part.name) }
                }
            }
            div.base #base {
                span.sr { "Base string: " }
                @for (n, part) in self.0.iter().enumerate() {
                    @if n > 0 { ":" }
                    span class={ "part " (part.hue) } { (part.value) }
                }
            }
        }
    }
}

/// The four parts of a string that is signed; the last may hold colons itself.
fn parts(base: &[u8]) -> [String; 4] {
    let text = String::from_utf8_lossy(base).into_owned();
    let mut pieces = text.splitn(4, ':').map(str::to_owned);
    std::array::from_fn(|_| pieces.next().unwrap_or_default())
}

/// The signature among signed headers, as hex digits.
pub(super) fn of(headers: &SignedHeaders) -> String {
    let found = headers.iter().find(|(name, _)| **name == X_SIGNATURE);
    found.and_then(|(_, value)| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// A signature for the eyes: its two ends, or the whole of it.
pub(super) fn value(hex: &str, whole: bool) -> Markup {
    let ends = hex.get(..8).zip(hex.get(hex.len().saturating_sub(4)..));
    html! {
        @match ends {
            Some((first, last)) if !whole => { (first) " " i aria-label="masked" { "••••••••••••" } " " (last) }
            _ => (hex),
        }
    }
}

/// How the key is told from others.
pub(super) fn key_end(key: &ApiKey) -> String {
    match key.last_four() {
        "" => "a short key".to_owned(),
        end => format!("…{end}"),
    }
}

/// A check that passed, or the one that did not.
pub(super) fn check(well: bool, words: impl Into<String>) -> Status {
    if well { Status::ok(words) } else { Status::new(Tone::Bad, "stop", words) }
}
