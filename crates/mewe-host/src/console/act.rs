//! What is done: each form is one change, the same that the operator API makes, and leads back to where it was sent from.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use mewe_protocol::{AgentId, ThreadId, UserId, mention};
use mewe_runtime::kill_point;

use super::{
    answer::{Shown, back, to},
    ask::{Ask, LETTERS, Theme},
    guard::Form,
};
use crate::{
    Shared, change,
    domain::{
        name::Name,
        trouble::{Kind, Often},
    },
    error::ApiError,
    request::Params,
    store::{self, deliveries::Redelivery, wire::What},
};

fn name(field: &str, form: &Form, of: &str) -> Result<Name, ApiError> {
    form.get(of).unwrap_or_default().parse().map_err(|why| ApiError::invalid(field, why))
}

fn optional_name(field: &str, form: &Form, of: &str) -> Result<Option<Name>, ApiError> {
    let given = form.get(of).is_some_and(|text| !text.trim().is_empty());
    given.then(|| name(field, form, of)).transpose()
}

/// `POST /t/{threadId}/messages`: somebody says something; `@Name` mentions somebody who is there.
pub(super) async fn say(State(shared): State<Arc<Shared>>, ask: Ask, params: Params, form: Form) -> Shown {
    let thread: ThreadId = params.id("threadId")?;
    let (user, typed) = (form.id("as")?, form.get("text").unwrap_or_default().replace("\r\n", "\n"));
    let said = shared.change(move |change| {
        let there = store::threads::one(change.c, thread)?;
        let people = there.iter().flat_map(|thread| &thread.people).filter(|one| one.id != user);
        let text = mention::typed(&typed, people.map(|one| (one.id, one.name.as_str())));
        let text = text.parse().map_err(|why| ApiError::invalid("text", why))?;
        let message = change::messages::say(change, thread, user, text)?;
        // Who writes has read what is above.
        store::seen::up_to(change.c, user, thread, message.chat_message_id)?;
        Ok(message)
    });
    said.await?;
    kill_point!("host.message.after-commit");
    if ask.by_script {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(back(&form))
}

/// `POST /t/{threadId}/seen`: somebody has seen what came while they were looking.
pub(super) async fn seen(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let (thread, user, message): (ThreadId, UserId, _) = (params.id("threadId")?, form.id("as")?, form.id("message")?);
    let noted = shared.db.write(move |tx| {
        let is_there = store::messages::created(tx, thread, message)?.is_some();
        if is_there && store::threads::is_in(tx, thread, user)? {
            store::seen::up_to(tx, user, thread, message)?;
        }
        Ok::<_, ApiError>(())
    });
    noted.await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /people`
pub(super) async fn new_person(State(shared): State<Arc<Shared>>, form: Form) -> Shown {
    let (first, last) = (name("First name", &form, "first")?, optional_name("Last name", &form, "last")?);
    shared.change(move |change| change::users::create(change, first, last)).await?;
    Ok(back(&form))
}

/// `POST /threads`
pub(super) async fn new_thread(State(shared): State<Arc<Shared>>, form: Form) -> Shown {
    let name = optional_name("Name", &form, "name")?;
    let people: Vec<UserId> = form.all("user").filter_map(|id| id.parse().ok()).collect();
    if people.is_empty() {
        return Err(ApiError::invalid("Who takes part", "choose at least one person"));
    }
    let speaker = people[0];
    let thread = shared.change(move |change| change::threads::create(change, name.as_ref(), &people)).await?;
    Ok(to(&super::place::Place::new(thread, Some(speaker)).href()))
}

/// `POST /t/{threadId}/people`
pub(super) async fn add_person(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let (thread, user) = (params.id("threadId")?, form.id("id")?);
    shared.change(move |change| change::threads::add_person(change, thread, user)).await?;
    Ok(back(&form))
}

/// `POST /t/{threadId}/people/leave`
pub(super) async fn remove_person(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let (thread, user) = (params.id("threadId")?, form.id("id")?);
    shared.change(move |change| change::threads::remove_person(change, thread, user)).await?;
    Ok(back(&form))
}

/// `POST /t/{threadId}/agents`
pub(super) async fn add_agent(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let (thread, agent): (_, AgentId) = (params.id("threadId")?, form.id("id")?);
    shared.change(move |change| change::agents::join(change, agent, thread)).await?;
    Ok(back(&form))
}

/// `POST /t/{threadId}/agents/leave`
pub(super) async fn remove_agent(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let (thread, agent): (_, AgentId) = (params.id("threadId")?, form.id("id")?);
    shared.change(move |change| change::agents::leave(change, agent, thread)).await?;
    Ok(back(&form))
}

/// `POST /wire/{row}/redeliver`: a new attempt in the same row.
pub(super) async fn redeliver(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let row = params.number("row")?;
    let asked = shared.change(move |change| {
        let Some(What::Delivery { id, .. }) = store::wire::get(change.c, row)?.map(|row| row.what) else {
            return Ok(Redelivery::Unknown);
        };
        Ok(store::deliveries::redeliver(change.c, id, change.now)?)
    });
    match asked.await? {
        Redelivery::Unknown => Err(ApiError::not_found("there is no such delivery")),
        // Both are what was asked for, or as good as that.
        Redelivery::Due | Redelivery::InFlight | Redelivery::Cancelled => Ok(back(&form)),
    }
}

/// `POST /agents/{agentId}/trouble`: sets one switch.
pub(super) async fn trouble(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let agent: AgentId = params.id("agentId")?;
    let field = |name: &str| form.get(name).unwrap_or_default();
    let kind: Kind = field("kind").parse().map_err(|why| ApiError::invalid("kind", why))?;
    let often = match (form.get("on").is_some(), form.get("often")) {
        (false, _) => Often::Off,
        (true, None) => Often::Every(1),
        (true, Some(often)) => often_of(often)?,
    };
    let seconds = form.get("seconds").map(str::parse).transpose();
    let seconds = seconds.map_err(|_| ApiError::invalid("seconds", "must be a number"))?;
    shared.may_make_trouble()?;
    shared.change(move |change| change::trouble::set_switch(change, agent, kind, often, seconds)).await?;
    Ok(back(&form))
}

/// How often, as the form says it: beside the usual ones, `every_7`.
fn often_of(text: &str) -> Result<Often, ApiError> {
    let every = text.strip_prefix("every_").and_then(|many| many.parse().ok()).map(Often::Every);
    every.map_or_else(|| text.parse().map_err(|why| ApiError::invalid("often", why)), Ok)
}

/// `POST /agents/{agentId}/seed`: sets what decides which ones trouble touches.
pub(super) async fn seed(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let agent: AgentId = params.id("agentId")?;
    let seed = form.get("seed").and_then(|seed| seed.trim().parse().ok());
    let seed = seed.ok_or_else(|| ApiError::invalid("seed", "must be a number"))?;
    shared.may_make_trouble()?;
    shared.change(move |change| change::trouble::set_seed(change, agent, seed)).await?;
    Ok(back(&form))
}

/// `POST /trouble/off`: all of it, of all agents.
pub(super) async fn trouble_off(State(shared): State<Arc<Shared>>, form: Form) -> Shown {
    shared.change(|change| change::trouble::all_off(change, None)).await?;
    Ok(back(&form))
}

/// `POST /agents/{agentId}/pause`: its deliveries wait.
pub(super) async fn pause(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let agent: AgentId = params.id("agentId")?;
    shared.change(move |change| change::agents::pause(change, agent)).await?;
    Ok(back(&form))
}

/// `POST /agents/{agentId}/resume`: what waited goes on.
pub(super) async fn resume(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let agent: AgentId = params.id("agentId")?;
    shared.change(move |change| change::agents::resume(change, agent)).await?;
    Ok(back(&form))
}

/// `POST /theme`
pub(super) async fn theme(form: Form) -> Shown {
    let theme = Theme::named(form.get("theme").unwrap_or_default());
    Ok(with_cookie(back(&form), Theme::COOKIE, theme.name()))
}

/// `POST /letters`: whether single letters act as keys.
pub(super) async fn letters(form: Form) -> Shown {
    let value = if form.get("letters") == Some("off") { "off" } else { "on" };
    Ok(with_cookie(back(&form), LETTERS, value))
}

/// A cookie of taste: no secret, kept for a year.
fn with_cookie(mut response: Response, name: &str, value: &str) -> Response {
    let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Strict");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
