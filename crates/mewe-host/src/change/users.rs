//! People come.

use mewe_protocol::UserId;
use rusqlite::Connection;

use super::Change;
use crate::{
    domain::{name::Name, user::Person},
    error::ApiError,
    store,
};

pub(crate) fn create(change: &Change<'_>, first_name: Name, last_name: Option<Name>) -> Result<Person, ApiError> {
    let person = Person { id: change.id()?, first_name, last_name };
    store::users::insert(change.c, &person, change.steady)?;
    Ok(person)
}

/// A person who must be there; `field` says where they are named.
pub(super) fn existing(c: &Connection, user: UserId, field: &str) -> Result<Person, ApiError> {
    if let Some(person) = store::users::get(c, user)? {
        return Ok(person);
    }
    Err(if store::agents::is_agent(c, user)? {
        ApiError::invalid(field, format!("{user} is an agent, not a person"))
    } else {
        ApiError::not_found(format!("{field}: there is no user {user}"))
    })
}
