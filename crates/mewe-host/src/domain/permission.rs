//! What an application may do.
//!
//! The page spells permissions carelessly, so their names are the operator's to give: any is kept and shown, these two have
//! an effect.

use std::str::FromStr;

use mewe_protocol::error::ErrorCode;

use super::{Refused, name::Name};

/// The permissions that have an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Hear what happens in the threads, and read them.
    UserChats,
    /// Send messages.
    PostContent,
}

impl Permission {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UserChats => "user_chats",
            Self::PostContent => "post_content",
        }
    }
}

/// The most permissions of an application.
const MAX_PERMISSIONS: usize = 64;

/// The permissions of an application, in the order given, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Permissions(Vec<String>);

impl Permissions {
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Refused> {
        let mut kept = Vec::new();
        for name in names {
            let name = Name::from_str(name).map_err(|why| Refused::invalid("permissions", why))?.to_string();
            // They are kept one a line.
            if name.chars().any(char::is_control) {
                return Err(Refused::invalid("permissions", "a name holds a control character"));
            }
            if !kept.contains(&name) {
                kept.push(name);
            }
        }
        if kept.len() > MAX_PERMISSIONS {
            return Err(Refused::invalid("permissions", format!("at most {MAX_PERMISSIONS} are kept")));
        }
        Ok(Self(kept))
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn holds(&self, permission: Permission) -> bool {
        self.0.iter().any(|name| name == permission.name())
    }

    pub(crate) fn require(&self, permission: Permission) -> Result<(), Refused> {
        if self.holds(permission) {
            return Ok(());
        }
        let name = permission.name();
        Err(Refused::new(ErrorCode::Permission, format!("the application does not have the permission {name}")))
    }
}
