//! The wire: every delivery and every call in one list, time running down as in the chat.

use maud::{Markup, Render, html};
use rusqlite::Connection;

use super::{
    ask::Ask,
    filter::{self, Filter},
    part::{Status, Tone, icon, jump},
    place::{Place, Side},
    row,
    sheet::Sheet,
    time::{Times, span},
    trouble::Switches,
};
use crate::{
    error::ApiError,
    store::{
        self,
        wire::{Row, What},
    },
};

/// Rows on a page.
pub(super) const PAGE: u32 = 80;
/// Up to so many rows are counted.
const MOST: u32 = 10_000;

/// The pane beside the chat.
pub(super) struct Pane<'a> {
    place: &'a Place,
    times: &'a Times,
    inner: Inner<'a>,
    /// How many troubles are on.
    on: usize,
}

enum Inner<'a> {
    Wire { rows: Vec<Row>, older: Option<i64>, counts: Counts, sheet: Option<Box<Sheet<'a>>>, tied: Option<Box<Row>> },
    Trouble(Box<Switches<'a>>),
}

/// How many rows there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    fitting: u32,
    pub(super) retrying: u32,
    refused: u32,
}

impl Counts {
    pub(super) fn look(c: &Connection, filter: &Filter) -> Result<Self, ApiError> {
        let fitting = store::wire::count(c, filter.sought(), MOST + 1)?;
        let (retrying, refused) = store::wire::unwell(c, MOST + 1)?;
        Ok(Self { fitting, retrying, refused })
    }
}

impl<'a> Pane<'a> {
    pub(super) fn look(c: &Connection, ask: &'a Ask, place: &'a Place, times: &'a Times) -> Result<Self, ApiError> {
        let on = super::banner::Banner::look(c, ask, None)?.count();
        let inner = match place.side {
            Side::Trouble => Inner::Trouble(Box::new(Switches::look(c, ask, place)?)),
            Side::Wire => {
                let (rows, older) = page(c, &place.filter, place.wire_before)?;
                let sheet = match place.open {
                    Some((row, attempt)) => Sheet::look(c, ask, place, row, attempt, times)?.map(Box::new),
                    None => None,
                };
                let tied = place.open.map(|(row, _)| store::wire::get(c, row)).transpose()?.flatten();
                Inner::Wire { rows, older, counts: Counts::look(c, &place.filter)?, sheet, tied: tied.map(Box::new) }
            }
        };
        Ok(Self { place, times, inner, on })
    }
}

/// The newest rows before `before` that fit, oldest first, and before which row there are older ones.
pub(super) fn page(c: &Connection, filter: &Filter, before: Option<i64>) -> Result<(Vec<Row>, Option<i64>), ApiError> {
    let mut rows = store::wire::page(c, filter.sought(), before.unwrap_or(i64::MAX), PAGE + 1)?;
    let more = crate::paging::cut(&mut rows, PAGE);
    rows.reverse();
    let older = rows.first().filter(|_| more).map(|row| row.id);
    Ok((rows, older))
}

impl Render for Pane<'_> {
    fn render(&self) -> Markup {
        let side = |side: Side| self.place.but(|place| place.side = side);
        let current = |side: Side| (self.place.side == side).then_some("page");
        let label = if self.place.side == Side::Wire { "Wire" } else { "Trouble" };
        html! {
            section.pane.wire #wire aria-label=(label) {
                header.pane-head {
                    div.seg role="group" aria-label="Right pane" hx-boost="true" hx-target="#wire" hx-select="#wire"
                        hx-swap="outerHTML" data-sets="pane agent" {
                        a #to-wire href=(side(Side::Wire)) aria-current=[current(Side::Wire)] { "Wire" }
                        (to_trouble(self.place, self.on))
                    }
                    @if let Inner::Wire { counts, .. } = &self.inner {
                        (count(*counts, &self.place.filter))
                        button.btn.bare.icon.pause #pause type="button" aria-pressed="false" aria-label="Pause following"
                            title="Pause following" { (icon("pause")) }
                    }
                }
                @match &self.inner {
                    Inner::Trouble(switches) => (switches),
                    Inner::Wire { rows, older, counts, sheet, tied } => {
                        (tools(self.place, *counts))
                        (list(rows, *older, self.place, tied.as_deref(), self.times))
                        div #sheet { @if let Some(sheet) = sheet { (sheet) } }
                    }
                }
            }
        }
    }
}

