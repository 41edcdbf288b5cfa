//! The console: a message and its wire side by side, as a page that the host serves at `/`.
//!
//! A page is one look at the store and functions that write it as HTML; what is told live are the same functions.
//! Links and forms work without script. Everything that people wrote is escaped by the compiler's own template (maud).

mod act;
mod answer;
mod app;
mod app_act;
mod apps;
mod ask;
mod assets;
mod banner;
mod beside;
mod chat;
mod copy;
mod filter;
mod first;
mod frame;
mod guard;
mod json;
mod keys;
mod pages;
mod part;
mod place;
mod rail;
mod row;
mod search;
pub(crate) mod session;
mod sheet;
mod signature;
mod stream;
mod time;
mod trouble;
mod wire;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};

use crate::{
    Shared,
    error::{ApiError, wrong_method},
};
use ask::Ask;

/// Every route of the console.
pub(crate) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let pages = Router::new()
        .route("/", get(pages::home))
        .route("/t/{threadId}", get(pages::thread))
        .route("/t/{threadId}/messages", post(act::say))
        .route("/t/{threadId}/seen", post(act::seen))
        .route("/t/{threadId}/people", post(act::add_person))
        .route("/t/{threadId}/people/leave", post(act::remove_person))
        .route("/t/{threadId}/agents", post(act::add_agent))
        .route("/t/{threadId}/agents/leave", post(act::remove_agent))
        .route("/older/{threadId}/{half}", get(pages::older))
        .route("/wire/older", get(pages::older_rows))
        .route("/wire/{row}/redeliver", post(act::redeliver))
        .route("/wire/{row}/curl", post(copy::curl))
        .route("/wire/{row}/vector", post(copy::vector))
        .route("/agents/{agentId}/trouble", post(act::trouble))
        .route("/agents/{agentId}/seed", post(act::seed))
        .route("/agents/{agentId}/pause", post(act::pause))
        .route("/agents/{agentId}/resume", post(act::resume))
        .route("/trouble/off", post(act::trouble_off))
        .route("/live", get(stream::stream))
        .route("/people", post(act::new_person))
        .route("/threads", post(act::new_thread))
        .route("/apps", get(apps::list).post(apps::create))
        .route("/apps/{appId}", get(apps::show).post(app_act::update))
        .route("/apps/{appId}/agents", post(app_act::add_agent))
        .route("/apps/{appId}/test", post(app_act::test))
        .route("/apps/{appId}/pause", post(app_act::pause))
        .route("/apps/{appId}/resume", post(app_act::resume))
        .route("/apps/{appId}/redeliver", post(app_act::redeliver))
        .route("/apps/{appId}/delete", post(app_act::delete))
        .route("/agents/{agentId}/remove", post(app_act::remove_agent))
        .route("/demo", post(first::demo))
        .route("/search", get(search::search))
        .route("/keys", get(beside::show_keys))
        .route("/theme", post(act::theme))
        .route("/letters", post(act::letters))
        .route("/logout", post(session::log_out))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(shared.clone(), in_words))
        .layer(from_fn_with_state(shared.clone(), guard::guard));
    pages
        .route("/login", get(session::show_login).post(session::log_in))
        .route("/assets/{name}", get(assets::serve))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(shared.clone(), guard::door))
}

/// A refusal in the form in which whoever asked can show it: a page, or the words alone for a script.
async fn in_words(State(_): State<Arc<Shared>>, ask: Ask, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let Some(refused) = response.extensions().get::<ApiError>() else { return response };
    let (status, words) = (response.status(), refused.words().to_owned());
    if ask.by_script || ask.fetches {
        return (status, words).into_response();
    }
    (status, answer::html_response(beside::refused_page(&ask, status, &words))).into_response()
}
