//! People.

use mewe_protocol::UserId;

use super::name::Name;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) first_name: Name,
    pub(crate) last_name: Option<Name>,
}

impl Person {
    /// The name that others see.
    pub(crate) fn name(&self) -> String {
        match &self.last_name {
            Some(last_name) => format!("{} {last_name}", self.first_name),
            None => self.first_name.to_string(),
        }
    }
}
