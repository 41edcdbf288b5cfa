//! What MeWe's portal and apps do, as an API with a token: register applications, create users and threads, add and remove
//! agents, speak as a user. docs/operator-api.md tells its caller about it.

pub(crate) mod agents;
pub(crate) mod apps;
pub(crate) mod calls;
pub(crate) mod deliveries;
pub(crate) mod guard;
pub(crate) mod messages;
pub(crate) mod threads;
pub(crate) mod trouble;
pub(crate) mod users;

use mewe_protocol::Id;

pub(crate) use crate::live::stream;

use crate::{domain::name::Name, error::ApiError, request::Params};

/// Where a list by rising ids goes on.
fn after<K>(params: &Params) -> Result<Id<K>, ApiError> {
    // Nothing is before the first.
    Ok(params.query_id("after")?.unwrap_or(Id::from_bytes([0; 12])))
}

/// Before which row a list by falling ids goes on; `what` says what such an id is.
fn before(params: &Params, what: &str) -> Result<i64, ApiError> {
    let before = params.query("before").map(str::parse).transpose();
    Ok(before.map_err(|_| ApiError::invalid("before", format!("must be {what}")))?.unwrap_or(i64::MAX))
}

/// A name that was given in `field`.
fn name(field: &str, text: &str) -> Result<Name, ApiError> {
    text.parse().map_err(|why| ApiError::invalid(field, why))
}
