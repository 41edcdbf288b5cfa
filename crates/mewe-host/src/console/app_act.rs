//! What is done with an application: each form is one change, the same that the operator API makes.

use std::sync::Arc;

use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use mewe_protocol::{AgentId, AppId, EventName, UserId};

use super::{
    answer::{self, Shown},
    apps::{name, webhook},
    guard::Form,
    place::Place,
    time::Times,
};
use crate::{
    Shared, change,
    change::apps::Changes,
    domain::{
        application::Application,
        permission::{Permission, Permissions},
    },
    error::ApiError,
    request::Params,
    store,
};

/// Where an application is shown.
fn page(app: AppId) -> String {
    format!("/apps/{app}")
}

/// `POST /apps/{appId}`: name, permissions and webhook URL, each if the form has it.
pub(super) async fn update(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let app = params.id("appId")?;
    let name = form.get("name").map(|_| name(&form, "Name", "name")).transpose()?;
    let url = webhook(&form)?;
    let permissions: Option<Vec<String>> =
        form.get("permissions").map(|_| form.all("permission").map(str::to_owned).collect());
    let again = form.get("again").is_some();
    let changed = shared.change(move |change| {
        let now = change::find::app(change.c, app)?;
        let permissions = permissions.map(|chosen| chosen_permissions(&now, &chosen)).transpose()?;
        // The same URL, set again, means that its endpoint is back.
        let webhook_url = url.filter(|url| again || *url != now.webhook_url);
        change::apps::update(change, app, Changes { name, permissions, webhook_url })
    });
    changed.await?;
    Ok(answer::to(&page(app)))
}

/// Those that were chosen, and those that the form knows nothing of.
fn chosen_permissions(app: &Application, chosen: &[String]) -> Result<Permissions, ApiError> {
    let offered = [Permission::UserChats, Permission::PostContent].map(Permission::name);
    let kept = app.permissions.names().iter().map(String::as_str).filter(|name| !offered.contains(name));
    let chosen = offered.into_iter().filter(|name| chosen.iter().any(|chosen| chosen == name));
    Ok(Permissions::new(chosen.chain(kept))?)
}

/// `POST /apps/{appId}/agents`: an owner, perhaps a new one, gets an agent.
pub(super) async fn add_agent(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let app = params.id("appId")?;
    let agent_name = name(&form, "The agent’s name", "name")?;
    let is_new = form.get("owner").is_none_or(str::is_empty);
    let (owner, new): (Option<UserId>, _) = if is_new {
        let last = form.get("last").filter(|text| !text.trim().is_empty());
        let last = last.map(|_| name(&form, "Last name", "last")).transpose()?;
        (None, Some((name(&form, "First name", "first")?, last)))
    } else {
        (Some(form.id("owner")?), None)
    };
    let added = shared.change(move |change| {
        let owner = match (owner, new) {
            (Some(owner), _) => owner,
            (None, Some((first, last))) => change::users::create(change, first, last)?.id,
            (None, None) => return Err(ApiError::invalid("Owner", "choose one")),
        };
        change::agents::register(change, app, owner, agent_name)
    });
    added.await?;
    Ok(answer::to(&page(app)))
}

/// `POST /apps/{appId}/test`: an example of an event, which leads to its row of the wire.
pub(super) async fn test(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let app: AppId = params.id("appId")?;
    let agent: AgentId = form.id("agent")?;
    let event: EventName =
        form.get("event").unwrap_or_default().parse().map_err(|why| ApiError::invalid("Event", why))?;
    let sent = shared.change(move |change| {
        let agent = change::find::agent(change.c, agent)?;
        if agent.app != app {
            return Err(ApiError::not_found("this application has no such agent"));
        }
        let delivery = change::agents::test_event(change, agent.id, &event)?;
        Ok((agent, store::wire::of_delivery(change.c, delivery)?))
    });
    let (agent, row) = sent.await?;
    let place = Place::new(agent.personal, Some(agent.owner));
    Ok(answer::to(&row.map_or_else(|| place.href(), |row| place.opening(row, None))))
}

/// `POST /apps/{appId}/pause`: the deliveries of all its agents wait.
pub(super) async fn pause(State(shared): State<Arc<Shared>>, params: Params) -> Shown {
    let app = params.id("appId")?;
    let paused = shared.change(move |change| {
        let app = change::find::app(change.c, app)?;
        let agents = store::agents::of_app(change.c, app.id)?;
        agents.into_iter().filter(|agent| !agent.paused).try_for_each(|agent| change::agents::pause(change, agent.id))
    });
    paused.await?;
    Ok(answer::to(&page(app)))
}

/// `POST /apps/{appId}/resume`
pub(super) async fn resume(State(shared): State<Arc<Shared>>, params: Params) -> Shown {
    let app = params.id("appId")?;
    let resumed = shared.change(move |change| {
        let app = change::find::app(change.c, app)?;
        let agents = store::agents::of_app(change.c, app.id)?;
        agents.into_iter().filter(|agent| agent.paused).try_for_each(|agent| change::agents::resume(change, agent.id))
    });
    resumed.await?;
    Ok(answer::to(&page(app)))
}

/// `POST /apps/{appId}/redeliver`: all that ended since a time, once more.
pub(super) async fn redeliver(State(shared): State<Arc<Shared>>, params: Params, form: Form) -> Shown {
    let app = params.id("appId")?;
    let since = since(&form, &Times::new(shared.seams.clock.now()))?;
    let count = shared.change(move |change| change::apps::redeliver_since(change, app, since)).await?;
    Ok(answer::to(&format!("{}?redelivered={count}", page(app))))
}

/// Since when; a time that was typed comes first.
fn since(form: &Form, times: &Times) -> Result<Timestamp, ApiError> {
    if let Some(typed) = form.get("at").filter(|text| !text.trim().is_empty()) {
        let at = times.typed(typed);
        return at.ok_or_else(|| ApiError::invalid("Since", "must be a time such as 2026-11-23T18:00"));
    }
    let ago = |hours| times.now().checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN);
    match form.get("since") {
        Some("hour") => Ok(ago(1)),
        Some("day") => Ok(ago(24)),
        Some("all") => Ok(Timestamp::UNIX_EPOCH),
        _ => Err(ApiError::invalid("Since", "choose a time")),
    }
}

/// `POST /apps/{appId}/delete`
pub(super) async fn delete(State(shared): State<Arc<Shared>>, params: Params) -> Shown {
    let app = params.id("appId")?;
    shared.change(move |change| change::apps::delete(change, app)).await?;
    Ok(answer::to("/apps"))
}

/// `POST /agents/{agentId}/remove`: takes it from its owner.
pub(super) async fn remove_agent(State(shared): State<Arc<Shared>>, params: Params) -> Shown {
    let agent: AgentId = params.id("agentId")?;
    let app = shared.change(move |change| {
        let app = change::find::agent(change.c, agent)?.app;
        change::agents::remove(change, agent)?;
        Ok(app)
    });
    Ok(answer::to(&page(app.await?)))
}
