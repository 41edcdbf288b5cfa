//! The switches that make things go wrong on purpose, per agent: off by default, counted, and marked for ever where they touch.

use maud::{Markup, Render, html};
use mewe_protocol::AgentId;
use rusqlite::Connection;

use super::{
    ask::{Ask, token},
    place::{Place, Side},
};
use crate::{
    domain::{
        agent::Agent,
        trouble::{Kind, Often, Plan, Switch},
    },
    error::ApiError,
    store,
};

/// The most agents to choose from.
const MOST: u32 = 100;
/// Seconds of a delay, as they are offered.
const DELAYS: [(u32, &str); 4] = [(2, "2 s"), (10, "10 s"), (90, "90 s"), (360, "6 min")];

/// The switches of one agent.
pub(super) struct Switches<'a> {
    ask: &'a Ask,
    place: &'a Place,
    agents: Vec<Agent>,
    of: Option<(Agent, Plan)>,
}

impl<'a> Switches<'a> {
    pub(super) fn look(c: &Connection, ask: &'a Ask, place: &'a Place) -> Result<Self, ApiError> {
        let agents = store::agents::list(c, AgentId::from_bytes([0; 12]), MOST)?;
        let chosen = place.agent.and_then(|id| agents.iter().find(|agent| agent.id == id)).or(agents.first()).cloned();
        let of = match chosen {
            Some(agent) => {
                let plan = store::trouble::of_agent(c, agent.id)?;
                Some((agent, plan))
            }
            None => None,
        };
        Ok(Self { ask, place, agents, of })
    }

    fn back(&self) -> Markup {
        html! { (token(self.ask)) input type="hidden" name="back" value=(self.place.href()); }
    }

    fn tools(&self, agent: &Agent, plan: &Plan) -> Markup {
        let thread = self.place.thread;
        html! {
            div.wire-tools {
                form.row-form action={ "/t/" (thread) } method="get" hx-get={ "/t/" (thread) } hx-trigger="change" hx-target="#wire"
                    hx-select="#wire" hx-swap="outerHTML" hx-push-url="true" data-sets="agent pane" {
                    input type="hidden" name="pane" value="trouble";
                    @if let Some(speaker) = self.place.speaker { input type="hidden" name="as" value=(speaker); }
                    label.quiet for="trouble-agent" { "For" }
                    span.field.xfer {
                        select #trouble-agent name="agent" {
                            @for one in &self.agents { option value=(one.id) selected[one.id == agent.id] { (one.name) } }
                        }
                    }
                    (apply())
                }
                form.row-form action={ "/agents/" (agent.id) "/seed" } method="post" hx-post={ "/agents/" (agent.id) "/seed" }
                    hx-trigger="change, submit" hx-target="#wire" hx-select="#wire" hx-swap="outerHTML" {
                    (self.back())
                    label.quiet for="seed" { "with seed" }
                    span.field.seed { input.num #seed name="seed" value=(plan.seed) inputmode="numeric" pattern="[0-9]{1,16}" required; }
                    (apply())
                }
            }
        }
    }

    fn switch(&self, agent: &Agent, switch: Switch) -> Markup {
        let (kind, on) = (switch.kind, switch.often.is_on());
        let (title, words) = said(kind);
        let action = format!("/agents/{}/trouble", agent.id);
        // What is chosen for a switch that is off counts when it goes on.
        let trigger = if on { "change" } else { "change from:find .sw" };
        html! {
            li {
                form.tr.on[on] id={ "tr-" (kind.name()) } action=(action) method="post" hx-post=(action) hx-trigger=(trigger)
                    hx-target="#wire" hx-select="#wire" hx-swap="outerHTML" hx-select-oob="#banner" {
                    (self.back())
                    input type="hidden" name="kind" value=(kind.name());
                    input.sw type="checkbox" role="switch" name="on" value="1" id={ "sw-" (kind.name()) }
                        aria-describedby={ "d-" (kind.name()) } checked[on];
                    label for={ "sw-" (kind.name()) } {
                        b { (title) }
                        (described(switch, words))
                    }
                    @if kind == Kind::Delay {
                        span.field { select name="seconds" id="for-delay" aria-label="Delay" {
                            @for (seconds, words) in DELAYS { option value=(seconds) selected[switch.seconds == Some(seconds)] { (words) } }
                            @if let Some(other) = switch.seconds.filter(|s| !DELAYS.iter().any(|(one, _)| one == s)) {
                                option value=(other) selected { (other) " s" }
                            }
                        } }
                    } @else if kind != Kind::ForgetReplays {
                        span.field { select name="often" id={ "often-" (kind.name()) } aria-label={ "How often: " (title.to_lowercase()) } {
                            @for (value, words) in [("every", "every time"), ("every_3rd", "every 3rd"), ("next", "the next one only")] {
                                option value=(value) selected[is_chosen(switch.often, value)] { (words) }
                            }
                            @if let Often::Every(many @ (2 | 4..)) = switch.often {
                                option value={ "every_" (many) } selected { "every " (many) "th" }
                            }
                        } }
                    }
                    (apply())
                }
            }
        }
    }

