//! A call of the agent API: why it was refused, how its signature compares, and what an agent should do.

use maud::{Markup, html};
use mewe_protocol::{
    Reading, ThreadId, UnixSeconds, decided,
    request::{self, Unverified},
    signature::{Explained, X_AGENT_ID, X_APP_ID, X_SIGNATURE, X_TIMESTAMP},
};
use secrecy::ExposeSecret;

use super::Sheet;
use crate::{
    console::{
        part::icon,
        signature::{self, Formula},
    },
    store::calls::Call,
};

impl Sheet<'_> {
    pub(super) fn call(&self, call: &Call) -> Markup {
        let body = call.body.as_deref().unwrap_or_default();
        let explained = self.explained(call, body);
        html! {
            @if let Some(code) = &call.code {
                section.sect aria-labelledby="s-why" {
                    header { h3 #s-why { "Why it was refused" } span.quiet.cut { (call.status) " " (code) } }
                    div.say.bad { (icon("stop")) div { (self.why(call, code, &explained)) } }
                }
            }
            @if let (Some(app), Some(agent), Some(at)) = (call.app, call.agent, call.signed) {
                section.sect #signature aria-labelledby="s-sig" {
                    header { h3 #s-sig { "Signature" } (self.show_button()) }
                    div.parts {
                        (Formula::request(app, agent, UnixSeconds(at), body, self.rules().reading).shown())
                        (self.compared(call, body))
                        (self.call_checks(call, &explained))
                        @if matches!(call.code.as_deref(), Some("signature" | "timestamp")) && !explained.is_empty() { (readings(&explained, self.rules().reading)) }
                    }
                }
            }
            @if let Some(advice) = call.code.as_deref().and_then(advice) {
                section.sect aria-labelledby="s-what" {
                    header { h3 #s-what { "What an agent should do" } }
                    p { (advice) }
                }
            }
            @if call.body.is_some() { (self.payload("Body", body)) }
        }
    }

    /// How the signature of a call compares under each reading, by the key as it is now.
    fn explained(&self, call: &Call, body: &[u8]) -> Vec<Explained> {
        let (Some(app), Some(agent), Some(at), Some(given), Some(key)) =
            (call.app, call.agent, call.signed, &call.signature, &self.key)
        else {
            return Vec::new();
        };
        let mut headers = http::HeaderMap::new();
        let lines = [
            (X_APP_ID, app.to_string()),
            (X_AGENT_ID, agent.to_string()),
            (X_TIMESTAMP, at.to_string()),
            (X_SIGNATURE, given.expose_secret().to_owned()),
        ];
        for (name, value) in lines {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        }
        let Ok(unverified) = Unverified::from_headers(&headers) else { return Vec::new() };
        unverified.explain(body, std::slice::from_ref(key), self.rules().tolerance, call.at.into())
    }

    fn compared(&self, call: &Call, body: &[u8]) -> Markup {
        let (Some(app), Some(agent), Some(at)) = (call.app, call.agent, call.signed) else { return html! {} };
        let expected = self
            .key
            .as_ref()
            .map(|key| signature::of(&request::sign(key, app, agent, UnixSeconds(at), body, self.rules().reading)));
        let received = call.signature.as_ref().map(|hex| hex.expose_secret().to_lowercase());
        let equal = expected.is_some() && expected == received;
        let whole = self.place.whole;
        html! {
            dl.cmp {
                dt { "Expected" } dd.hex { @match &expected { Some(hex) => (signature::value(hex, whole)), None => "nobody here has a key for this application" } } dd {}
                dt { "Received" } dd.hex { @match &received { Some(hex) => (signature::value(hex, whole)), None => "no 64 hex digits" } }
                dd { (signature::check(equal, if equal { "equal" } else { "differs" }).plain()) }
            }
        }
    }

    /// The checks in the order in which the host makes them, up to the one that failed.
    fn call_checks(&self, call: &Call, explained: &[Explained]) -> Markup {
        let code = call.code.as_deref();
        let off = call.signed.map_or(0, |at| call.at.as_second().abs_diff(i64::try_from(at).unwrap_or(i64::MAX)));
        let order = [
            ("header", "headers".to_owned()),
            ("timestamp", format!("timestamp: {off} s off, of {} s", self.rules().tolerance)),
            ("unknown_app", "application known".to_owned()),
            ("signature", "signature matches".to_owned()),
            ("unknown_agent", "agent is its own".to_owned()),
            ("replayed", if call.verb == "send" { "not used before".to_owned() } else { "may read".to_owned() }),
        ];
        let failed = order.iter().position(|(name, _)| Some(*name) == code);
        html! {
            div.checks {
                @for (n, (name, words)) in order.iter().enumerate().filter(|(n, _)| failed.is_none_or(|failed| *n <= failed)) {
                    @let well = Some(n) != failed;
                    @let words = match *name {
                        "signature" if !well => "signature differs".to_owned(),
                        "replayed" if !well => "used before".to_owned(),
                        "unknown_app" if !well => "application unknown".to_owned(),
                        "unknown_agent" if !well => "agent unknown".to_owned(),
                        _ => words.clone(),
                    };
                    (signature::check(well, words).plain())
                }
                @if failed.is_none() && let Some(code) = code { (signature::check(false, code.replace('_', " ")).plain()) }
                @if explained.is_empty() && call.signature.is_some() && self.key.is_some() { span.quiet { "not compared" } }
            }
        }
    }

    fn why(&self, call: &Call, code: &str, explained: &[Explained]) -> Markup {
        let reading = self.rules().reading;
        let other = explained.iter().find(|one| one.matches && one.reading != reading);
        let own = explained.iter().any(|one| one.matches && one.reading == reading);
        let cause = call.cause.as_deref().unwrap_or(code);
        html! {
            @match code {
                "replayed" => {
                    "The signature is right, but this very request was accepted before and became " (self.message_link())
                    ". A signed request counts once (D8)."
                }
                "signature" if other.is_some_and(|one| one.reading == Reading::Raw) => {
                    "The signature does not match the " (reading) " payload. It " b { "does" } " match the bytes as they came: this agent signs its JSON as it prints it. Sign the payload without white space outside strings (" code { "signature.payload = \"compact\"" } " in the settings of " code { "mewe-agent" } ")."
                }
                "signature" if other.is_some() => {
                    "The signature does not match the " (reading) " payload. It " b { "does" } " match when every white space is left out, in strings too. Leave the strings as they are."
                }
                "signature" => {
                    "The signature matches under no reading of the body. The keys differ, a part of the formula is in another place, or the body was changed on its way."
                }
                "timestamp" if own => {
                    "The signature is right, but its time is too far from this host’s clock. One of the two clocks is wrong, or an old request was sent again."
                }
                "timestamp" => { "Its time is too far from this host’s clock, or no number." }
                _ => (cause),
            }
        }
    }
}

pub(super) fn path(call: &Call, thread: ThreadId) -> String {
    let path = if call.verb == "send" { decided::SEND_PATH } else { decided::READ_PATH };
    path.replace("{threadId}", &thread.to_string())
}

fn readings(explained: &[Explained], own: Reading) -> Markup {
    html! {
        table.readings {
            thead { tr { th scope="col" { "Reading" } th scope="col" { "What is signed" } th scope="col" { "Result" } } }
            tbody {
                @for one in explained {
                    tr {
                        th scope="row" { (one.reading) }
                        td {
                            @match one.reading {
                                Reading::Compact => "no white space outside strings",
                                Reading::Raw => "the bytes as received",
                                Reading::Stripped => "no white space at all",
                            }
                            @if one.reading == own { " (this host)" }
                            @if let Some(shift) = one.shift { ", clock " (shift) " s off" }
                        }
                        td { (signature::check(one.matches, if one.matches { "matches" } else { "differs" }).plain()) }
                    }
                }
            }
        }
    }
}

/// What the agent should do about a refusal.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "replayed" => {
            "Treat it on a repeat as “probably sent”: read the thread; if the message is there, it is done. Never sign it afresh before the window has passed."
        }
        "timestamp" => "Set the clock (NTP), sign each attempt afresh, and send it at once.",
        "signature" => "Compare the base string above with the one that the agent signs, part by part.",
        "header" => "Send the four headers X-App-Id, X-Agent-Id, X-Timestamp and X-Signature, each once.",
        "unknown_app" => "Look whether it talks to the right host, and whether its application was deleted.",
        "unknown_agent" => "The owner has removed the agent, or it is another application’s: stop for this agent.",
        "not_in_thread" => "It was taken out of the thread: forget the thread, and do not try again.",
        "permission" => "The application lacks a permission; its settings name it.",
        "rate_limited" => "Wait as long as Retry-After says, then go on in the same order.",
        "internal" | "busy" | "slow" => "Nothing was stored: send the same request again, with growing pauses.",
        _ => return None,
    })
}