/// Leads to the switches, of which so many are on; also what is told live.
pub(super) fn to_trouble(place: &Place, on: usize) -> Markup {
    html! {
        a #to-trouble href=(place.but(|place| place.side = Side::Trouble)) aria-current=[(place.side == Side::Trouble).then_some("page")] {
            "Trouble" @if on > 0 { " · " (on) " on" }
        }
    }
}

/// How many rows fit; also what is told live.
pub(super) fn count(counts: Counts, filter: &Filter) -> Markup {
    let said = match counts.fitting {
        0 => "nothing yet".to_owned(),
        more if more > MOST => "more than 10,000".to_owned(),
        1..=999 => counts.fitting.to_string(),
        more => format!("{},{:03}", more / 1000, more % 1000),
    };
    html! {
        span.end.quiet.num #count {
            @if filter.is_empty() { (said) } @else if counts.fitting == 0 { "none" } @else { (said) " fit" }
        }
    }
}

fn tools(place: &Place, counts: Counts) -> Markup {
    html! {
        form.wire-tools #filter role="search" aria-label="Filter the wire" action={ "/t/" (place.thread) } method="get"
            hx-get={ "/t/" (place.thread) } hx-target="#wire" hx-select="#wire" hx-swap="outerHTML" hx-push-url="true"
            data-sets="q wire attempt rows" {
            @if let Some(speaker) = place.speaker { input type="hidden" name="as" value=(speaker); }
            div.field {
                (icon("search"))
                @for (key, value, without) in place.filter.parts() {
                    span.tok {
                        input type="hidden" name="q" value=(filter::part(key, &value));
                        b { (key) } bdi { (value) }
                        a href=(place.but(|place| place.filter = without)) aria-label={ "Remove " (key) }
                            hx-boost="true" hx-target="#wire" hx-select="#wire" hx-swap="outerHTML" data-sets="q" { (icon("x")) }
                    }
                }
                input #q type="search" name="q" maxlength="200" autocomplete="off" value=(place.filter.text())
                    aria-label="Filter by agent, event, state or text" placeholder="agent:MuadDib state:retrying";
                @if place.filter.is_empty() { kbd { "F" } } @else { (clear(place)) }
            }
            (states(place, counts))
        }
    }
}

fn clear(place: &Place) -> Markup {
    html! {
        a.tok-clear #clear href=(place.but(|place| place.filter = Filter::default())) aria-label="Clear the filter (Escape)"
            title="Clear the filter (Escape)" hx-boost="true" hx-target="#wire" hx-select="#wire" hx-swap="outerHTML" data-sets="q" { (icon("x")) }
    }
}

/// The states that are most asked for; also what is told live.
pub(super) fn states(place: &Place, counts: Counts) -> Markup {
    let to = |state: Option<&str>| place.but(|place| place.filter = place.filter.with_state(state));
    let current = |state: Option<&str>| (place.filter.state() == state).then_some("true");
    html! {
        div.seg #states role="group" aria-label="State" hx-boost="true" hx-target="#wire" hx-select="#wire" hx-swap="outerHTML" data-sets="q" {
            a href=(to(None)) aria-current=[current(None)] { "All" }
            a href=(to(Some("retrying"))) aria-current=[current(Some("retrying"))] { "Retrying " (counts.retrying) }
            a href=(to(Some("refused"))) aria-current=[current(Some("refused"))] { "Refused " (counts.refused) }
        }
    }
}

