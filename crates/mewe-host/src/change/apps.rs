//! Applications are registered, changed, deleted.

use jiff::Timestamp;
use mewe_protocol::{ApiKey, AppId};

use super::{Change, agents, find};
use crate::{
    domain::{application::Application, application::WebhookUrl, name::Name, permission::Permissions},
    error::ApiError,
    store::{self, deliveries},
};

/// What is to be changed of an application; the rest stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) name: Option<Name>,
    pub(crate) permissions: Option<Permissions>,
    pub(crate) webhook_url: Option<WebhookUrl>,
}

pub(crate) fn create(
    change: &Change<'_>,
    name: Name,
    permissions: Permissions,
    webhook_url: WebhookUrl,
    key: &ApiKey,
) -> Result<Application, ApiError> {
    insert(change, change.id()?, name, permissions, webhook_url, key)
}

/// Registers an application under an id that is known already.
pub(super) fn insert(
    change: &Change<'_>,
    id: AppId,
    name: Name,
    permissions: Permissions,
    webhook_url: WebhookUrl,
    key: &ApiKey,
) -> Result<Application, ApiError> {
    let app = Application { id, name, permissions, webhook_url, disabled: None, created: change.steady };
    store::apps::insert(change.c, &app, key)?;
    Ok(app)
}

pub(crate) fn update(change: &Change<'_>, app: AppId, changes: Changes) -> Result<Application, ApiError> {
    let mut app = find::app(change.c, app)?;
    if let Some(name) = changes.name {
        app.name = name;
    }
    if let Some(permissions) = changes.permissions {
        app.permissions = permissions;
    }
    let moved = changes.webhook_url.is_some();
    if let Some(webhook_url) = changes.webhook_url {
        app.webhook_url = webhook_url;
        app.disabled = None;
    }
    store::apps::update(change.c, &app)?;
    if moved {
        // Where nobody answered, somebody may now.
        deliveries::hurry(change.c, app.id, change.now)?;
    }
    Ok(app)
}

/// The most deliveries that one call asks for once more.
pub(crate) const MAX_REDELIVERED: u32 = 10_000;

/// Delivers once more what was promised to it since `since` and has ended, well or not, the oldest first. How many that were.
pub(crate) fn redeliver_since(change: &Change<'_>, app: AppId, since: Timestamp) -> Result<u32, ApiError> {
    find::app(change.c, app)?;
    let mut count = 0;
    for delivery in deliveries::ended_since(change.c, app, since, MAX_REDELIVERED)? {
        deliveries::redeliver(change.c, delivery, change.now)?;
        count += 1;
    }
    Ok(count)
}

/// Unregisters its agents, which the others in their threads hear of, and cancels what is still to be delivered to it.
pub(crate) fn delete(change: &Change<'_>, app: AppId) -> Result<(), ApiError> {
    find::app(change.c, app)?;
    let agents = store::agents::of_app(change.c, app)?;
    for agent in &agents {
        agents::unregister(change, agent)?;
    }
    // After all of them have left: they may have been told of each other. Those that were unregistered before have news to get, too.
    deliveries::cancel_app(change.c, app, change.now)?;
    store::apps::delete(change.c, app)?;
    Ok(())
}
