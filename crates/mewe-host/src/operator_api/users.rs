//! Users.

use std::sync::Arc;

use axum::{body::Body, extract::State, http::StatusCode, response::Response};
use mewe_protocol::UserId;
use serde::{Deserialize, Serialize};

use super::{after, name};
use crate::{
    Shared, change,
    domain::user::Person,
    error::{ApiError, json_response},
    paging,
    request::Params,
    store,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    first_name: String,
    last_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User {
    user_id: UserId,
    name: String,
    first_name: String,
    last_name: String,
}

impl From<Person> for User {
    fn from(person: Person) -> Self {
        Self {
            user_id: person.id,
            name: person.name(),
            first_name: person.first_name.to_string(),
            last_name: person.last_name.map(|name| name.to_string()).unwrap_or_default(),
        }
    }
}

pub(crate) async fn create(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, ApiError> {
    let given: Create = shared.json(body).await?;
    let first_name = name("firstName", &given.first_name)?;
    // Some people have one name.
    let last_name = given.last_name.filter(|text| !text.trim().is_empty());
    let last_name = last_name.map(|text| name("lastName", &text)).transpose()?;
    let person = shared.change(move |change| change::users::create(change, first_name, last_name)).await?;
    Ok(json_response(StatusCode::CREATED, &User::from(person)))
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>, params: Params) -> Result<Response, ApiError> {
    let (limit, after) = (params.limit()?, after(&params)?);
    let rows = shared.read(move |c| Ok(store::users::list(c, after, limit + 1)?)).await?;
    let rows = rows.into_iter().map(User::from).collect();
    Ok(paging::page("users", rows, limit, |last| format!("/operator/users?limit={limit}&after={}", last.user_id)))
}
