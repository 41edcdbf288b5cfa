//! What was said and what went over the wire, found by words; and whom or what one can go to by name.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Range,
    sync::Arc,
};

use axum::extract::State;
use jiff::Timestamp;
use maud::{Markup, html};
use mewe_protocol::{Id, MessageId, ThreadId, UserId, mention, message::ChatMessage};
use rusqlite::Connection;
use url::form_urlencoded;

use super::{
    answer::{Shown, html_response},
    ask::Ask,
    banner::Banner,
    chat,
    filter::Filter,
    frame::{Frame, Tab},
    part::{avatar, icon},
    place::Place,
    rail, row,
    time::{Times, span},
    wire,
};
use crate::{
    Shared,
    error::ApiError,
    request::Params,
    store::{
        self,
        wire::{Row, Sought, What},
    },
};

/// Hits on a page.
const PAGE: usize = 40;
/// Names of each kind that one can go to.
const NAMES: usize = 6;
/// Characters that are looked for; what is typed beyond them is not.
const LONGEST: usize = 200;
/// Characters of a text that are shown, and how many of them before what was found.
const SHOWN: usize = 240;
const LEAD: usize = 48;
/// Deliveries of a message that are shown beside it.
const WAYS: usize = 8;

/// `GET /search?q=&m=&w=`: what fits `q`; on a later page, of messages before `m` and rows before `w`.
pub(super) async fn search(State(shared): State<Arc<Shared>>, ask: Ask, params: Params) -> Shown {
    let query: String = params.query("q").unwrap_or_default().trim().chars().take(LONGEST).collect();
    let before =
        Before { message: params.query_id("m")?, row: params.query("w").map(str::parse).transpose().unwrap_or(None) };
    let now = shared.seams.clock.now();
    let page = shared.read(move |c| {
        let times = Times::new(now);
        let found = match Needle::new(&query) {
            Some(needle) => Some(Found::look(c, needle, &query, before)?),
            None => None,
        };
        let frame = Frame {
            ask: &ask,
            title: "Search",
            has_heading: true,
            tab: Tab::None,
            class: "app paged",
            place: None,
            after: None,
            banner: Banner::look(c, &ask, None)?,
            retrying: wire::Counts::look(c, &Filter::default())?.retrying,
            searched: &query,
        };
        Ok(html_response(frame.around(&html! {
            main.page #main { div.wrap.slim {
                div.title-row { h1 { "Search" } }
                (field(&query))
                @match &found {
                    Some(found) => (found.render(&query, before, &times)),
                    None => (what_can_be_searched()),
                }
            } }
        })))
    });
    page.await
}

