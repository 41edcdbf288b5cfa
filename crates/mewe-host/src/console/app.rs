//! One application: its settings, how its deliveries go, its agents, and what can be done with it.

use maud::{Markup, html};
use mewe_protocol::{AgentId, ApiKey, AppId, Payload, UserId};
use rusqlite::Connection;

use super::{
    apps::{environment, name_field, permission_fields, webhook_field},
    ask::{Ask, token},
    beside::beside,
    filter::Filter,
    frame::Tab,
    part::{Status, Tone, avatar, icon, number},
    place::Place,
    rail,
    time::{Times, span},
};
use crate::{
    change,
    change::apps::MAX_REDELIVERED,
    domain::{
        agent::Agent,
        application::{Application, TYPE},
    },
    error::ApiError,
    store::{self, health::Health},
};

/// The most people that an agent can be given to by choosing.
const MOST_PEOPLE: u32 = 200;

/// What a page of an application shows beside what it always shows.
#[derive(Default)]
pub(super) struct Extra<'a> {
    /// The key, this once.
    pub(super) key: Option<&'a ApiKey>,
    /// The agent that is about to be removed.
    pub(super) remove: Option<AgentId>,
    /// How many deliveries were just asked for once more.
    pub(super) redelivered: Option<u32>,
}

/// An agent of an application, and how it is.
pub(super) struct Mine {
    agent: Agent,
    owner: String,
    /// What has not ended for it, and what of that is being tried again.
    open: u32,
    retrying: u32,
}

pub(super) fn agents_of(c: &Connection, app: &Application) -> Result<Vec<Mine>, ApiError> {
    let mut all = Vec::new();
    for agent in store::agents::of_app(c, app.id)? {
        let open = store::deliveries::open_of(c, app.id, agent.id)?;
        let retrying = open.iter().find(|(state, _)| *state == store::deliveries::State::Retrying);
        let owner = store::messages::name_of(c, agent.owner)?;
        all.push(Mine {
            agent,
            owner,
            open: open.iter().map(|(_, count)| count).sum(),
            retrying: retrying.map_or(0, |(_, count)| *count),
        });
    }
    Ok(all)
}

/// How an application is, in a few words.
pub(super) fn state(app: &Application, agents: &[Mine]) -> Status {
    let with = |what: &dyn Fn(&Mine) -> bool| agents.iter().filter(|mine| what(mine)).count();
    let (paused, retrying) = (with(&|mine| mine.agent.paused), with(&|mine| mine.retrying > 0 && !mine.agent.paused));
    let of = |word: &str, count: usize| {
        if agents.len() == 1 { word.to_owned() } else { format!("{word} for {count} of {} agents", agents.len()) }
    };
    if app.disabled.is_some() {
        Status::new(Tone::Warn, "pause", "Endpoint off")
    } else if agents.is_empty() {
        Status::new(Tone::Mute, "info", "No agent yet")
    } else if retrying > 0 {
        Status::new(Tone::Warn, "retry", of("Retrying", retrying))
    } else if paused == agents.len() {
        Status::new(Tone::Mute, "pause", "Paused")
    } else if paused > 0 {
        Status::new(Tone::Mute, "pause", of("Paused", paused))
    } else {
        Status::ok("Healthy")
    }
}

/// The whole page.
pub(super) fn page(
    c: &Connection,
    ask: &Ask,
    app: AppId,
    times: &Times,
    extra: &Extra<'_>,
) -> Result<Markup, ApiError> {
    let app = change::find::app(c, app)?;
    let agents = agents_of(c, &app)?;
    let health = store::health::of_app(c, app.id, times.now())?;
    let remove = extra.remove.and_then(|id| agents.iter().find(|mine| mine.agent.id == id));
    let content = html! {
        main.page #main { div.wrap {
            p.crumb { a.link href="/apps" { "Applications" } }
            div.title-row {
                h1 { bdi { (app.name) } }
                (pill(&app, &agents))
                @if let Some(place) = place_of(&agents) {
                    div.end { a.btn href=(place.href()) { (icon("chat")) "Open in chat" } }
                }
            }
            (disabled(ask, &app, health.open()))
            @if let Some(count) = extra.redelivered { (redelivered(count)) }
            div.cols {
                div.stack {
                    @if let Some(key) = extra.key { (once(ask, &app, key)) }
                    @if let Some(mine) = remove { (removal(c, ask, &app, mine)?) }
                    (health_card(&health, &agents, times))
                    section.card aria-labelledby="h-agents" {
                        header { h2 #h-agents { "Agents" } span.quiet.num { (agents.len()) } }
                        (add(c, ask, &app, &agents)?)
                        (table(c, ask, &agents, times)?)
                    }
                }
                div.stack {
                    (settings(ask, &app, times))
                    (test_event(ask, &app, &agents))
                    (endpoint(ask, &app, &agents, &health))
                }
            }
        } }
    };
    beside(c, ask, app.name.as_str(), Tab::Apps, Some(store::live::newest(c)?), &content)
}