    fn pause(&self, agent: &Agent) -> Markup {
        let action = format!("/agents/{}/{}", agent.id, if agent.paused { "resume" } else { "pause" });
        html! {
            li {
                form.tr.on[agent.paused] action=(action) method="post" hx-post=(action) hx-trigger="change" hx-target="#wire"
                    hx-select="#wire" hx-swap="outerHTML" hx-select-oob="#agents" {
                    (self.back())
                    input.sw type="checkbox" role="switch" id="sw-pause" aria-describedby="d-pause" checked[agent.paused];
                    label for="sw-pause" {
                        b { "Pause deliveries" }
                        span #d-pause { "Everything waits here; nothing is lost, no attempt is used up" }
                    }
                    (apply())
                }
            }
        }
    }
}

/// What a form needs where there is no script.
fn apply() -> Markup {
    html! { noscript { button.btn type="submit" { "Set" } } }
}

fn is_chosen(often: Often, value: &str) -> bool {
    match often {
        Often::Off | Often::Every(1) => value == "every",
        Often::Every(3) => value == "every_3rd",
        Often::Next => value == "next",
        Often::Every(_) => false,
    }
}

/// What a switch does, and what it has touched so far; also what is told live.
fn described(switch: Switch, words: &str) -> Markup {
    let touched = u32::try_from(switch.touched).unwrap_or(u32::MAX);
    html! {
        span id={ "d-" (switch.kind.name()) } { (words) @if touched > 0 { ". " (touched) " so far" } }
    }
}

/// Title and words of a switch.
pub(super) fn said(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::DeliverTwice => ("Deliver twice", "A second, freshly signed delivery follows within 2 s"),
        Kind::Reorder => ("Reorder", "Swaps each event with the one after it"),
        Kind::Delay => ("Delay", "Holds each delivery before the first attempt"),
        Kind::DropAnswer => ("Drop the answer", "The agent’s 200 is read, then treated as lost"),
        Kind::WrongSignature => ("Wrong signature", "One bit of the signature is flipped; a good agent answers 401"),
        Kind::StaleTimestamp => ("Stale timestamp", "Signed correctly, but 10 minutes ago"),
        Kind::Answer500 => ("Answer 500", "Before anything is stored: the agent must try again"),
        Kind::Answer420 => ("Answer 420, slow down", "With Retry-After: 5"),
        Kind::LoseAnswer => {
            ("Accept, then lose the answer", "The message is stored, the connection breaks: the hard case")
        }
        Kind::ForgetReplays => ("Forget replays", "The host accepts the same signed request again"),
    }
}

impl Render for Switches<'_> {
    fn render(&self) -> Markup {
        if self.ask.rules.public {
            return html! { p.nothing { "On a public host nothing is made to go wrong." } };
        }
        let Some((agent, plan)) = &self.of else {
            return html! { p.nothing { "There is no agent to make trouble for." } };
        };
        let switches = |to_agent: bool| plan.switches.iter().filter(move |switch| switch.kind.to_agent() == to_agent);
        html! {
            div.scroll tabindex="0" role="group" aria-label="Trouble switches" {
                (self.tools(agent, plan))
                div.troubles {
                    h2.label.group-h { "On the way to the agent" }
                    ul { @for switch in switches(true) { (self.switch(agent, *switch)) } (self.pause(agent)) }
                    h2.label.group-h { "On the way back, at the API" }
                    ul { @for switch in switches(false) { (self.switch(agent, *switch)) } }
                }
            }
        }
    }
}

/// How the switches were set when they were told last.
pub(super) type Told = Vec<(Often, Option<u32>)>;

/// What the switches have touched meanwhile; and those that were set otherwise, or went off by themselves.
pub(super) fn told(c: &Connection, ask: &Ask, place: &Place, last: &mut Told) -> Result<Markup, ApiError> {
    let switches = Switches::look(c, ask, place)?;
    let Some((agent, plan)) = &switches.of else { return Ok(html! {}) };
    let set: Told = plan.switches.iter().map(|switch| (switch.often, switch.seconds)).collect();
    let told = html! {
        @for (n, switch) in plan.switches.iter().enumerate() {
            @if last.get(n) == set.get(n) { (described(*switch, said(switch.kind).1)) } @else { (switches.switch(agent, *switch)) }
        }
    };
    *last = set;
    Ok(told)
}

/// Where the switches of an agent are shown.
pub(super) fn address(place: Option<&Place>, agent: &Agent) -> String {
    let there = |place: &mut Place| {
        place.side = Side::Trouble;
        place.agent = Some(agent.id);
        place.view = super::place::View::Wire;
    };
    match place {
        Some(place) => place.but(there),
        None => Place::new(agent.personal, Some(agent.owner)).but(there),
    }
}
