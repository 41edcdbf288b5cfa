//! A delivery: its attempts, and for one of them what was signed, sent and answered.

use maud::{Markup, html};
use mewe_protocol::{EventName, UnixSeconds, webhook};

use super::{Of, Sheet};
use crate::{
    console::{
        json,
        part::{Status, Tone, bolt, icon, number},
        row::state_of,
        signature::{self, Formula},
        time::span,
    },
    store::{attempts::Attempt, deliveries::State, wire::What},
};

impl Sheet<'_> {
    /// The attempts; also what is told live.
    pub(in super::super) fn tries(&self) -> Markup {
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
                                @if let Some(trouble) = &attempt.trouble { (bolt()) (trouble.replace('_', " ")) " " }
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

    pub(super) fn delivery(&self, payload: &[u8], attempts: &[Attempt], chosen: Option<u32>) -> Markup {
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
                @if !text.is_empty() { pre.json tabindex="0" aria-label="Answer" { "\n" @if self.place.raw { (text) } @else { (json::pretty(&text)) } } }
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
