//! The first steps: what is missing, what it waits for, and what comes next.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};
use mewe_protocol::{ApiKey, AppId, ThreadId, UserId};
use rusqlite::Connection;

use super::{
    answer::{self, Shown},
    app,
    apps::{self, environment, register},
    ask::{Ask, token},
    banner::Banner,
    filter::Filter,
    frame::{self, Frame, Tab},
    guard::Form,
    part::{Status, Tone, avatar, icon},
    place::{Place, View},
    rail::Rail,
    time::Times,
    wire,
};
use crate::{
    Shared, change,
    domain::{agent::Agent, application::Application, user::Person},
    error::ApiError,
    store::{self, health},
};

/// The most applications that are looked through for the newest one, and the most people that the rail shows.
const MOST: u32 = 100;

/// `GET /` while there is no agent.
pub(super) fn page(c: &Connection, ask: &Ask, _view: View, times: &Times) -> Result<Markup, ApiError> {
    page_with(c, ask, times, None)
}

/// The same, with the key of an application that was registered just now.
pub(super) fn page_with(
    c: &Connection,
    ask: &Ask,
    times: &Times,
    made: Option<(AppId, &ApiKey)>,
) -> Result<Markup, ApiError> {
    let steps = Steps::look(c, made)?;
    let webhook = steps.app.as_ref().map_or(apps::WEBHOOK, |app| app.webhook_url.as_str());
    let run = run(webhook);
    // Where there is a thread already, the rail leads there.
    let place = store::threads::list(c, ThreadId::from_bytes([0; 12]), 1)?.pop().map(|thread| {
        let speaker = thread.people.iter().find(|one| !one.is_agent).map(|one| one.id);
        Place::new(thread.id, speaker)
    });
    let rail = match &place {
        Some(place) => html! { (Rail::look(c, ask, place)?) },
        None => rail(ask, &store::users::list(c, UserId::from_bytes([0; 12]), MOST)?),
    };
    let counts = wire::Counts::look(c, &Filter::default())?;
    let frame = Frame {
        ask,
        title: "First steps",
        has_heading: false,
        tab: Tab::Chat,
        class: "app",
        place: None,
        after: Some(store::live::newest(c)?),
        banner: Banner::look(c, ask, None)?,
        retrying: counts.retrying,
        searched: "",
    };
    Ok(frame.around(&html! {
        (rail)
        main.pane.chat #main {
            div.scroll tabindex="0" role="group" aria-label="First steps" {
                div.first {
                    h2.big { "Your own messenger, on this machine" }
                    p { "Three steps from here to an agent that answers you." }
                    (steps.render(ask, times))
                    div.alt {
                        "No agent yet? The ready-made one starts with " code #run { (run) }
                        button.btn.bare.icon.copy type="button" data-copy="#run" aria-label="Copy the command" { (icon("copy")) }
                    }
                }
            }
        }
        section.pane.wire #wire aria-label="Wire" {
            header.pane-head {
                div.seg role="group" aria-label="Right pane" { a href="/?view=wire" aria-current="page" { "Wire" } }
                (wire::count(counts, &Filter::default()))
            }
            div.scroll tabindex="0" role="group" aria-label="How to read the wire" { (wire::legend()) }
        }
    }))
}

/// What changes of a page beside the chat, which has this address.
pub(super) fn told(c: &Connection, ask: &Ask, page: &str, times: &Times) -> Result<Markup, ApiError> {
    let path = page.split(['?', '#']).next().unwrap_or_default();
    // A form in what is told leads back to the page, not to where it was told.
    let ask = &Ask { address: page.to_owned(), ..ask.clone() };
    let counts = wire::Counts::look(c, &Filter::default())?;
    let changed = match path {
        "/" => Steps::look(c, None)?.render(ask, times),
        // The list; or, where something was registered just now, a page with its key, of which no other part may change.
        "/apps" => html! { (apps::told(c, page)?) (Steps::look(c, None)?.heard(times)) },
        path => {
            let app = path.strip_prefix("/apps/").and_then(|id| id.parse().ok());
            app.map_or_else(|| Ok(html! {}), |app| app::told(c, ask, app, times))?
        }
    };
    Ok(
        html! { (changed) (frame::dot(counts.retrying)) (wire::count(counts, &Filter::default())) (Banner::look(c, ask, None)?) },
    )
}

