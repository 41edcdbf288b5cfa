//! What `dev` finds ready: the published page's own people, two threads, an application and its agent.

use mewe_protocol::{AgentId, ApiKey, AppId, Id, ThreadId, UserId};

use super::{Change, agents, apps, find, threads, users};
use crate::{
    domain::{
        application::WebhookUrl,
        name::Name,
        permission::{Permission, Permissions},
    },
    error::ApiError,
    store,
};

/// What the caller decides about the demo.
#[derive(Debug, Clone)]
pub struct DemoPlan {
    /// The application's key. Whoever calls has saved it before, so that a crash in between changes nothing.
    pub key: ApiKey,
    /// Where the application's events go; set at each call.
    pub webhook_url: WebhookUrl,
}

/// The demo's ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demo {
    /// The application.
    pub app: AppId,
    /// Its agent MuadDib.
    pub agent: AgentId,
    /// The personal thread of Pétur and MuadDib.
    pub personal: ThreadId,
    /// Pétur Jureksson, the agent's owner.
    pub petur: UserId,
    /// Sigrún Guðmundsdóttir.
    pub sigrun: UserId,
    /// A thread of both, in which MuadDib sits.
    pub family: ThreadId,
    /// Another one, in which MuadDib sits too.
    pub work: ThreadId,
}

/// Completes what is missing. People and threads are made once and found again by what they were made for; what an operator
/// has deleted since comes back.
pub(crate) fn ensure(change: &Change<'_>, plan: DemoPlan) -> Result<Demo, ApiError> {
    let petur = person(change, "Pétur", "Jureksson")?;
    let sigrun = person(change, "Sigrún", "Guðmundsdóttir")?;
    let people = [petur, sigrun];
    let family = once(change, "thread Family", || threads::create(change, Some(&name("Family")?), &people))?;
    let work = once(change, "thread Work", || threads::create(change, Some(&name("Work")?), &people))?;
    let app = application(change, plan)?;
    let agent = muaddib(change, app, petur)?;
    for thread in [family, work] {
        bring(change, agent, petur, thread)?;
    }
    let personal = agents::personal_thread(change.c, agent)?;
    Ok(Demo { app, agent, personal, petur, sigrun, family, work })
}

/// People around an application that is there already: the page's own, a thread of both, and MuadDib in it, Pétur's agent of
/// that application. Returns the thread, and Pétur.
pub(crate) fn around(change: &Change<'_>, app: AppId) -> Result<(ThreadId, UserId), ApiError> {
    let app = find::app(change.c, app)?.id;
    let petur = person(change, "Pétur", "Jureksson")?;
    let sigrun = person(change, "Sigrún", "Guðmundsdóttir")?;
    let family = once(change, "thread Family", || threads::create(change, Some(&name("Family")?), &[petur, sigrun]))?;
    let agent = muaddib(change, app, petur)?;
    bring(change, agent, petur, family)?;
    Ok((family, petur))
}

/// The agent that `owner` has of `app`; MuadDib, if there is none yet.
fn muaddib(change: &Change<'_>, app: AppId, owner: UserId) -> Result<AgentId, ApiError> {
    match store::agents::of_owner(change.c, owner, app)? {
        Some(agent) => Ok(agent),
        None => Ok(agents::register(change, app, owner, name("MuadDib")?)?.id),
    }
}

/// An agent sits in a thread from now on, if its owner does: where they have left, it has no place.
fn bring(change: &Change<'_>, agent: AgentId, owner: UserId, thread: ThreadId) -> Result<(), ApiError> {
    let is_in = |user| store::threads::is_in(change.c, thread, user);
    if is_in(owner)? && !is_in(agent.into())? {
        agents::join(change, agent, thread)?;
    }
    Ok(())
}

/// An application and an agent under ids and a key that were made elsewhere, with an owner of their own. Returns the agent's
/// personal thread.
pub(crate) fn import(change: &Change<'_>, app: AppId, key: &ApiKey, agent: AgentId) -> Result<ThreadId, ApiError> {
    let owner = users::create(change, name("Pétur")?, Some(name("Jureksson")?))?.id;
    let nowhere = "http://127.0.0.1:9/webhook".parse().map_err(|why| ApiError::invalid("webhookUrl", why))?;
    apps::insert(change, app, name("MuadDib")?, both_permissions()?, nowhere, key)?;
    Ok(agents::register_as(change, agent, app, owner, name("MuadDib")?)?.personal)
}

fn person(change: &Change<'_>, first: &str, last: &str) -> Result<UserId, ApiError> {
    once(change, &format!("user {first}"), || Ok(users::create(change, name(first)?, Some(name(last)?))?.id))
}

/// The application, with the plan's key and URL whatever it had before; under its old id if it was deleted.
fn application(change: &Change<'_>, plan: DemoPlan) -> Result<AppId, ApiError> {
    let id: AppId = once(change, "application", || Ok(change.id()?))?;
    if store::apps::get(change.c, id)?.is_none() {
        apps::insert(change, id, name("MuadDib")?, both_permissions()?, plan.webhook_url.clone(), &plan.key)?;
    }
    store::apps::set_key(change.c, id, &plan.key)?;
    let moved = apps::Changes { webhook_url: Some(plan.webhook_url), ..apps::Changes::default() };
    apps::update(change, id, moved)?;
    Ok(id)
}

fn both_permissions() -> Result<Permissions, ApiError> {
    Ok(Permissions::new([Permission::UserChats, Permission::PostContent].map(Permission::name))?)
}

/// The id that was made for `thing`, or a new one.
fn once<K>(
    change: &Change<'_>,
    thing: &str,
    make: impl FnOnce() -> Result<Id<K>, ApiError>,
) -> Result<Id<K>, ApiError> {
    if let Some(id) = store::demo::get(change.c, thing)? {
        return Ok(id);
    }
    let id = make()?;
    store::demo::put(change.c, thing, id)?;
    Ok(id)
}

fn name(text: &str) -> Result<Name, ApiError> {
    text.parse().map_err(|why| ApiError::invalid("name", why))
}
