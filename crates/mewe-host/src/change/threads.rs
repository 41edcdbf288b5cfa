//! Threads are made; people come and go.

use mewe_protocol::{ThreadId, UserId};
use rusqlite::Connection;

use super::{Change, agents, find};
use crate::{
    domain::{
        name::Name,
        news,
        thread::{Standing, Thread},
    },
    error::ApiError,
    store,
};

pub(crate) fn create(change: &Change<'_>, name: Option<&Name>, people: &[UserId]) -> Result<ThreadId, ApiError> {
    for user in people {
        find::person(change.c, *user, "participants")?;
    }
    let thread = change.id()?;
    store::threads::insert(change.c, thread, name, false, change.steady)?;
    let mut seated: Vec<UserId> = Vec::with_capacity(people.len());
    for user in people {
        // Named twice is there once.
        if !seated.contains(user) {
            change.seat(thread, *user)?;
            seated.push(*user);
        }
    }
    Ok(thread)
}

pub(crate) fn add_person(change: &Change<'_>, thread: ThreadId, user: UserId) -> Result<(), ApiError> {
    let thread = find::thread(change.c, thread)?;
    thread.may_join(standing(change.c, &thread, user)?)?;
    let person = find::person(change.c, user, "userId")?;
    change.seat(thread.id, user)?;
    change.tell(news::user_joined(&thread, &person))?;
    Ok(())
}

/// A person leaves, and takes their agents along.
pub(crate) fn remove_person(change: &Change<'_>, thread: ThreadId, user: UserId) -> Result<(), ApiError> {
    let thread = find::thread(change.c, thread)?;
    thread.may_leave(standing(change.c, &thread, user)?)?;
    let person = find::person(change.c, user, "userId")?;
    change.unseat(thread.id, user)?;
    change.tell(news::user_left(&thread, &person))?;
    for agent in thread.leave_with(user) {
        agents::unseat(change, thread.id, agent)?;
    }
    Ok(())
}

fn standing(c: &Connection, thread: &Thread, user: UserId) -> Result<Standing, ApiError> {
    Ok(Standing { is_agent: store::agents::is_agent(c, user)?, is_in: store::threads::is_in(c, thread.id, user)? })
}
