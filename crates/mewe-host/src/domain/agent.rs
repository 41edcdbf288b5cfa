//! Agents: an owner's own instance of an application.

use mewe_protocol::{AgentId, AppId, ThreadId, UserId};

use super::{Refused, name::Name};

/// An agent that is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) app: AppId,
    pub(crate) owner: UserId,
    pub(crate) name: Name,
    /// The thread of owner and agent.
    pub(crate) personal: ThreadId,
    /// Its deliveries wait until somebody resumes them.
    pub(crate) paused: bool,
}

/// Whether an owner may add an agent of an application, of which they have `existing` already.
pub(crate) fn may_register(existing: Option<AgentId>) -> Result<(), Refused> {
    match existing {
        None => Ok(()),
        Some(agent) => {
            Err(Refused::conflict(format!("ownerId: this owner already has an agent of this application, {agent}")))
        }
    }
}
