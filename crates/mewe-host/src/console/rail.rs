//! The rail: who one speaks as, that person's threads, the agents and how they are.

use maud::{Markup, Render, html};
use mewe_protocol::{AgentId, UserId};
use rusqlite::Connection;

use super::{
    ask::{Ask, token},
    part::{Status, Tone, avatar, first, icon, number},
    place::{Place, View},
};
use crate::{
    domain::{self, user::Person},
    error::ApiError,
    store::{self, deliveries::State, threads::Listed},
};

/// The most people, threads and agents that it shows; whoever is further down is found by searching.
const MOST: u32 = 60;
/// The most unread messages that are counted.
const MOST_UNREAD: u32 = 99;

/// What the rail shows.
pub(super) struct Rail<'a> {
    ask: &'a Ask,
    place: &'a Place,
    people: Vec<Person>,
    speaker: Option<Person>,
    threads: Vec<Entry>,
    agents: Vec<Agent>,
}

struct Entry {
    thread: Listed,
    unread: u32,
}

/// An agent, and how it is.
pub(super) struct Agent {
    pub(super) agent: domain::agent::Agent,
    pub(super) status: Status,
}

impl<'a> Rail<'a> {
    pub(super) fn look(c: &Connection, ask: &'a Ask, place: &'a Place) -> Result<Self, ApiError> {
        let mut people = store::users::list(c, UserId::from_bytes([0; 12]), MOST)?;
        let speaker = place.speaker.map(|user| store::users::get(c, user)).transpose()?.flatten();
        if let Some(speaker) = &speaker
            && !people.iter().any(|one| one.id == speaker.id)
        {
            people.push(speaker.clone());
        }
        let listed = match &speaker {
            Some(speaker) => store::threads::of_user(c, speaker.id, MOST)?,
            None => Vec::new(),
        };
        let mut threads = Vec::with_capacity(listed.len());
        for thread in listed {
            let unread = match place.speaker {
                Some(user) => store::seen::unread(c, user, thread.id, MOST_UNREAD)?,
                None => 0,
            };
            threads.push(Entry { thread, unread });
        }
        Ok(Self { ask, place, people, speaker, threads, agents: agents(c)? })
    }

    fn nobody(&self) -> bool {
        self.people.is_empty()
    }

    fn people(&self) -> Markup {
        html! {
            section aria-labelledby="h-as" {
                h2 #h-as { "Speaking as" (self.new_person()) }
                @if self.nobody() { p.item.quiet { "Nobody yet" } }
                ul #people hx-boost="true" hx-target="#rail" hx-select="#rail" hx-swap="outerHTML"
                    hx-select-oob="#foot-a" data-sets="as" {
                    @for (n, person) in (1..).zip(&self.people) {
                        li {
                            a.item href=(self.place.but(|place| place.speaker = Some(person.id)))
                                id={ "as-" (person.id) } data-as=(person.id)
                                aria-current=[(self.place.speaker == Some(person.id)).then_some("true")] {
                                (avatar(person.id, &person.name(), false, true))
                                bdi.cut { (person.name()) }
                                @if n <= 9 { kbd aria-hidden="true" { (n) } }
                            }
                        }
                    }
                }
            }
        }
    }