fn list(rows: &[Row], older: Option<i64>, place: &Place, tied: Option<&Row>, times: &Times) -> Markup {
    html! {
        div.scroll.rows.end-first #list tabindex="0" role="group" aria-label="Deliveries and API calls" {
            // The first one stands at the bottom.
            @if place.wire_before.is_some() {
                p.older { a.btn.bare href=(place.but(|place| place.wire_before = None)) { "To the newest" } }
            }
            ol #rows data-cut=[place.wire_before.map(|_| "1")] hx-boost="true" hx-target="#sheet" hx-select="#sheet" hx-swap="outerHTML" data-sets="wire attempt view" {
                (sentinel(place, older))
                @for row in rows { (entry(row, place, tied, times)) }
            }
            @if rows.is_empty() { (nothing(place)) }
            (jump())
        }
    }
}

/// What stands where there are no rows.
fn nothing(place: &Place) -> Markup {
    html! {
        @if place.filter.is_empty() {
            (legend())
        } @else {
            p.nothing {
                "Nothing matches " code { (place.filter) } ". Clear the filter with the cross beside it, or with Esc."
            }
        }
    }
}

/// How to read the wire, where nothing is on it yet.
pub(super) fn legend() -> Markup {
    let line = |status: Status, words: &str| html! { dt { (status.plain()) } dd { (words) } };
    html! {
        div.legend {
            h2 { "Every webhook and API call will appear here" }
            p { "In the order in which they happened, the newest at the bottom, each tied to the message that caused it. Open one to see its signature taken apart." }
            dl {
                (line(Status::ok("200"), "The agent answered in time"))
                (line(Status::new(Tone::Warn, "retry", "retry 14:00:05"), "Failed, and will be tried again"))
                (line(Status::new(Tone::Bad, "bad", "given up"), "Three days of attempts; kept, and can be sent again by hand"))
                (line(Status::new(Tone::Bad, "stop", "401 replayed"), "The host refused a call; open it to see why"))
                (line(Status::new(Tone::Mute, "pause", "paused"), "Waits for you; nothing is lost"))
                (line(Status::new(Tone::Warn, "bolt", "trouble"), "Changed by one of your trouble switches"))
            }
        }
    }
}

/// Where older rows are to be had. Hidden where there are none: a list that is cut at its beginning has some again.
fn sentinel(place: &Place, before: Option<i64>) -> Markup {
    let hidden = before.is_none();
    let before = before.unwrap_or(0);
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("q", &place.filter.to_string()).finish();
    html! {
        li.older hidden[hidden] {
            a.btn.bare href=(place.but(|place| place.wire_before = Some(before)))
                hx-boost="false" hx-get={ "/wire/older?before=" (before) "&" (query) } hx-trigger="intersect once, click"
                hx-target="closest li" hx-swap="outerHTML" hx-select="unset" hx-push-url="false" { "Older" }
        }
    }
}

/// What was before, for a list that is read upwards.
pub(super) fn older(rows: &[Row], more: Option<i64>, place: &Place, times: &Times) -> Markup {
    html! {
        (sentinel(place, more))
        @for row in rows { (entry(row, place, None, times)) }
    }
}

/// A row; also what is told live.
pub(super) fn entry(row: &Row, place: &Place, tied: Option<&Row>, times: &Times) -> Markup {
    let is_open = place.open.is_some_and(|(id, _)| id == row.id);
    let is_tied = tied.is_some_and(|tied| tied.message.is_some() && tied.message == row.message);
    let is_delivery = matches!(row.what, What::Delivery { .. });
    html! {
        li data-key=(format!("{:012}", row.id)) {
            a.w.tied[is_tied] id={ "w-" (row.id) } href=(place.opening(row.id, None)) data-message=[row.message]
                aria-current=[is_open.then_some("true")] {
                (times.second(row.at))
                (icon(if is_delivery { "out" } else { "in" }))
                span.what {
                    span.sr { @if is_delivery { "webhook: " } @else { "API call: " } }
                    code { (row::name(row)) }
                    span.cut { (row::words(row)) }
                }
                bdi.who.cut { (row.agent_name) }
                (row::status(row, times))
                span.dur { @if let Some(took) = row.took { (span(took)) } }
            }
        }
    }
}
