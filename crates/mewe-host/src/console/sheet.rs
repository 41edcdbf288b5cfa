//! One delivery or call, with all that is known of it.

use maud::{Markup, Render, html};
use mewe_protocol::{
    ApiKey, EventName, Reading, UnixSeconds, decided,
    request::{self, Unverified},
    signature::{Explained, X_AGENT_ID, X_APP_ID, X_SIGNATURE, X_TIMESTAMP},
    webhook,
};
use rusqlite::Connection;
use secrecy::ExposeSecret;

use super::{
    ask::Ask,
    frame::token,
    json,
    part::{Status, Tone, first, icon, number},
    place::Place,
    signature::{self, Formula},
    time::{Times, span},
    wire::state_of,
};
use crate::{
    domain::application::Application,
    error::ApiError,
    store::{
        self,
        attempts::Attempt,
        calls::Call,
        deliveries::State,
        wire::{Row, What},
    },
};

/// How this host reads and how far clocks may differ: what a signature is compared under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) reading: Reading,
    pub(super) tolerance: u64,
    /// Whether others than this machine's user may come.
    pub(super) public: bool,
}

/// The sheet.
pub(super) struct Sheet<'a> {
    ask: &'a Ask,
    place: &'a Place,
    times: &'a Times,
    row: Row,
    app: Option<Application>,
    key: Option<ApiKey>,
    /// Who wrote the message that it is about.
    author: Option<(String, jiff::Timestamp)>,
    of: Of,
}

enum Of {
    Delivery { payload: Vec<u8>, attempts: Vec<Attempt>, chosen: Option<u32> },
    Call { call: Box<Call>, first_use: Option<mewe_protocol::MessageId> },
}

impl<'a> Sheet<'a> {
    /// What is known of a row; none if it is no longer there.
    pub(super) fn look(
        c: &Connection,
        ask: &'a Ask,
        place: &'a Place,
        row: i64,
        attempt: Option<u32>,
        times: &'a Times,
    ) -> Result<Option<Self>, ApiError> {
        let Some(row) = store::wire::get(c, row)? else { return Ok(None) };
        let (app, of) = match row.what {
            What::Delivery { id, .. } => {
                let Some(listed) = store::deliveries::get(c, id)? else { return Ok(None) };
                let attempts = store::attempts::of_delivery(c, id)?;
                let chosen = attempt.or(attempts.last().map(|last| last.number));
                let payload = store::deliveries::payload(c, id)?.unwrap_or_default();
                (Some(listed.app), Of::Delivery { payload, attempts, chosen })
            }
            What::Call { id, .. } => {
                let Some((_, call)) = store::calls::get(c, id)? else { return Ok(None) };
                let first_use = match (&call, call.code.as_deref()) {
                    (
                        Call { app: Some(app), agent: Some(agent), signed: Some(at), body: Some(body), .. },
                        Some("replayed"),
                    ) => store::replay::became(c, *app, *agent, *at, &request::body_hash(body))?,
                    _ => None,
                };
                (call.app, Of::Call { call: Box::new(call), first_use })
            }
        };
        let known = app.map(|app| store::apps::get(c, app)).transpose()?.flatten();
        let key = app.map(|app| store::apps::key(c, app)).transpose()?.flatten();
        let said = match &of {
            Of::Call { first_use: Some(message), .. } => Some(*message),
            _ => row.message,
        };
        let author = said.map(|message| store::messages::get(c, message)).transpose()?.flatten();
        let author = author.map(|message| (message.user_name, message.created_at));
        Ok(Some(Self { ask, place, times, row, app: known, key, author, of }))
    }

    fn rules(&self) -> Rules {
        self.ask.rules
    }

