//! The pages beside the chat: in the same frame, with words of their own.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use maud::{Markup, html};
use rusqlite::Connection;

use super::{
    answer::{Shown, html_response},
    ask::Ask,
    banner::Banner,
    filter::Filter,
    frame::{Frame, Tab},
    keys,
    part::icon,
    wire,
};
use crate::{Shared, error::ApiError};

/// `GET /keys`: which key does what, where there is no script to show it.
pub(super) async fn show_keys(State(shared): State<Arc<Shared>>, ask: Ask) -> Shown {
    let content = html! {
        main.page #main tabindex="0" { div.wrap { div.title-row { h1 { "Keyboard" } } section.card aria-labelledby="all" { h2.sr #all { "All keys" } (keys::groups()) } } }
    };
    plain(&shared, ask, "Keyboard", Tab::None, content).await
}

/// A page beside the chat.
pub(super) async fn plain(shared: &Shared, ask: Ask, title: &'static str, tab: Tab, content: Markup) -> Shown {
    let page = shared.read(move |c| Ok(html_response(beside(c, &ask, title, tab, None, &content)?)));
    page.await
}

/// A page beside the chat, from what is at hand.
pub(super) fn beside(
    c: &Connection,
    ask: &Ask,
    title: &str,
    tab: Tab,
    after: Option<i64>,
    content: &Markup,
) -> Result<Markup, ApiError> {
    let frame = Frame {
        ask,
        title,
        has_heading: true,
        tab,
        class: "app paged",
        place: None,
        after,
        banner: Banner::look(c, ask, None)?,
        retrying: wire::Counts::look(c, &Filter::default())?.retrying,
        searched: "",
    };
    Ok(frame.around(content))
}

/// What does not exist, or is refused: in words, with a way back.
pub(super) fn refused_page(ask: &Ask, status: StatusCode, words: &str) -> Markup {
    alone(
        ask,
        "Not done",
        &html! {
            span.quiet { (status.as_u16()) }
            div.say.bad { (icon("stop")) div { (words) } }
            p.after { a.link href="/" { "Back to the chat" } }
        },
    )
}

/// Words to be copied by hand.
pub(super) fn words_page(ask: &Ask, title: &str, words: &str) -> Markup {
    alone(ask, title, &html! { pre.env tabindex="0" { "\n" (words) } })
}

/// A page that needs no look at the store.
fn alone(ask: &Ask, title: &str, content: &Markup) -> Markup {
    let frame = Frame {
        ask,
        title,
        has_heading: true,
        tab: Tab::None,
        class: "app paged",
        place: None,
        after: None,
        banner: Banner::default(),
        retrying: 0,
        searched: "",
    };
    frame.around(&html! {
        main.page #main tabindex="0" { div.wrap { div.title-row { h1 { (title) } } (content) } }
    })
}