fn field(query: &str) -> Markup {
    html! {
        form.search-here role="search" aria-label="On this page" action="/search" method="get" {
            span.field { (icon("search")) input #search-here type="search" name="q" value=(query) maxlength=(LONGEST) autofocus[query.is_empty()] aria-label="Words to look for" autocomplete="off"; }
            button.btn type="submit" { "Search" }
        }
    }
}

fn what_can_be_searched() -> Markup {
    html! {
        section.card aria-labelledby="h-what" {
            header { h2 #h-what { "What can be found" } }
            div.in { dl.side-dl {
                dt { "Messages" } dd { "by words of their text, as one reads it" }
                dt { "Deliveries" } dd { "with their message; by event, by why they failed" }
                dt { "API calls" } dd { "that were refused: by why, by words of what they came with" }
                dt { "Go to" } dd { "people, threads, agents and applications, by name" }
                dt { "Ids" } dd { "of a message, thread, person, agent or application: all 24 digits" }
            } }
        }
    }
}

/// Where a page of hits goes on.
#[derive(Debug, Clone, Copy)]
struct Before {
    message: Option<MessageId>,
    row: Option<i64>,
}

/// What is looked for, whatever the case of its letters.
struct Needle(String);

impl Needle {
    /// None if there is nothing in it.
    fn new(query: &str) -> Option<Self> {
        // One types `@MuadDib` for whom a text calls MuadDib.
        let words = query.trim().trim_start_matches('@');
        (!words.is_empty()).then(|| Self(fold(words)))
    }

    fn is_in(&self, text: &str) -> bool {
        fold(text).contains(&self.0)
    }

    /// Where it is in `text`, for the first time.
    fn find(&self, text: &str) -> Option<Range<usize>> {
        let at = fold(text).find(&self.0)?;
        let (mut folded, mut start) = (0, None);
        for (n, c) in text.char_indices() {
            folded += c.to_lowercase().map(char::len_utf8).sum::<usize>();
            // What begins within a letter begins with it.
            if folded > at {
                start.get_or_insert(n);
            }
            if folded >= at + self.0.len() {
                return start.map(|start| start..n + c.len_utf8());
            }
        }
        None
    }

    /// `text` with what was found in it marked.
    fn marked(&self, text: &str) -> Markup {
        let (mut rest, mut pieces) = (text, Vec::new());
        while let Some(found) = self.find(rest) {
            pieces.push((&rest[..found.start], &rest[found.clone()]));
            rest = &rest[found.end..];
        }
        html! { @for (before, found) in pieces { (before) mark { (found) } } (rest) }
    }

    /// A line of `text`, with what was found in it.
    fn excerpt(&self, text: &str) -> Markup {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = self.find(&line).map_or(0, |found| line[..found.start].chars().count());
        let skipped = found.saturating_sub(LEAD);
        let shown: String = line.chars().skip(skipped).take(SHOWN).collect();
        let more = line.chars().count() > skipped + SHOWN;
        html! { @if skipped > 0 { "…" } (self.marked(&shown)) @if more { "…" } }
    }
}

fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// What was found.
struct Found {
    needle: Needle,
    links: Vec<Link>,
    hits: Vec<Hit>,
    /// Where the next page goes on, if there is one.
    next: Option<Before>,
}

/// Somebody or something to go to.
struct Link {
    href: Option<String>,
    picture: Markup,
    name: String,
    kind: String,
}

/// A message, or a row of the wire.
struct Hit {
    at: Timestamp,
    href: String,
    of: Of,
}

enum Of {
    /// A message, what its thread is called, and what became of its deliveries.
    Message(ChatMessage, String, Vec<Row>),
    Row(Box<Row>),
}

impl Found {
    fn look(c: &Connection, needle: Needle, query: &str, before: Before) -> Result<Self, ApiError> {
        let is_first = before.message.is_none() && before.row.is_none();
        let links = if is_first { links(c, &needle, query)? } else { Vec::new() };
        let (hits, next) = hits(c, &needle, query, before)?;
        Ok(Self { needle, links, hits, next })
    }

    fn render(&self, query: &str, before: Before, times: &Times) -> Markup {
        let is_first = before.message.is_none() && before.row.is_none();
        let mut day = None;
        html! {
            @if !self.links.is_empty() {
                section.card aria-labelledby="h-goto" {
                    header { h2 #h-goto { "Go to" } }
                    ul.goto { @for link in &self.links { li { (self.link(link)) } } }
                }
            }
            @if !self.hits.is_empty() {
                section.card aria-labelledby="h-hits" {
                    header {
                        h2 #h-hits { "Messages and deliveries" }
                        span.quiet { "the newest first" }
                        @if !is_first { div.end { a.link href=(address(query, None)) { "To the newest" } } }
                    }
                    ol.hits {
                        @for hit in &self.hits {
                            @if day.replace(times.date(hit.at)) != Some(times.date(hit.at)) { li.day { (times.day(hit.at)) } }
                            li { (self.hit(hit, times)) (deliveries(hit, times)) }
                        }
                    }
                    @if let Some(next) = self.next {
                        p.in { a.btn #more href=(address(query, Some(next))) { (icon("down")) "Older hits" } }
                    }
                }
            } @else if self.links.is_empty() {
                p.nothing { "Nothing matches " code { bdi { (query) } } "." }
            } @else {
                p.nothing { "No message and no delivery matches " code { bdi { (query) } } "." }
            }
        }
    }

    fn link(&self, link: &Link) -> Markup {
        let content =
            html! { (link.picture) bdi.cut { (self.needle.marked(&link.name)) } span.quiet { bdi { (link.kind) } } };
        html! {
            @if let Some(href) = &link.href { a.item href=(href) { (content) } } @else { div.item { (content) } }
        }
    }

    fn hit(&self, hit: &Hit, times: &Times) -> Markup {
        html! {
            a.hit href=(hit.href) {
                (times.second(hit.at))
                @match &hit.of {
                    Of::Message(message, thread, _) => {
                        (icon("chat"))
                        span.what { b { bdi { (message.user_name) } } span.quiet { "in " bdi { (thread) } } }
                        span.said { bdi { (self.needle.excerpt(&mention::plain(&message.message_text))) } }
                    },
                    Of::Row(row) => {
                        @let is_delivery = matches!(row.what, What::Delivery { .. });
                        @let status = row::state_of(row, Some(times));
                        (icon(if is_delivery { "out" } else { "in" }))
                        span.what {
                            span.sr { @if is_delivery { "webhook: " } @else { "API call: " } }
                            code { (self.needle.marked(row::name(row))) }
                            @if !row.agent_name.is_empty() { span.quiet { @if is_delivery { "to " } @else { "by " } bdi { (row.agent_name) } } }
                            span class={ "st " (status.tone.class()) } { (icon(status.icon)) (status.words) }
                            @if let Some(took) = row.took { span.quiet.num { (span(took)) } }
                        }
                        @if let Some(words) = self.words(row) { span.said { bdi { (self.needle.excerpt(&words)) } } }
                    },
                }
            }
        }
    }

    /// What of a row to show: that in which something was found, else what it is about.
    fn words(&self, row: &Row) -> Option<String> {
        let words = row.words.as_deref().map(mention::plain);
        let mut all = [words, why(row).map(str::to_owned)].into_iter().flatten().peekable();
        let first = all.peek().cloned();
        all.find(|text| self.needle.is_in(text)).or(first)
    }
}

/// Why it was no success.
fn why(row: &Row) -> Option<&str> {
    match &row.what {
        What::Delivery { error, .. } => error.as_deref(),
        What::Call { cause, .. } => cause.as_deref(),
    }
}

/// What became of the deliveries of a message.
fn deliveries(hit: &Hit, times: &Times) -> Markup {
    let Of::Message(message, _, rows) = &hit.of else { return html! {} };
    let place = Place::new(message.thread_id, None);
    html! {
        @if !rows.is_empty() {
            p.ways {
                @for row in rows {
                    @let status = row::state_of(row, Some(times));
                    a href=(place.opening(row.id, None)) {
                        code { (row::name(row)) } " " bdi { (row.agent_name) } " "
                        span class={ "st " (status.tone.class()) } { (icon(status.icon)) (status.words) }
                    }
                }
            }
        }
    }
}

fn address(query: &str, before: Option<Before>) -> String {
    let mut fields = form_urlencoded::Serializer::new(String::new());
    fields.append_pair("q", query);
    if let Some(before) = before {
        if let Some(message) = before.message {
            fields.append_pair("m", &message.to_string());
        }
        if let Some(row) = before.row {
            fields.append_pair("w", &row.to_string());
        }
    }
    format!("/search?{}", fields.finish())
}

/// Messages and rows that fit, the newest first, and where the next page goes on.
fn hits(c: &Connection, needle: &Needle, query: &str, before: Before) -> Result<(Vec<Hit>, Option<Before>), ApiError> {
    let newest = MessageId::from_bytes([0xff; 12]);
    // Most texts mention nobody, and are read as they stand.
    let fits =
        |text: &str| if text.contains("{{u_") { needle.is_in(&mention::plain(text)) } else { needle.is_in(text) };
    let mut messages = Vec::new();
    for id in store::search::messages(c, before.message.unwrap_or(newest), PAGE + 1, fits)? {
        messages.extend(store::messages::get(c, id)?);
    }
    let rows = rows(c, needle, query, before.row)?;
    let (mut messages, mut rows) = (messages.into_iter().peekable(), rows.into_iter().peekable());
    let (mut hits, mut next, mut threads) = (Vec::with_capacity(PAGE), before, Threads::default());
    while hits.len() < PAGE {
        // A message is older than its own deliveries.
        let row_first = match (messages.peek(), rows.peek()) {
            (Some(message), Some(row)) => row.at >= message.created_at,
            (message, _) => message.is_none(),
        };
        if row_first {
            let Some(row) = rows.next() else { return Ok((hits, None)) };
            next.row = Some(row.id);
            hits.push(Hit { at: row.at, href: threads.href_of_row(c, &row)?, of: Of::Row(Box::new(row)) });
        } else if let Some(message) = messages.next() {
            next.message = Some(message.chat_message_id);
            let label = threads.label(c, message.thread_id)?;
            let mut rows = store::wire::of_message(c, message.chat_message_id)?;
            rows.truncate(WAYS);
            hits.push(Hit {
                at: message.created_at,
                href: chat::href(c, Place::new(message.thread_id, None), &message)?,
                of: Of::Message(message, label, rows),
            });
        }
    }
    let more = messages.peek().is_some() || rows.peek().is_some();
    Ok((hits, more.then_some(next)))
}

/// Rows that fit by more than the words of their message, which is found itself and shows its deliveries; the newest first.
fn rows(c: &Connection, needle: &Needle, query: &str, before: Option<i64>) -> Result<Vec<Row>, ApiError> {
    const BATCH: u32 = 200;
    let sought = Sought { text: Some(query.trim_start_matches('@').to_owned()), ..Sought::default() };
    let by_itself =
        |row: &Row| row.message.is_none() || needle.is_in(&row.name) || why(row).is_some_and(|why| needle.is_in(why));
    let (mut found, mut before) = (Vec::new(), before.unwrap_or(i64::MAX));
    loop {
        let batch = store::wire::page(c, &sought, before, BATCH)?;
        let Some(last) = batch.last() else { return Ok(found) };
        before = last.id;
        found.extend(batch.into_iter().filter(by_itself));
        if found.len() > PAGE {
            found.truncate(PAGE + 1);
            return Ok(found);
        }
    }
}

/// What threads are called, each looked up once.
#[derive(Default)]
struct Threads(BTreeMap<ThreadId, Option<String>>);

impl Threads {
    /// None if there is no such thread.
    fn known(&mut self, c: &Connection, thread: ThreadId) -> Result<Option<&String>, ApiError> {
        let label = match self.0.entry(thread) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                unknown.insert(store::threads::one(c, thread)?.map(|listed| rail::label(&listed, None)))
            }
        };
        Ok(label.as_ref())
    }

    fn label(&mut self, c: &Connection, thread: ThreadId) -> Result<String, ApiError> {
        Ok(self.known(c, thread)?.cloned().unwrap_or_default())
    }

    /// Where a row is shown: beside its thread, or that of its agent, or any; a test event is of a thread that is none.
    fn href_of_row(&mut self, c: &Connection, row: &Row) -> Result<String, ApiError> {
        let agent = row.agent.map(|agent| store::search::personal(c, agent)).transpose()?.flatten();
        for thread in [row.thread, agent].into_iter().flatten() {
            if self.known(c, thread)?.is_some() {
                return Ok(Place::new(thread, None).opening(row.id, None));
            }
        }
        let any = store::threads::latest(c)?.unwrap_or(ThreadId::from_bytes([0; 12]));
        Ok(Place::new(any, None).opening(row.id, None))
    }
}

/// Whom and what one can go to: by name, or by id.
fn links(c: &Connection, needle: &Needle, query: &str) -> Result<Vec<Link>, ApiError> {
    let id: Option<[u8; 12]> = query.parse::<UserId>().ok().map(|id| *id.as_bytes());
    let fits = |name: &str| needle.is_in(name);
    let mut links = Vec::new();
    for id in with(store::search::people(c, NAMES, fits)?, id) {
        links.extend(person(c, id)?);
    }
    for id in with(store::search::threads(c, NAMES, fits)?, id) {
        links.extend(store::threads::one(c, id)?.map(|listed| Link {
            href: Some(Place::new(id, None).href()),
            picture: icon("chat"),
            name: rail::label(&listed, None),
            kind: if listed.personal { "personal thread" } else { "thread" }.to_owned(),
        }));
    }
    for id in with(store::search::agents(c, NAMES, fits)?, id) {
        if let Some(agent) = store::agents::get(c, id)? {
            links.push(Link {
                href: Some(Place::new(agent.personal, Some(agent.owner)).href()),
                picture: avatar(agent.id, agent.name.as_str(), true, true),
                kind: format!("agent of {}", store::messages::name_of(c, agent.owner)?),
                name: agent.name.to_string(),
            });
        }
    }
    for id in with(store::search::apps(c, NAMES, fits)?, id) {
        links.extend(store::apps::get(c, id)?.map(|app| Link {
            href: Some(format!("/apps/{id}")),
            picture: icon("app"),
            name: app.name.to_string(),
            kind: "application".to_owned(),
        }));
    }
    if let Some(message) = id.map(MessageId::from_bytes).map(|id| store::messages::get(c, id)).transpose()?.flatten() {
        links.push(Link {
            href: Some(chat::href(c, Place::new(message.thread_id, None), &message)?),
            picture: icon("chat"),
            name: mention::plain(&message.message_text).chars().take(LONGEST).collect(),
            kind: "message".to_owned(),
        });
    }
    Ok(links)
}

/// What was found by name, and what may have this id.
fn with<K>(mut found: Vec<Id<K>>, id: Option<[u8; 12]>) -> Vec<Id<K>> {
    found.extend(id.map(Id::from_bytes));
    found
}

/// A person, and a thread in which one can speak as them, if they are in any.
fn person(c: &Connection, id: UserId) -> Result<Option<Link>, ApiError> {
    let Some(person) = store::users::get(c, id)? else { return Ok(None) };
    let thread = store::threads::of_user(c, id, 1)?.pop();
    Ok(Some(Link {
        href: thread.map(|thread| Place::new(thread.id, Some(id)).href()),
        picture: avatar(id, &person.name(), false, true),
        name: person.name(),
        kind: "person".to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(needle: &str, text: &str) -> Option<String> {
        Needle::new(needle).unwrap().find(text).map(|range| text[range].to_owned())
    }

    #[test]
    fn letters_are_found_in_either_case_and_marked_as_they_stand() {
        assert_eq!(found("ÞÓR", "til Þórs").as_deref(), Some("Þór"));
        assert_eq!(found("@muad", "Hey MuadDib").as_deref(), Some("Muad"));
        // One letter becomes two.
        assert_eq!(found("i\u{307}z", "İzmir").as_deref(), Some("İz"));
        assert_eq!(found("zmir", "İzmir").as_deref(), Some("zmir"));
        assert_eq!(found("\u{307}z", "İzmir").as_deref(), Some("İz"));
        assert_eq!(found("%", "100 % sure").as_deref(), Some("%"));
        assert_eq!(found("_", "no underscore"), None);
        assert!(Needle::new(" @ ").is_none());
    }

    #[test]
    fn what_is_marked_is_escaped_like_all_else() {
        let marked = Needle::new("<b>").unwrap().marked("a <b> & <B> c");
        assert_eq!(marked.into_string(), "a <mark>&lt;b&gt;</mark> &amp; <mark>&lt;B&gt;</mark> c");
    }

    #[test]
    fn a_long_text_is_shown_around_what_was_found() {
        let text = format!("{} kol {}", "a ".repeat(300), "b ".repeat(300));
        let shown = Needle::new("kol").unwrap().excerpt(&text).into_string();
        assert!(shown.starts_with("…a a") && shown.contains("<mark>kol</mark>") && shown.ends_with('…'), "{shown}");
        assert!(shown.chars().count() < SHOWN + 20);
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_typed_or_said_is_lost(needle in "\\PC{1,3}", text in "\\PC{0,30}") {
            if let Some(needle) = Needle::new(&needle) {
                let marked = needle.marked(&text).into_string().replace("<mark>", "").replace("</mark>", "");
                proptest::prop_assert_eq!(marked, html! { (text) }.into_string());
                proptest::prop_assert_eq!(needle.is_in(&text), needle.find(&text).is_some());
            }
        }
    }
}
