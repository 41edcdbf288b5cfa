//! People come.

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