/// How far one has come.
struct Steps<'k> {
    /// The newest application.
    app: Option<Application>,
    key: Option<&'k ApiKey>,
    /// An agent of it, and its owner's name.
    agent: Option<(Agent, String)>,
    heard: Heard,
}

/// What is known of the agent's side.
enum Heard {
    /// It answered, or called.
    Yes(jiff::Timestamp, &'static str),
    /// The last attempt to reach it failed. Whether there will be another one.
    No(jiff::Timestamp, String, bool),
    Nothing,
}

impl<'k> Steps<'k> {
    fn look(c: &Connection, made: Option<(AppId, &'k ApiKey)>) -> Result<Self, ApiError> {
        let app = match made {
            Some((app, _)) => Some(change::find::app(c, app)?),
            None => newest(c)?,
        };
        let (mut agent, mut heard) = (None, Heard::Nothing);
        if let Some(app) = &app {
            let agents = store::agents::of_app(c, app.id)?;
            for agent in &agents {
                if let Some(at) = health::last_call(c, agent.id)? {
                    heard = Heard::Yes(at, "It called");
                }
            }
            if matches!(heard, Heard::Nothing) {
                heard = match health::last_attempt(c, app.id)? {
                    Some((at, None)) => Heard::Yes(at, "It answered"),
                    Some((at, Some(why))) => {
                        let open = agents.iter().map(|agent| store::deliveries::open_of(c, app.id, agent.id));
                        let open = open.collect::<Result<Vec<_>, _>>()?;
                        Heard::No(at, why, open.iter().any(|states| !states.is_empty()))
                    }
                    None => Heard::Nothing,
                };
            }
            if let Some(first) = agents.into_iter().next() {
                let owner = store::messages::name_of(c, first.owner)?;
                agent = Some((first, owner));
            }
        }
        Ok(Self { app, key: made.map(|(_, key)| key), agent, heard })
    }

    /// The three steps; also what is told live.
    fn render(&self, ask: &Ask, times: &Times) -> Markup {
        html! { div.steps #steps { (self.application(ask)) (self.environment(ask, times)) (self.chat(ask)) } }
    }

    fn application(&self, ask: &Ask) -> Markup {
        html! {
            @match &self.app {
                None => section.step.now {
                    h3 { "Register an application" }
                    div { (register(ask, true)) }
                },
                Some(app) => section.step.done {
                    h3 { "Application registered" }
                    div { p.quiet { bdi { (app.name) } ", webhook to " code { (short(app.webhook_url.as_str())) } } }
                },
            }
        }
    }

    fn environment(&self, ask: &Ask, times: &Times) -> Markup {
        let heard = matches!(self.heard, Heard::Yes(..));
        html! {
            @match &self.app {
                None => section.step {
                    h3 { "Start your agent" }
                    div { p { "With the id and the key of the application. They are shown here when it is registered." } }
                },
                Some(app) => section class=(if heard { "step done" } else { "step now" }) {
                    h3 { @if heard { "Agent started" } @else { "Start your agent with these" } }
                    div {
                        (environment(ask, app.id, self.key))
                        @if self.key.is_some() {
                            p.quiet { "The key is shown this once." }
                        } @else if !heard {
                            p.quiet {
                                "And with " code { "MEWE_API_KEY" } ", which was shown when it was registered. Lost? "
                                a.link href={ "/apps/" (app.id) } { "Delete the application" } " and register it again."
                            }
                        }
                        (self.heard(times))
                    }
                },
            }
        }
    }

    /// What is known of the agent's side; also what is told live.
    fn heard(&self, times: &Times) -> Markup {
        let Some(app) = &self.app else { return html! {} };
        let at = target(app.webhook_url.as_str());
        let status = match &self.heard {
            Heard::Yes(when, how) => Status::ok(format!("{how} at {}.", times.words(*when))),
            Heard::No(when, why, again) => {
                let then = if *again { " It is tried again." } else { "" };
                Status::new(Tone::Warn, "retry", format!("{}: {why}.{then}", times.words(*when)))
            }
            Heard::Nothing if self.agent.is_some() => {
                Status::new(Tone::Mute, "clock", format!("Nothing was sent to {at} yet."))
            }
            Heard::Nothing => Status::new(
                Tone::Mute,
                "clock",
                format!("Nothing was sent to {at} yet. The first webhook goes there with step 3."),
            ),
        };
        html! { p #heard { (status.plain()) } }
    }

    fn chat(&self, ask: &Ask) -> Markup {
        let ready = matches!(self.heard, Heard::Yes(..));
        html! {
            @match (&self.app, &self.agent) {
                (_, Some((agent, owner))) => section.step.done {
                    h3 { "In a chat" }
                    div { p {
                        bdi { (agent.name) } ", of " bdi { (owner) } ". "
                        a.link #to-chat href=(Place::new(agent.personal, Some(agent.owner)).href()) { "Open the chat" }
                    } }
                },
                (Some(app), None) => section class=(if ready { "step now" } else { "step" }) {
                    h3 { "Put it into a chat" }
                    div {
                        p { "Creates Pétur Jureksson and Sigrún Guðmundsdóttir, a thread for both, and adds your agent as MuadDib." }
                        form.acts action="/demo" method="post" {
                            (token(ask))
                            input type="hidden" name="app" value=(app.id);
                            button.btn #demo type="submit" { "Create demo people" }
                            a.btn #own-people href={ "/apps/" (app.id) "#owner" } { "Name my own" }
                        }
                    }
                },
                (None, None) => section.step {
                    h3 { "Put it into a chat" }
                    div { p { "With people whom you speak as: some that are made for you, or your own." } }
                },
            }
        }
    }
}

/// The application that was registered last.
fn newest(c: &Connection) -> Result<Option<Application>, ApiError> {
    let mut after = AppId::from_bytes([0; 12]);
    let mut newest = None;
    loop {
        let apps = store::apps::list(c, after, MOST)?;
        let Some(last) = apps.into_iter().next_back() else { return Ok(newest) };
        after = last.id;
        newest = Some(last);
    }
}

/// A URL without the part that goes without saying.
fn short(url: &str) -> &str {
    url.strip_prefix("http://").unwrap_or(url)
}

/// The `host:port` of a webhook URL.
fn target(url: &str) -> String {
    let parsed = url::Url::parse(url).ok();
    let authority = parsed.and_then(|url| {
        Some(match (url.host_str()?, url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        })
    });
    authority.unwrap_or_else(|| url.to_owned())
}

/// The command that starts the ready-made agent where this webhook URL leads.
fn run(webhook: &str) -> String {
    let target = target(webhook);
    if target.starts_with("127.0.0.1:") {
        format!("mewe-agent run --listen {target}")
    } else {
        "mewe-agent run".to_owned()
    }
}

/// The rail where there is no thread to be in.
fn rail(ask: &Ask, people: &[Person]) -> Markup {
    html! {
        aside.pane.rail #rail aria-label="People and threads" {
            section aria-labelledby="h-as" {
                h2 #h-as {
                    "Speaking as"
                    details.pop {
                        summary.btn.bare.icon aria-label="New person" title="New person" { (icon("plus")) }
                        form.card.form action="/people" method="post" {
                            (token(ask))
                            input type="hidden" name="back" value="/";
                            p { label.label for="first" { "First name" } span.field { input #first name="first" required maxlength="100" autocomplete="off"; } }
                            p { label.label for="last" { "Last name" } span.field { input #last name="last" maxlength="100" autocomplete="off"; } }
                            button.btn.primary type="submit" { "Add" }
                        }
                    }
                }
                @if people.is_empty() { p.item.quiet { "Nobody yet" } }
                ul {
                    @for person in people {
                        li { div.item { (avatar(person.id, &person.name(), false, true)) bdi.cut { (person.name()) } } }
                    }
                }
            }
            section aria-labelledby="h-th" { h2 #h-th { "Threads" } p.item.quiet { "None yet" } }
            section aria-labelledby="h-ag" { h2 #h-ag { "Agents" } p.item.quiet { "None yet" } }
        }
    }
}

/// `POST /demo`: people, a thread, and the agent in it.
pub(super) async fn demo(State(shared): State<Arc<Shared>>, form: Form) -> Shown {
    let app: AppId = form.id("app")?;
    let (thread, petur) = shared.change(move |change| change::demo::around(change, app)).await?;
    Ok(answer::to(&Place::new(thread, Some(petur)).href()))
}