    fn new_person(&self) -> Markup {
        html! {
            details.pop {
                summary.btn.bare.icon aria-label="New person" title="New person" { (icon("plus")) }
                form.card.form action="/people" method="post" {
                    (token(self.ask))
                    input type="hidden" name="back" value=(self.place.href());
                    p { label.label for="first" { "First name" } span.field { input #first name="first" required maxlength="100" autocomplete="off"; } }
                    p { label.label for="last" { "Last name" } span.field { input #last name="last" maxlength="100" autocomplete="off"; } }
                    button.btn.primary type="submit" { "Add" }
                }
            }
        }
    }

    fn new_thread(&self) -> Markup {
        html! {
            details.pop {
                summary.btn.bare.icon aria-label="New thread" title="New thread" { (icon("plus")) }
                form.card.form action="/threads" method="post" {
                    (token(self.ask))
                    input type="hidden" name="back" value=(self.place.href());
                    p { label.label for="thread-name" { "Name" } span.field { input #thread-name name="name" maxlength="100" autocomplete="off"; } }
                    fieldset {
                        legend.label { "Who takes part" }
                        @for person in &self.people {
                            label.pick {
                                input type="checkbox" name="user" value=(person.id) checked[self.place.speaker == Some(person.id)];
                                bdi { (person.name()) }
                            }
                        }
                    }
                    button.btn.primary type="submit" { "Create" }
                }
            }
        }
    }

    /// The threads; also what is told live.
    pub(super) fn threads(&self) -> Markup {
        html! {
            ul #threads hx-boost="true" hx-target="#chat-a" hx-select="#chat-a" hx-swap="outerHTML"
                hx-select-oob="#rail" data-sets="/ before view" {
                @for Entry { thread, unread } in &self.threads {
                    @let name = label(thread, self.place.speaker);
                    @let current = thread.id == self.place.thread;
                    li {
                        a.item.unread[*unread > 0 && !current] id={ "thread-" (thread.id) }
                            href=(self.place.but(|place| { place.thread = thread.id; place.before = None; place.view = View::Chat; }))
                            data-unread=(if current { 0 } else { *unread })
                            aria-current=[current.then_some("true")] {
                            bdi.cut { (name) }
                            @if *unread > 0 && !current { span.count { span.sr { "unread: " } (unread) } }
                        }
                    }
                }
            }
        }
    }

    /// The agents; also what is told live.
    pub(super) fn agents(&self) -> Markup {
        html! {
            ul #agents {
                @for Agent { agent, status } in &self.agents {
                    li {
                        a.item id={ "agent-" (agent.id) } href={ "/apps/" (agent.app) } {
                            (avatar(agent.id, agent.name.as_str(), true, true))
                            bdi.cut { (agent.name) }
                            (status.plain())
                        }
                    }
                }
            }
        }
    }
}

impl Render for Rail<'_> {
    fn render(&self) -> Markup {
        let whose = self
            .speaker
            .as_ref()
            .map_or_else(|| "Threads".to_owned(), |speaker| format!("{}’s threads", speaker.first_name));
        html! {
            nav.pane.rail #rail aria-label="People and threads" {
                (self.people())
                section aria-labelledby="h-th" {
                    h2 #h-th { bdi.cut { (whose) } @if !self.nobody() { (self.new_thread()) } }
                    @if self.threads.is_empty() { p.item.quiet { "None yet" } }
                    (self.threads())
                }
                section aria-labelledby="h-ag" {
                    h2 #h-ag {
                        "Agents"
                        a.btn.bare.icon href="/apps" aria-label="Add an agent" title="Add an agent" { (icon("plus")) }
                    }
                    @if self.agents.is_empty() { p.item.quiet { "None yet" } }
                    (self.agents())
                }
            }
        }
    }
}

/// All agents, and how they are.
fn agents(c: &Connection) -> Result<Vec<Agent>, ApiError> {
    let mut all = Vec::new();
    for agent in store::agents::list(c, AgentId::from_bytes([0; 12]), MOST)? {
        let status = health(c, &agent)?;
        all.push(Agent { agent, status });
    }
    Ok(all)
}

/// How the deliveries of an agent go.
pub(super) fn health(c: &Connection, agent: &domain::agent::Agent) -> Result<Status, ApiError> {
    let open = store::deliveries::open_of(c, agent.app, agent.id)?;
    let of = |state: State| open.iter().find(|(of, _)| *of == state).map_or(0, |(_, count)| *count);
    let (retrying, waiting) = (of(State::Retrying), of(State::Waiting));
    let is_off = store::apps::get(c, agent.app)?.is_some_and(|app| app.disabled.is_some());
    Ok(if agent.paused {
        let waits = waiting + retrying;
        Status::new(Tone::Mute, "pause", if waits > 0 { format!("paused, {waits}") } else { "paused".to_owned() })
    } else if is_off && waiting + retrying > 0 {
        Status::new(Tone::Warn, "pause", "endpoint off")
    } else if retrying > 0 {
        Status::new(Tone::Warn, "retry", format!("{retrying} retrying"))
    } else if waiting > 0 {
        Status::new(Tone::Mute, "clock", format!("{waiting} waiting"))
    } else {
        Status::ok("healthy")
    })
}

/// The name of a thread: its own, or that of the others in it.
pub(super) fn label(thread: &Listed, viewer: Option<UserId>) -> String {
    if let Some(name) = &thread.name {
        return name.clone();
    }
    let others = thread.people.iter().filter(|one| Some(one.id) != viewer);
    let names: Vec<&str> =
        others.map(|one| if thread.personal { one.name.as_str() } else { first(&one.name) }).collect();
    match names.len() {
        0 => "Nobody else".to_owned(),
        1..=4 => names.join(", "),
        more => format!(
            "{}, {}",
            names[..3].join(", "),
            number(u32::try_from(more - 3).unwrap_or(u32::MAX), "other", "others")
        ),
    }
}
