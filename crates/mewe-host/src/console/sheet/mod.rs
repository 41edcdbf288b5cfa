//! One delivery or call, with all that is known of it.

mod call;
mod delivery;

use maud::{Markup, Render, html};
use mewe_protocol::{ApiKey, message::ChatMessage, request};
use rusqlite::Connection;

use super::{
    ask::{Ask, Rules, token},
    chat, json,
    part::{Status, Tone, first, icon, number},
    place::Place,
    row::state_of,
    time::{Times, span},
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

/// The sheet.
pub(super) struct Sheet<'a> {
    ask: &'a Ask,
    place: &'a Place,
    times: &'a Times,
    row: Row,
    app: Option<Application>,
    key: Option<ApiKey>,
    /// The message that it is about, and where that is.
    message: Option<(ChatMessage, String)>,
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
        let message = match said.map(|message| store::messages::get(c, message)).transpose()?.flatten() {
            Some(message) => {
                let href = chat::href(c, place.clone(), &message)?;
                Some((message, href))
            }
            None => None,
        };
        Ok(Some(Self { ask, place, times, row, app: known, key, message, of }))
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
            What::Call { .. } => super::row::name(&self.row),
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
                            (back)
                            @if let Of::Delivery { chosen: Some(attempt), .. } = &self.of { input type="hidden" name="attempt" value=(attempt); }
                            button.btn type="submit" aria-label="Copy as vector" { (icon("copy")) "vector" }
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
                            @if let Some(thread) = call.thread { code.cut { (call::path(call, thread)) } }
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
        html! {
            @if let Some((message, href)) = &self.message {
                a.link #its-message data-message=(message.chat_message_id) href=(href) {
                    bdi { (first(&message.user_name)) } "’s message of " (self.times.words(message.created_at))
                }
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
                // HTML leaves out a line break that comes first: this one.
                pre.json tabindex="0" aria-label=(title) { "\n" @if raw { (text) } @else { (json::pretty(&text)) } }
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