    /// The state beside the title; also what is told live.
    pub(super) fn state(&self) -> Markup {
        let status = match &self.row.what {
            What::Call { code: Some(_), .. } => Status::new(Tone::Bad, "stop", "Refused"),
            What::Call { .. } => Status::ok("Answered"),
            What::Delivery { state: State::Retrying, held: None, .. } => Status::new(Tone::Warn, "retry", "Retrying"),
            What::Delivery { state: State::Delivered, .. } => Status::ok("Delivered"),
            What::Delivery { .. } => state_of(&self.row, Some(self.times)),
        };
        html! {
            span #sheet-state {
                (status.pill())
                @if let What::Delivery { test: true, .. } = self.row.what { " " span.st.pill.mute { "test event" } }
                @if let Some(trouble) = &self.row.trouble {
                    " " (Status::new(Tone::Warn, "bolt", trouble.replace('_', " ").replace(',', ", ")).pill())
                }
            }
        }
    }

    fn head(&self) -> Markup {
        let name = match &self.row.what {
            What::Delivery { .. } => self.row.name.as_str(),
            What::Call { .. } => super::wire::name(&self.row),
        };
        let action = |verb: &str| format!("/wire/{}/{verb}", self.row.id);
        let back = html! { (token(self.ask)) input type="hidden" name="back" value=(self.place.href()); };
        let can_redeliver = matches!(&self.row.what, What::Delivery { state, .. } if *state != State::Cancelled);
        html! {
            header.sheet-head {
                div.line {
                    a.btn.bare.icon.back.goes data-sets="wire attempt show as-sent" href=(self.closed()) aria-label="Back to the list" { (icon("back")) }
                    h2.cut #dl { (name) }
                    (self.state())
                    span.end {}
                    div.acts {
                        @if can_redeliver {
                            form #redeliver action=(action("redeliver")) method="post" hx-post=(action("redeliver"))
                                hx-target="#sheet" hx-select="#sheet" hx-swap="outerHTML" hx-disabled-elt="find button" {
                                (back) button.btn.primary type="submit" { (icon("retry")) "Redeliver" }
                            }
                        }
                        form.fetch-copy #curl action=(action("curl")) method="post" {
                            (back) button.btn type="submit" aria-label="Copy as curl" { (icon("copy")) "curl" }
                        }
                        form.fetch-copy #vector action=(action("vector")) method="post" {
                            (back) button.btn type="submit" aria-label="Copy as vector" { (icon("copy")) "vector" }
                        }
                    }
                    a.btn.bare.icon.close #close href=(self.closed()) aria-label="Close (Escape)" title="Close (Escape)"
                        hx-boost="true" hx-target="#sheet" hx-select="#sheet" hx-swap="outerHTML" data-sets="wire attempt show as-sent view" { (icon("x")) }
                }
                p.meta {
                    @match &self.of {
                        Of::Delivery { .. } => {
                            span { "to " b { bdi { (self.agent()) } } }
                            @if let Some(app) = &self.app { code.cut { "POST " (app.webhook_url) } }
                        }
                        Of::Call { call, .. } => {
                            span { "from " b { bdi { (self.agent()) } } }
                            @if let Some(thread) = call.thread { code.cut { (path(call, thread)) } }
                            span { "answered in " (span(call.took)) }
                        }
                    }
                    (self.message_link())
                }
            }
        }
    }

    fn agent(&self) -> &str {
        if self.row.agent_name.is_empty() { "nobody known here" } else { &self.row.agent_name }
    }

    fn closed(&self) -> String {
        self.place.but(|place| place.open = None)
    }

    /// The message that it is about.
    fn message_link(&self) -> Markup {
        let message = match &self.of {
            Of::Call { first_use: Some(message), .. } => Some(*message),
            _ => self.row.message,
        };
        html! {
            @if let (Some((who, at)), Some(thread), Some(message)) = (&self.author, self.row.thread, message) {
                a.link #its-message data-message=(message)
                    href={ (self.place.but(|place| { place.thread = thread; place.view = super::place::View::Chat; })) "#m-a-" (message) } {
                    bdi { (first(who)) } "’s message of " (self.times.words(*at))
                }
            }
        }
    }

    /// The attempts; also what is told live.
    pub(super) fn tries(&self) -> Markup {
        let Of::Delivery { attempts, chosen, .. } = &self.of else { return html! {} };
        let What::Delivery { state, due, held, .. } = &self.row.what else { return html! {} };
        let next = attempts.last().map_or(1, |last| last.number + 1);
        let coming = match (state, held) {
            (State::Waiting | State::Retrying, Some(_)) => {
                Some((state_of(&self.row, None), String::new(), "it waits until somebody resumes it"))
            }
            (State::Retrying, None) => Some((
                Status::new(Tone::Mute, "clock", "scheduled"),
                self.times.words(*due),
                "then again, up to a minute apart, for three days",
            )),
            (State::Waiting, None) => {
                Some((Status::new(Tone::Mute, "clock", "waiting"), String::new(), "its turn comes next"))
            }
            (State::InFlight, _) => {
                Some((Status::new(Tone::Mute, "clock", "in flight"), String::new(), "it is being attempted"))
            }
            _ => None,
        };
        html! {
            ol.tries #tries hx-boost="true" hx-target="#sheet" hx-select="#sheet" hx-swap="outerHTML" data-sets="wire attempt" {
                @for attempt in attempts {
                    li {
                        a.try href=(self.place.but(|place| place.open = Some((self.row.id, Some(attempt.number)))))
                            id={ "try-" (attempt.number) } aria-current=[(*chosen == Some(attempt.number)).then_some("true")] {
                            span.n { (attempt.number) }
                            (self.times.second(attempt.at))
                            (outcome(attempt).plain())
                            span.dur { (span(attempt.took)) }
                            span.cut.why {
                                @if let Some(trouble) = &attempt.trouble { (super::part::bolt()) (trouble.replace('_', " ")) " " }
                                (attempt.error.as_deref().unwrap_or_default())
                            }
                        }
                    }
                }
                @if let Some((status, when, words)) = coming {
                    li { div.try { span.n { (next) } time { (when) } (status.plain()) span.dur {} span.cut.why { (words) } } }
                }
            }
        }
    }

    fn delivery(&self, payload: &[u8], attempts: &[Attempt], chosen: Option<u32>) -> Markup {
        let attempt = attempts.iter().find(|attempt| Some(attempt.number) == chosen);
        html! {
            section.sect aria-labelledby="s-try" {
                header { h3 #s-try { "Attempts" } span.quiet.cut { "each is signed afresh" } }
                (self.tries())
            }
            @if let Some(attempt) = attempt { (self.attempt_signature(attempt, payload)) }
            (self.payload("Payload", payload))
            @if let Some(attempt) = attempt { (self.headers(attempt, payload)) (self.answer(attempt)) }
        }
    }

    /// What an attempt was signed with, if that can still be said.
    fn signed(&self, attempt: &Attempt, payload: &[u8]) -> Option<(EventName, UnixSeconds, String)> {
        let signed = attempt.signed.as_ref()?;
        let key = self.key.as_ref().filter(|key| key.last_four() == signed.key_end)?;
        let event: EventName = self.row.name.parse().ok()?;
        let headers = webhook::sign(key, &event, self.row.agent?, signed.at, payload, self.rules().reading);
        Some((event, signed.at, signature::of(&headers)))
    }

    fn attempt_signature(&self, attempt: &Attempt, payload: &[u8]) -> Markup {
        let number = attempt.number;
        html! {
            section.sect #signature aria-labelledby="s-sig" {
                header { h3 #s-sig { "Signature of attempt " (number) } (self.show_button()) }
                @match (self.signed(attempt, payload), self.row.agent) {
                    (Some((event, at, hex)), Some(agent)) => div.parts {
                        (Formula::webhook(&event, agent, at, payload, self.rules().reading).shown())
                        dl.cmp {
                            dt { "Key" } dd { "app key ending " code { (self.key.as_ref().map(signature::key_end).unwrap_or_default()) } } dd {}
                            dt { "X-Signature" } dd.hex { (signature::value(&hex, self.place.whole)) } dd {}
                        }
                        (self.attempt_checks(attempt))
                    },
                    _ => p.quiet { "It was signed with a key that has been replaced since." },
                }
            }
        }
    }

    /// The checks that a receiver makes, in their order.
    fn attempt_checks(&self, attempt: &Attempt) -> Markup {
        let troubled =
            |kind: &str| attempt.trouble.as_deref().is_some_and(|all| all.split(',').any(|one| one.trim() == kind));
        let off = attempt
            .signed
            .as_ref()
            .map_or(0, |signed| attempt.at.as_second().abs_diff(i64::try_from(signed.at.0).unwrap_or(0)));
        let (in_time, right) = (off <= self.rules().tolerance, !troubled("wrong_signature"));
        html! {
            div.checks {
                (signature::check(true, "headers").plain())
                (signature::check(in_time, if off == 0 { "timestamp: of this second".to_owned() } else { format!("timestamp: {off} s old of {} s", self.rules().tolerance) }).plain())
                (signature::check(right, if right { "signature matches" } else { "one bit of it was flipped on purpose" }).plain())
            }
        }
    }

    fn show_button(&self) -> Markup {
        let whole = self.place.whole;
        html! {
            div.end {
                a.btn.bare #show href=(self.place.but(|place| place.whole = !whole)) hx-boost="true" hx-target="#signature"
                    hx-select="#signature" hx-swap="outerHTML" data-sets="show" {
                    (icon("eye")) @if whole { "Mask signature" } @else { "Show signature" }
                }
            }
        }
    }

    fn payload(&self, title: &str, body: &[u8]) -> Markup {
        let text = String::from_utf8_lossy(body);
        let raw = self.place.raw;
        let to = |raw: bool| self.place.but(|place| place.raw = raw);
        html! {
            section.sect #payload aria-labelledby="s-pay" {
                header {
                    h3 #s-pay { (title) }
                    span.quiet.cut { (number(u32::try_from(body.len()).unwrap_or(u32::MAX), "byte", "bytes")) }
                    div.end {
                        div.seg role="group" aria-label="Payload form" hx-boost="true" hx-target="#payload" hx-select="#payload"
                            hx-swap="outerHTML" data-sets="as-sent" {
                            a.pretty href=(to(false)) aria-current=[(!raw).then_some("true")] { "Pretty" }
                            a.raw href=(to(true)) aria-current=[raw.then_some("true")] { "Raw" }
                        }
                        button.btn.bare.icon.copy type="button" data-copy="#payload pre" aria-label={ "Copy " (title.to_lowercase()) } { (icon("copy")) }
                    }
                }
                pre.json tabindex="0" aria-label=(title) { @if raw { (text) } @else { (json::pretty(&text)) } }
            }
        }
    }

    fn headers(&self, attempt: &Attempt, payload: &[u8]) -> Markup {
        let Some((event, at, hex)) = self.signed(attempt, payload) else { return html! {} };
        html! {
            section.sect aria-labelledby="s-hdr" {
                header { h3 #s-hdr { "Request headers" } span.quiet.cut { "attempt " (attempt.number) } }
                dl.kv {
                    dt { "X-Event" } dd { (event) }
                    dt { "X-Agent-Id" } dd { (self.row.agent.map(|id| id.to_string()).unwrap_or_default()) }
                    dt { "X-Timestamp" } dd { (at) }
                    dt { "X-Signature" } dd { (hex.get(..8).unwrap_or_default()) "…" }
                    dt { "Content-Type" } dd { "application/json" }
                }
            }
        }
    }

    fn answer(&self, attempt: &Attempt) -> Markup {
        let text = String::from_utf8_lossy(&attempt.answer);
        html! {
            section.sect #answer aria-labelledby="s-ans" {
                header {
                    h3 #s-ans { "Answer" }
                    span.quiet.cut {
                        @match attempt.status {
                            Some(status) => { (status) ", " (number(u32::try_from(attempt.answer.len()).unwrap_or(u32::MAX), "byte", "bytes")) }
                            None => "none",
                        }
                    }
                }
                @if let Some(why) = &attempt.error {
                    div.say.bad { (icon("bad")) div { (why) } }
                }
                @if !text.is_empty() { pre.json tabindex="0" aria-label="Answer" { @if self.place.raw { (text) } @else { (json::pretty(&text)) } } }
            }
        }
    }

    fn call(&self, call: &Call) -> Markup {
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
                    "The signature does not match the " (reading) " payload. It " b { "does" } " match the bytes as they came: this agent signs its JSON as it prints it. Sign the payload without white space outside strings, or set " code { "signature.payload = \"raw\"" } " on the host."
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

impl Render for Sheet<'_> {
    fn render(&self) -> Markup {
        html! {
            section.sheet aria-labelledby="dl" data-row=(self.row.id) data-message=[self.row.message] {
                (self.head())
                div.scroll tabindex="0" role="group" aria-label=(if matches!(self.of, Of::Call { .. }) { "API call" } else { "Delivery" }) {
                    @match &self.of {
                        Of::Delivery { payload, attempts, chosen } => (self.delivery(payload, attempts, *chosen)),
                        Of::Call { call, .. } => (self.call(call)),
                    }
                }
            }
        }
    }
}

/// How an attempt ended, in two words.
fn outcome(attempt: &Attempt) -> Status {
    match (attempt.status, attempt.error.as_deref()) {
        (Some(status), None) => Status::ok(status.to_string()),
        (Some(200..300), Some(_)) => Status::new(Tone::Bad, "bad", "no full answer"),
        (Some(status), Some(_)) => Status::new(Tone::Bad, "bad", status.to_string()),
        (None, Some(why)) if why.contains("nothing listens") => Status::new(Tone::Bad, "bad", "connection refused"),
        (None, _) => Status::new(Tone::Bad, "bad", "no answer"),
    }
}

fn path(call: &Call, thread: mewe_protocol::ThreadId) -> String {
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