/// What changes of it.
pub(super) fn told(c: &Connection, ask: &Ask, app: AppId, times: &Times) -> Result<Markup, ApiError> {
    // Deleted meanwhile: what is shown of it stays until its page is asked for again.
    let Some(app) = store::apps::get(c, app)? else { return Ok(html! {}) };
    let agents = agents_of(c, &app)?;
    let health = store::health::of_app(c, app.id, times.now())?;
    Ok(html! {
        (pill(&app, &agents))
        (health_card(&health, &agents, times))
        (table(c, ask, &agents, times)?)
        (effect(&agents, &health))
    })
}

fn pill(app: &Application, agents: &[Mine]) -> Markup {
    html! { span #app-state .quiet { (state(app, agents).pill()) } }
}

/// Where one talks with the first of the agents.
fn place_of(agents: &[Mine]) -> Option<Place> {
    agents.first().map(|mine| Place::new(mine.agent.personal, Some(mine.agent.owner)))
}

fn disabled(ask: &Ask, app: &Application, open: u32) -> Markup {
    let Some(why) = &app.disabled else { return html! {} };
    html! {
        section.say.warn.top-say aria-label="The endpoint is off" {
            (icon("pause"))
            div {
                p {
                    "Nothing is delivered: " (why) ". "
                    @if open > 0 { (number(open, "delivery waits", "deliveries wait")) "; nothing is lost. " }
                    "Set the webhook URL again to go on."
                }
                form.inline-form action={ "/apps/" (app.id) } method="post" {
                    (token(ask))
                    input type="hidden" name="again" value="1";
                    label.sr for="again" { "Webhook URL" }
                    span.field { input.mono #again type="url" name="webhook" value=(app.webhook_url) required maxlength="2048" autocomplete="off"; }
                    button.btn type="submit" { "Set and go on" }
                }
            }
        }
    }
}

fn redelivered(count: u32) -> Markup {
    html! {
        div.say.top-say role="status" {
            (icon("retry"))
            div {
                @match count {
                    0 => "0 deliveries had ended since then: nothing is sent once more.",
                    1 => "1 delivery is sent once more, as a new attempt in its own row.",
                    MAX_REDELIVERED => "The oldest 10,000 deliveries are sent once more; ask again from a later time for the rest.",
                    more => { (more) " deliveries are sent once more, each as a new attempt in its own row." }
                }
            }
        }
    }
}

fn once(ask: &Ask, app: &Application, key: &ApiKey) -> Markup {
    html! {
        section.card.once aria-labelledby="h-key" {
            header { (icon("key")) h2 #h-key { "The API key, shown this once" } }
            div.in.stack {
                div.secret {
                    code #key { (key.expose()) }
                    button.btn.primary.copy type="button" data-copy="#key" { (icon("copy")) "Copy key" }
                }
                p { "Keep it where your agent reads its secrets. The host stores it to verify signatures, and no page will show it again: who loses it registers another application." }
                div {
                    p.label { "For " code { "mewe-agent run" } ", or any agent" }
                    (environment(ask, app.id, Some(key)))
                }
                div { a.btn href={ "/apps/" (app.id) } { "I have saved it" } }
            }
        }
    }
}

fn removal(c: &Connection, ask: &Ask, app: &Application, mine: &Mine) -> Result<Markup, ApiError> {
    let threads = store::health::threads(c, mine.agent.id)?;
    Ok(html! {
        section.card.danger #remove aria-labelledby="h-remove" {
            header { h2 #h-remove { "Remove " bdi { (mine.agent.name) } " from " bdi { (mine.owner) } } }
            div.in.stack {
                p {
                    "Takes it out of " (number(threads, "thread", "threads")) ", and tells the application. What it wrote stays"
                    @if mine.open > 0 { "; " (number(mine.open, "delivery that waits is", "deliveries that wait are")) " still delivered" }
                    ". This cannot be taken back."
                }
                form.acts action={ "/agents/" (mine.agent.id) "/remove" } method="post" {
                    (token(ask))
                    button.btn.danger type="submit" { span { "Remove " bdi { (mine.agent.name) } } }
                    a.btn href={ "/apps/" (app.id) } { "Cancel" }
                }
            }
        }
    })
}

/// How the deliveries go; also what is told live.
fn health_card(health: &Health, agents: &[Mine], times: &Times) -> Markup {
    let link = place_of(agents).map(|mut place| {
        place.filter = Filter::parse("state:retrying");
        place.view = super::place::View::Wire;
        place.href()
    });
    html! {
        section.card #health aria-labelledby="h-health" {
            header {
                h2 #h-health { "Delivery health" }
                span.quiet { "last 60 minutes" @if !health.whole { ", the newest 10,000 attempts" } }
                @if let Some(link) = link.filter(|_| health.retrying > 0) {
                    div.end { a.link #to-retrying href=(link) { (health.retrying) " retrying" } }
                }
            }
            dl.facts {
                div { dt { "Delivered" } dd { (health.delivered) " " small { "of " (health.attempted) } } }
                div {
                    dt { "Answer time, p50 · p95" }
                    dd { @match health.took { Some((half, most)) => { (unit(half)) " " small { "·" } " " (unit(most)) }, None => { "– " small { "no answer yet" } } } }
                }
                div {
                    dt { "Last success" }
                    dd { @match health.last { Some(at) => { (times.minute(at)) " " small { (times.ago(at)) } }, None => { "– " small { "none yet" } } } }
                }
                div {
                    dt { "Waiting" }
                    dd { (health.open()) " " small { @if health.retrying > 0 { (health.retrying) " retrying" } @else if health.open() == 0 { "nothing waits" } } }
                }
            }
            (chart(health, times))
        }
    }
}

/// `38 ms`, the number larger.
fn unit(milliseconds: i64) -> Markup {
    let said = span(milliseconds);
    let (number, unit) = said.split_once(' ').unwrap_or((&said, ""));
    html! { (number) " " small { (unit) } }
}

/// The attempts of each minute as bars: the failed ones below, the others on top of them.
fn chart(health: &Health, times: &Times) -> Markup {
    /// Tenths of a unit from the top to the ground, and the height of the tallest bar.
    const GROUND: u32 = 520;
    const TALLEST: u32 = 480;
    let most = health.minutes.iter().map(|minute| minute.taken + minute.failed).max().unwrap_or(0);
    let failed: u32 = health.minutes.iter().map(|minute| minute.failed).sum();
    // One attempt alone is no tower; and whatever there was is to be seen.
    let tall = |count: u32| if count == 0 { 0 } else { (count * TALLEST / most.max(8)).max(30) };
    let bar = |class: &str, minute: u32, from: u32, tall: u32| {
        html! {
            @if tall > 0 {
                rect class=(class) x=(minute * 10 + 1) y=(tenths(GROUND.saturating_sub(from + tall))) width="8" height=(tenths(tall)) rx="1" {}
            }
        }
    };
    let words = if health.attempted == 0 {
        "Nothing was attempted in the last 60 minutes".to_owned()
    } else {
        format!("Attempts a minute in the last 60 minutes: at most {most}; {failed} failed")
    };
    html! {
        figure.chart {
            svg viewBox="0 0 600 56" preserveAspectRatio="none" role="img" aria-label=(words) {
                rect.bar-none x="0" y="52.5" width="600" height="0.5" {}
                @for (n, minute) in (0u32..).zip(&health.minutes) {
                    (bar("bar-bad", n, 0, tall(minute.failed)))
                    (bar("bar-ok", n, tall(minute.failed), tall(minute.taken)))
                }
            }
            figcaption {
                span { (times.minute(health.from)) }
                span {
                    @if health.attempted == 0 { "nothing was attempted" } @else { "attempts a minute; " span class=(if failed > 0 { "st bad" } else { "st mute" }) { "failed: " (failed) } }
                }
                span { (times.minute(times.now())) }
            }
        }
    }
}

fn tenths(number: u32) -> String {
    format!("{}.{}", number / 10, number % 10)
}

/// The agents; also what is told live.
fn table(c: &Connection, ask: &Ask, agents: &[Mine], times: &Times) -> Result<Markup, ApiError> {
    let mut rows = Vec::with_capacity(agents.len());
    for mine in agents {
        let id = mine.agent.id;
        rows.push((
            mine,
            rail::health(c, &mine.agent)?,
            store::health::threads(c, id)?,
            store::health::last_call(c, id)?,
        ));
    }
    Ok(html! {
        div.xscroll #app-agents tabindex="0" role="group" aria-label="Agents of this application" {
            @if !rows.is_empty() {
                table.tbl {
                    thead { tr {
                        th scope="col" { "Agent" }
                        th scope="col" { "Owner" }
                        th scope="col" .opt { "Threads" }
                        th scope="col" { "Deliveries" }
                        th scope="col" .opt { "Last heard from" }
                        th scope="col" .end { span.sr { "Actions" } }
                    } }
                    tbody {
                        @for (mine, health, threads, heard) in &rows {
                            tr {
                                th scope="row" {
                                    a.who-cell id={ "chat-" (mine.agent.id) } href=(Place::new(mine.agent.personal, Some(mine.agent.owner)).href()) {
                                        (avatar(mine.agent.id, mine.agent.name.as_str(), true, true))
                                        bdi.cut { (mine.agent.name) }
                                    }
                                }
                                td { bdi.cut { (mine.owner) } }
                                td.opt.num { (threads) }
                                td { (health.plain()) }
                                td.opt.quiet { @match heard { Some(at) => (times.words(*at)), None => "not yet" } }
                                td.end { (actions(ask, mine)) }
                            }
                        }
                    }
                }
            }
        }
    })
}

fn actions(ask: &Ask, mine: &Mine) -> Markup {
    let Agent { id, app, name, paused, .. } = &mine.agent;
    let (verb, glyph, words) = if *paused {
        ("resume", "send", format!("Resume deliveries to {name}"))
    } else {
        ("pause", "pause", format!("Pause deliveries to {name}"))
    };
    html! {
        form.row-acts action={ "/agents/" (id) "/" (verb) } method="post" {
            (token(ask))
            input type="hidden" name="back" value={ "/apps/" (app) };
            button.btn.bare.icon id={ "pause-" (id) } type="submit" aria-label=(words) title=(words) { (icon(glyph)) }
            a.btn.bare.icon id={ "remove-" (id) } href={ "/apps/" (app) "?remove=" (id) "#remove" } aria-label={ "Remove " (name) "…" } title={ "Remove " (name) "…" } { (icon("x")) }
        }
    }
}

/// The form that gives an owner an agent.
fn add(c: &Connection, ask: &Ask, app: &Application, agents: &[Mine]) -> Result<Markup, ApiError> {
    let people = store::users::list(c, UserId::from_bytes([0; 12]), MOST_PEOPLE)?;
    let free = people.iter().filter(|person| !agents.iter().any(|mine| mine.agent.owner == person.id));
    Ok(html! {
        details.fold open[agents.is_empty()] {
            summary.btn { (icon("plus")) "Add to an owner" }
            form.in.form action={ "/apps/" (app.id) "/agents" } method="post" {
                (token(ask))
                @if agents.is_empty() { p.quiet { "Each owner has an agent of their own, under a name of their own: it sits in a thread with them from the start, and they take it along into others." } }
                div {
                    label.label for="owner" { "Owner" }
                    span.field {
                        select #owner name="owner" {
                            @for person in free { option value=(person.id) { (person.name()) } }
                            option value="" { "Somebody new" }
                        }
                    }
                }
                div.pair.if-new {
                    div { label.label for="owner-first" { "First name" } span.field { input #owner-first name="first" maxlength="100" autocomplete="off"; } }
                    div { label.label for="owner-last" { "Last name" } span.field { input #owner-last name="last" maxlength="100" autocomplete="off"; } }
                }
                (name_field("The agent’s name", "name", "agent-name", app.name.as_str()))
                button.btn.primary type="submit" { "Add" }
            }
        }
    })
}

fn settings(ask: &Ask, app: &Application, times: &Times) -> Markup {
    html! {
        section.card aria-labelledby="h-settings" {
            header { h2 #h-settings { "Settings" } }
            details.fold {
                summary.btn { "Edit" }
                form.in.form action={ "/apps/" (app.id) } method="post" {
                    (token(ask))
                    input type="hidden" name="permissions" value="given";
                    (name_field("Name", "name", "edit-name", app.name.as_str()))
                    (webhook_field("edit-webhook", app.webhook_url.as_str()))
                    (permission_fields(|permission| app.permissions.holds(permission)))
                    button.btn.primary type="submit" { "Save" }
                }
            }
            div.in {
                dl.side-dl {
                    dt { "App id" } dd { code { (app.id) } }
                    dt { "Type" } dd { code { (TYPE) } }
                    dt { "Permissions" }
                    dd { @if app.permissions.names().is_empty() { "none" } @for name in app.permissions.names() { code { bdi { (name) } } " " } }
                    dt { "Webhook URL" } dd { code { (app.webhook_url) } }
                    dt { "Payload reading" } dd { code { (ask.rules.reading) } }
                    dt { "Registered" } dd { (times.words(app.created)) }
                }
            }
        }
    }
}

fn test_event(ask: &Ask, app: &Application, agents: &[Mine]) -> Markup {
    html! {
        section.card aria-labelledby="h-test" {
            header { h2 #h-test { "Test event" } }
            @if agents.is_empty() {
                div.in { p.quiet { "An event is for an agent. Add one to an owner first." } }
            } @else {
                form.in.form action={ "/apps/" (app.id) "/test" } method="post" {
                    (token(ask))
                    @if let [only] = agents {
                        input type="hidden" name="agent" value=(only.agent.id);
                    } @else {
                        div {
                            label.label for="test-agent" { "Agent" }
                            span.field { select #test-agent name="agent" {
                                @for mine in agents { option value=(mine.agent.id) { (mine.agent.name) ", of " (mine.owner) } }
                            } }
                        }
                    }
                    div {
                        label.label for="test-event" { "Event" @if let [only] = agents { ", to " bdi { (only.agent.name) } } }
                        span.field { select #test-event name="event" {
                            @for name in Payload::NAMES { option value=(name) selected[name == "personal_chat_mention"] { (name) } }
                        } }
                    }
                    button.btn type="submit" { (icon("send")) "Send, signed" }
                }
            }
        }
    }
}

fn endpoint(ask: &Ask, app: &Application, agents: &[Mine], health: &Health) -> Markup {
    let act = |verb: &str| format!("/apps/{}/{verb}", app.id);
    let paused = agents.iter().filter(|mine| mine.agent.paused).count();
    html! {
        section.card aria-labelledby="h-end" {
            header { h2 #h-end { "Endpoint" } }
            @if paused < agents.len() {
                form.row-act action=(act("pause")) method="post" {
                    (token(ask))
                    div { h3 { "Pause deliveries" } p { "They wait; nothing is lost" } }
                    button.btn type="submit" { "Pause" @if paused > 0 { " all" } }
                }
            }
            @if paused > 0 {
                form.row-act action=(act("resume")) method="post" {
                    (token(ask))
                    div { h3 { "Resume deliveries" } p { "What waits goes out at once, in its order" } }
                    button.btn type="submit" { "Resume" @if paused < agents.len() { " all" } }
                }
            }
            (redeliver(ask, app))
            details.fold-row {
                summary.row-act {
                    div { h3 { "Delete the application" } (effect(agents, health)) }
                    span.btn.danger aria-hidden="true" { "Delete…" }
                }
                form.in.stack action=(act("delete")) method="post" {
                    (token(ask))
                    p {
                        @if !agents.is_empty() {
                            "Whoever is in a thread with one of its agents hears that it left. "
                        }
                        "What was said stays. The key is good for nothing from then on. This cannot be taken back."
                    }
                    div { button.btn.danger type="submit" { span { "Delete " bdi { (app.name) } } } }
                }
            }
        }
    }
}

/// What deleting does, in numbers; also what is told live.
fn effect(agents: &[Mine], health: &Health) -> Markup {
    let agents = u32::try_from(agents.len()).unwrap_or(u32::MAX);
    let unregisters = (agents > 0).then(|| format!("nregisters {}", number(agents, "agent", "agents")));
    let cancels = (health.open() > 0).then(|| format!("ancels {}", number(health.open(), "delivery", "deliveries")));
    html! {
        p #deletes {
            @match (unregisters, cancels) {
                (Some(unregisters), Some(cancels)) => { "U" (unregisters) ", c" (cancels) },
                (Some(unregisters), None) => { "U" (unregisters) "; no delivery waits" },
                (None, Some(cancels)) => { "C" (cancels) },
                (None, None) => "It has no agents, and no delivery waits",
            }
        }
    }
}

fn redeliver(ask: &Ask, app: &Application) -> Markup {
    html! {
        details.fold-row {
            summary.row-act {
                div { h3 { "Redeliver" } p { "All that ended since a time" } }
                span.btn aria-hidden="true" { "Choose…" }
            }
            form.in.form action={ "/apps/" (app.id) "/redeliver" } method="post" {
                (token(ask))
                div {
                    label.label for="since" { "Promised" }
                    span.field { select #since name="since" {
                        option value="hour" { "in the last hour" }
                        option value="day" { "in the last 24 hours" }
                        option value="all" { "at any time" }
                    } }
                }
                div {
                    label.label for="since-at" { "Or since, by this host’s clock" }
                    span.field { input #since-at type="datetime-local" name="at"; }
                }
                button.btn type="submit" { (icon("retry")) "Redeliver" }
            }
        }
    }
}
