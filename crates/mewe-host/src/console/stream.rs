//! What happens, as fragments of the page that is open: the same functions that wrote it write what changes of it.
//!
//! One event is all that happened since the last one, each fragment with the id of what it replaces, or the list it belongs to.
//! Filters are decided here, so that list, count and stream agree.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{extract::State, http::HeaderMap};
use bytes::Bytes;
use jiff::Timestamp;
use maud::{Markup, html};
use mewe_protocol::{MessageId, ThreadId};
use mewe_runtime::clock::SharedClock;
use rusqlite::Connection;

use super::{
    answer::{Shown, written},
    ask::Ask,
    banner::Banner,
    chat::{self, Chat, Half, Said},
    frame,
    place::{Place, Side},
    rail::Rail,
    sheet::Sheet,
    time::Times,
    trouble,
    wire::{self, Counts},
};
use crate::{
    Shared,
    error::ApiError,
    live::{self, Look},
    request::Params,
    store::{self, live::Happened, wire::What},
};

/// Rows that are told at once.
const BATCH: u32 = 200;

/// `GET /live?page=&after=`: what happened on the page with this address.
pub(super) async fn stream(State(shared): State<Arc<Shared>>, ask: Ask, params: Params, headers: HeaderMap) -> Shown {
    let after = live::after(&params, &headers)?;
    let end = Box::pin(ask.visitor.ended());
    let page = params.query("page").unwrap_or("/").to_owned();
    // What it writes is of that page.
    let ask = Ask { address: page.clone(), ..ask };
    let watched =
        Watched { page, ask, clock: shared.seams.clock.clone(), rail: Mutex::default(), switches: Mutex::default() };
    let look: Look = Arc::new(move |c, after| watched.look(c, after));
    live::watch(shared, after, look, end).await
}

/// A page that somebody has open.
struct Watched {
    page: String,
    ask: Ask,
    clock: SharedClock,
    /// The rail as it was told last: it seldom changes.
    rail: Mutex<String>,
    switches: Mutex<trouble::Told>,
}

/// What happened, each thing once.
#[derive(Default)]
struct News {
    messages: Vec<MessageId>,
    deliveries: BTreeSet<i64>,
    calls: BTreeSet<i64>,
    threads: BTreeSet<ThreadId>,
    trouble: bool,
}

impl Watched {
    fn look(&self, c: &Connection, after: i64) -> Result<(i64, Vec<Bytes>), ApiError> {
        let rows = store::live::after(c, after, BATCH)?;
        let Some(last) = rows.last().map(|(id, _)| *id) else { return Ok((after, Vec::new())) };
        let mut news = News::default();
        for (_, happened) in rows {
            match happened {
                Happened::Message(message) => news.messages.push(message),
                Happened::Delivery(delivery) => _ = news.deliveries.insert(delivery),
                Happened::Call(call) => _ = news.calls.insert(call),
                Happened::Trouble(_) => news.trouble = true,
                Happened::Membership(membership) => _ = news.threads.insert(membership.thread_id),
            }
        }
        let told = self.told(c, &news, self.clock.now())?;
        Ok((last, vec![live::event(last, "news", &written(told))]))
    }

    /// What of the page changes.
    fn told(&self, c: &Connection, news: &News, now: Timestamp) -> Result<Markup, ApiError> {
        let times = Times::new(now);
        let Some(place) = Place::parse(&self.page) else {
            return super::first::told(c, &self.ask, &self.page, &times);
        };
        let rail = self.rail(c, &place)?;
        let chats = Half::ALL.into_iter().map(|half| chats(c, &self.ask, &place, half, news, &times));
        let chats = chats.collect::<Result<Vec<_>, _>>()?;
        let wire = match place.side {
            Side::Wire => self.wire(c, &place, news, &times)?,
            Side::Trouble => {
                let mut last = self.switches.lock().unwrap_or_else(PoisonError::into_inner);
                trouble::told(c, &self.ask, &place, &mut last)?
            }
        };
        let retrying = Counts::look(c, &place.filter)?.retrying;
        let banner = news.trouble.then(|| Banner::look(c, &self.ask, Some(&place))).transpose()?;
        Ok(html! {
            @for chat in chats { (chat) }
            (wire) (rail) (frame::dot(retrying))
            @if let Some(banner) = &banner { (banner) (wire::to_trouble(&place, banner.count())) }
        })
    }

