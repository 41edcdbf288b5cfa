//! What an agent needs for sending and reading.

use super::{
    Refused,
    permission::{Permission, Permissions},
    thread,
};

/// Whether an agent of an application with these permissions may send to a thread that it is in, or not.
pub(crate) fn may_send(is_in: bool, permissions: &Permissions) -> Result<(), Refused> {
    thread::must_be_in(is_in)?;
    permissions.require(Permission::PostContent)
}

/// Whether it may read such a thread.
pub(crate) fn may_read(is_in: bool, permissions: &Permissions) -> Result<(), Refused> {
    thread::must_be_in(is_in)?;
    permissions.require(Permission::UserChats)
}
