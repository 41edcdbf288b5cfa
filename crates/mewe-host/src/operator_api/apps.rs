//! Applications.

use std::sync::Arc;

use axum::{body::Body, extract::State, http::StatusCode, response::Response};
use jiff::Timestamp;
use mewe_protocol::{AppId, message::as_milliseconds};
use serde::{Deserialize, Serialize};

use super::{after, name};
use crate::{
    Shared, change,
    change::apps::Changes,
    domain::{
        application::{Application, TYPE, WebhookUrl, check_type},
        permission::Permissions,
    },
    error::{ApiError, json_response},
    paging,
    request::Params,
    store,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    name: String,
    r#type: String,
    #[serde(default)]
    permissions: Vec<String>,
    webhook_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    name: Option<String>,
    permissions: Option<Vec<String>>,
    webhook_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct App {
    app_id: AppId,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    name: String,
    r#type: &'static str,
    permissions: Vec<String>,
    webhook_url: String,
    disabled: Option<String>,
    #[serde(serialize_with = "as_milliseconds")]
    created_at: Timestamp,
}

impl From<Application> for App {
    fn from(app: Application) -> Self {
        Self {
            app_id: app.id,
            api_key: None,
            name: app.name.to_string(),
            r#type: TYPE,
            permissions: app.permissions.names().to_vec(),
            webhook_url: app.webhook_url.to_string(),
            disabled: app.disabled,
            created_at: app.created,
        }
    }
}

pub(crate) async fn create(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, ApiError> {
    let given: Create = shared.json(body).await?;
    let name = name("name", &given.name)?;
    check_type(&given.r#type)?;
    let (permissions, webhook_url) = (permissions(&given.permissions)?, webhook_url(&given.webhook_url)?);
    let key = shared.new_key()?;
    let shown = key.expose().to_owned();
    let app = shared.change(move |change| change::apps::create(change, name, permissions, webhook_url, &key)).await?;
    // The only time that the key is shown.
    Ok(json_response(StatusCode::CREATED, &App { api_key: Some(shown), ..app.into() }))
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let (limit, after) = (params.limit()?, after(&params)?);
    let rows = shared.read(move |c| Ok(store::apps::list(c, after, limit + 1)?)).await?;
    let rows = rows.into_iter().map(App::from).collect();
    Ok(paging::page("apps", rows, limit, |last| format!("/operator/apps?limit={limit}&after={}", last.app_id)))
}

pub(crate) async fn show(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let app = params.id("appId")?;
    let app = shared.read(move |c| change::find::app(c, app)).await?;
    Ok(json_response(StatusCode::OK, &App::from(app)))
}

pub(crate) async fn update(
    State(shared): State<Arc<Shared>>,
    params: Params,
    body: Body,
) -> Result<Response, ApiError> {
    let app = params.id("appId")?;
    let given: Update = shared.json(body).await?;
    let changes = Changes {
        name: given.name.map(|text| name("name", &text)).transpose()?,
        permissions: given.permissions.map(|names| permissions(&names)).transpose()?,
        webhook_url: given.webhook_url.map(|url| webhook_url(&url)).transpose()?,
    };
    let app = shared.change(move |change| change::apps::update(change, app, changes)).await?;
    Ok(json_response(StatusCode::OK, &App::from(app)))
}

pub(crate) async fn remove(State(shared): State<Arc<Shared>>, params: Params) -> Result<StatusCode, ApiError> {
    let app = params.id("appId")?;
    shared.change(move |change| change::apps::delete(change, app)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn permissions(names: &[String]) -> Result<Permissions, ApiError> {
    Ok(Permissions::new(names.iter().map(String::as_str))?)
}

fn webhook_url(text: &str) -> Result<WebhookUrl, ApiError> {
    text.parse().map_err(|why| ApiError::invalid("webhookUrl", why))
}

#[derive(Deserialize)]
struct Redeliver {
    since: String,
}

/// Delivers once more what has ended, well or not, since a time.
pub(crate) async fn redeliver(
    State(shared): State<Arc<Shared>>,
    params: Params,
    body: Body,
) -> Result<Response, ApiError> {
    let app = params.id("appId")?;
    let Redeliver { since } = shared.json(body).await?;
    let since: Timestamp =
        since.parse().map_err(|_| ApiError::invalid("since", "must be a time such as 2026-11-23T18:00:00Z"))?;
    let count = shared.change(move |change| change::apps::redeliver_since(change, app, since)).await?;
    Ok(json_response(StatusCode::ACCEPTED, &serde_json::json!({ "redelivered": count })))
}
