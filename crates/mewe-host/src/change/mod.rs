//! Changes: what the rules say and what the store keeps, brought together in one transaction each.
//!
//! A change and the news of it are one commit, so there is no moment in which a message exists without its deliveries.

pub(crate) mod agents;
pub(crate) mod apps;
pub(crate) mod demo;
pub(crate) mod find;
pub(crate) mod messages;
pub(crate) mod threads;
pub(crate) mod trouble;
pub(crate) mod users;

use jiff::Timestamp;
use mewe_protocol::{Id, ThreadId, UserId};
use mewe_runtime::random::SharedRandom;
use mewe_store::StoreError;
use rusqlite::Connection;

use crate::{
    domain::news::News,
    store::{
        self, deliveries,
        live::{self, Membership},
        rising,
    },
};

/// One transaction that changes something, and what it may use of the world.
pub(crate) struct Change<'a> {
    pub(crate) c: &'a Connection,
    /// The clock's time. It decides when something is due.
    pub(crate) now: Timestamp,
    /// The time that never steps back. It decides what is said to have come before what.
    pub(crate) steady: Timestamp,
    random: SharedRandom,
}

impl<'a> Change<'a> {
    pub(crate) fn begin(c: &'a Connection, now: Timestamp, random: SharedRandom) -> Result<Self, StoreError> {
        Ok(Self { c, now, steady: rising::time(c, now)?, random })
    }

    /// A new id, greater than every one before it.
    fn id<K>(&self) -> Result<Id<K>, StoreError> {
        rising::id(self.c, self.steady, self.random.next_u64())
    }

    /// Somebody sits in a thread from now on.
    fn seat(&self, thread_id: ThreadId, user_id: UserId) -> Result<(), StoreError> {
        store::threads::add(self.c, thread_id, user_id, self.now)?;
        live::membership(self.c, &Membership { thread_id, user_id, joined: true }, self.now)
    }

    /// Somebody no longer sits in a thread.
    fn unseat(&self, thread_id: ThreadId, user_id: UserId) -> Result<(), StoreError> {
        store::threads::remove(self.c, thread_id, user_id)?;
        live::membership(self.c, &Membership { thread_id, user_id, joined: false }, self.now)
    }

    /// Promises events to their agents.
    fn tell(&self, news: impl IntoIterator<Item = News>) -> Result<(), StoreError> {
        news.into_iter().try_for_each(|news| deliveries::push(self.c, &news, false, self.now).map(drop))
    }
}
