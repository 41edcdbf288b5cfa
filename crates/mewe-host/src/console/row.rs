//! A row of the wire in words: what it is called, what it is about, how it stands.

use maud::{Markup, html};
use mewe_protocol::{json, mention, message::SendMessage};

use super::{
    part::{Status, Tone, bolt, icon},
    time::Times,
};
use crate::store::{
    deliveries::State,
    wire::{Held, Row, What},
};

/// An event without `personal_`, a verb as it is on the wire.
pub(super) fn name(row: &Row) -> &str {
    match (&row.what, row.name.as_str()) {
        (What::Call { .. }, "send") => "POST message",
        (What::Call { .. }, "read") => "GET messages",
        (_, name) => name.strip_prefix("personal_").unwrap_or(name),
    }
}

/// The words of what caused it.
pub(super) fn words(row: &Row) -> String {
    let words = row.words.as_deref().unwrap_or_default();
    // What was refused became no message: its body is shown.
    let body = row.message.is_none().then(|| json::read::<SendMessage>(words.as_bytes()).ok()).flatten();
    mention::plain(body.as_ref().map_or(words, |body| body.text.as_str()))
}

/// A row's state with what it is about; trouble shows for ever.
pub(super) fn status(row: &Row, times: &Times) -> Markup {
    let status = state_of(row, Some(times));
    html! {
        span class={ "st " (status.tone.class()) } {
            (icon(status.icon)) span.cut { (status.words) }
            @if row.trouble.is_some() { (bolt()) }
        }
    }
}

/// How a row stands. Without `times`, what is due is said without saying when.
pub(super) fn state_of(row: &Row, times: Option<&Times>) -> Status {
    match &row.what {
        What::Call { status, code: None, .. } => Status::ok(status.to_string()),
        What::Call { status, code: Some(code), .. } => Status::new(Tone::Bad, "stop", format!("{status} {code}")),
        What::Delivery { state, due, status, held, .. } => match (state, held) {
            (State::Waiting | State::Retrying, Some(Held::Paused)) => Status::new(Tone::Mute, "pause", "paused"),
            (State::Waiting | State::Retrying, Some(Held::Disabled)) => {
                Status::new(Tone::Warn, "pause", "endpoint off")
            }
            (State::Waiting, None) => Status::new(Tone::Mute, "clock", "waiting"),
            (State::InFlight, _) => Status::new(Tone::Mute, "clock", "in flight"),
            (State::Retrying, None) => {
                let words = times.map_or_else(|| "retrying".to_owned(), |times| format!("retry {}", times.words(*due)));
                Status::new(Tone::Warn, "retry", words)
            }
            (State::Delivered, _) => {
                Status::ok(status.map_or_else(|| "delivered".to_owned(), |status| status.to_string()))
            }
            (State::GivenUp, _) => Status::new(Tone::Bad, "bad", "given up"),
            (State::Cancelled, _) => Status::new(Tone::Mute, "stop", "cancelled"),
        },
    }
}
