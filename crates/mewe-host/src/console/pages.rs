//! What is shown: each page is one look at the store, then functions that write it.

use std::sync::Arc;

use axum::extract::State;
use maud::html;
use mewe_protocol::{AgentId, ThreadId, UserId};
use rusqlite::Connection;

use super::{
    answer::{self, Shown, html_response},
    ask::Ask,
    banner::Banner,
    chat::{self, Chat, Half},
    filter::Filter,
    first,
    frame::{Frame, Tab},
    place::{Place, View},
    rail::Rail,
    time::Times,
    wire,
};
use crate::{Shared, error::ApiError, request::Params, store};

/// `GET /`: the thread in which something was said last, or the first steps.
pub(super) async fn home(State(shared): State<Arc<Shared>>, ask: Ask) -> Shown {
    let now = shared.seams.clock.now();
    let view = View::of(&ask.address);
    let page = shared.read(move |c| {
        let an_agent = !store::agents::list(c, AgentId::from_bytes([0; 12]), 1)?.is_empty();
        match store::threads::latest(c)? {
            Some(thread) if an_agent => {
                let mut place = Place::new(thread, speaker_of(c, thread)?);
                place.view = view;
                Ok(answer::to(&place.href()))
            }
            _ => {
                let times = Times::new(now);
                Ok(html_response(first::page(c, &ask, view, &times)?))
            }
        }
    });
    page.await
}

/// Who speaks in a thread when nobody was chosen: the first person in it.
fn speaker_of(c: &Connection, thread: ThreadId) -> Result<Option<UserId>, ApiError> {
    let thread = store::threads::one(c, thread)?;
    let people = thread.into_iter().flat_map(|thread| thread.people);
    Ok(people.filter(|one| !one.is_agent).map(|one| one.id).next())
}

/// `GET /t/{threadId}`: threads, chat, wire.
pub(super) async fn thread(State(shared): State<Arc<Shared>>, ask: Ask, params: Params) -> Shown {
    let _: ThreadId = params.id("threadId")?;
    let now = shared.seams.clock.now();
    let page = shared.read(move |c| {
        let Some(mut place) = Place::parse(&ask.address) else {
            return Err(ApiError::not_found("there is no such page"));
        };
        if place.speaker.is_none() {
            place.speaker = speaker_of(c, place.thread)?;
        }
        let times = Times::new(now);
        let rail = Rail::look(c, &ask, &place)?;
        let chat = Chat::look(c, &ask, &place, Half::A, &times)?;
        let second = place.split.map(|_| Chat::look(c, &ask, &place, Half::B, &times)).transpose()?;
        let pane = wire::Pane::look(c, &ask, &place, &times)?;
        let counts = wire::Counts::look(c, &Filter::default())?;
        let title = chat.title();
        let frame = Frame {
            ask: &ask,
            title: &title,
            has_heading: false,
            tab: Tab::Chat,
            class: if second.is_some() { "app split" } else { "app" },
            place: Some(&place),
            after: Some(store::live::newest(c)?),
            banner: Banner::look(c, &ask, Some(&place))?,
            retrying: counts.retrying,
            searched: "",
        };
        let page = frame.around(&html! {
            main.contents #main {
                (rail) (chat)
                @if let Some(second) = &second { (second) }
                (pane)
            }
        });
        let seen = [Some(&chat), second.as_ref()].into_iter().flatten().filter_map(Chat::seen).collect::<Vec<_>>();
        Ok((html_response(page), seen))
    });
    let (page, seen) = page.await?;
    if !seen.is_empty() {
        // What cannot be noted is new once more: no reason to refuse a page.
        let noted = shared.db.write(move |tx| {
            seen.into_iter().try_for_each(|(user, thread, message)| store::seen::up_to(tx, user, thread, message))
        });
        if let Err(error) = noted.await {
            tracing::warn!(%error, "what was seen could not be noted");
        }
    }
    Ok(page)
}

/// `GET /older/{threadId}/{half}?before=&as=`: what was said before.
pub(super) async fn older(State(shared): State<Arc<Shared>>, params: Params) -> Shown {
    let (thread, before) = (params.id("threadId")?, params.query_id("before")?);
    let mut place = Place::new(thread, params.query_id("as")?);
    let half = if params.text("half") == "b" { Half::B } else { Half::A };
    place.split = (half == Half::B).then_some(place.speaker.map(|user| (thread, user))).flatten();
    let now = shared.seams.clock.now();
    let part = shared.read(move |c| {
        let times = Times::new(now);
        let (said, more) = chat::page(c, thread, before, &times)?;
        Ok(html_response(chat::older(&said, more, &place, half, &times)))
    });
    part.await
}

/// `GET /wire/older?before=&q=`: what was before on the wire.
pub(super) async fn older_rows(State(shared): State<Arc<Shared>>, params: Params) -> Shown {
    let before = params.query("before").and_then(|id| id.parse().ok());
    let mut place = Place::new(ThreadId::from_bytes([0; 12]), None);
    place.filter = Filter::parse(params.query("q").unwrap_or_default());
    let now = shared.seams.clock.now();
    let part = shared.read(move |c| {
        let times = Times::new(now);
        let (rows, more) = wire::page(c, &place.filter, before)?;
        Ok(html_response(wire::older(&rows, more, &place, &times)))
    });
    part.await
}