    /// The rail, if it is another than before.
    fn rail(&self, c: &Connection, place: &Place) -> Result<Markup, ApiError> {
        let rail = Rail::look(c, &self.ask, place)?;
        let markup = html! { (rail.threads()) (rail.agents()) };
        let mut last = self.rail.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == markup.0 {
            return Ok(html! {});
        }
        last.clone_from(&markup.0);
        Ok(markup)
    }

    fn wire(&self, c: &Connection, place: &Place, news: &News, times: &Times) -> Result<Markup, ApiError> {
        let open = place.open.map(|(row, _)| store::wire::get(c, row)).transpose()?.flatten();
        let mut ids = BTreeSet::new();
        for delivery in &news.deliveries {
            ids.extend(store::wire::of_delivery(c, *delivery)?);
        }
        for call in &news.calls {
            ids.extend(store::wire::of_call(c, *call)?);
        }
        let mut entries = Vec::with_capacity(ids.len());
        for id in &ids {
            // What fits no longer is told where it stands already, and comes in nowhere.
            let fits = store::wire::fits(c, place.filter.sought(), *id)?;
            entries.extend(store::wire::get(c, *id)?.map(|row| (row, fits)));
        }
        let counts = Counts::look(c, &place.filter)?;
        let changed = open.as_ref().is_some_and(|open| match open.what {
            What::Delivery { id, .. } => news.deliveries.contains(&id),
            What::Call { .. } => false,
        });
        let sheet = match place.open {
            Some((row, attempt)) if changed => Sheet::look(c, &self.ask, place, row, attempt, times)?,
            _ => None,
        };
        Ok(html! {
            @for (row, fits) in &entries {
                @let entry = wire::entry(row, place, open.as_ref(), times);
                @if *fits { template data-into="rows" { (entry) } } @else { template data-into="" { (entry) } }
            }
            @if !ids.is_empty() { (wire::count(counts, &place.filter)) (wire::states(place, counts)) }
            @if let Some(sheet) = &sheet { (sheet.state()) (sheet.tries()) }
        })
    }
}

/// What is new in one of the chats.
fn chats(c: &Connection, ask: &Ask, place: &Place, half: Half, news: &News, times: &Times) -> Result<Markup, ApiError> {
    let (thread, speaker) = match (half, place.split) {
        (Half::A, _) => (place.thread, place.speaker),
        (Half::B, Some((thread, user))) => (thread, Some(user)),
        (Half::B, None) => return Ok(html! {}),
    };
    let mut bubbles = Vec::new();
    for message in &news.messages {
        if store::messages::created(c, thread, *message)?.is_some() {
            bubbles.extend(Said::of(c, *message, times)?);
        }
    }
    // Whose deliveries went on, without being new themselves.
    let mut ticks = BTreeSet::new();
    for delivery in &news.deliveries {
        let listed = store::deliveries::get(c, *delivery)?.filter(|listed| listed.thread == Some(thread));
        ticks.extend(listed.and_then(|listed| listed.message).filter(|message| !news.messages.contains(message)));
    }
    let ticks = ticks.into_iter().filter_map(|message| Said::of(c, message, times).transpose());
    let ticks = ticks.collect::<Result<Vec<_>, _>>()?;
    let head = news.threads.contains(&thread).then(|| Chat::look(c, ask, place, half, times)).transpose()?;
    Ok(html! {
        @if !bubbles.is_empty() {
            template data-into={ "msgs-" (half.key()) } {
                @for said in &bubbles { (chat::bubble(said, place, half, speaker, None, times)) }
            }
        }
        @for said in &ticks { (chat::ticks(said, place, half)) }
        @if let Some(chat) = &head { (chat.head()) }
    })
}
