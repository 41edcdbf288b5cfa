//! Changes: what the rules say and what the store keeps, brought together in one transaction each.
//!
//! A change and the news of it are one commit, so there is no moment in which a message exists without its deliveries.

pub(crate) mod agents;
pub(crate) mod apps;
pub(crate) mod demo;
pub(crate) mod find;
pub(crate) mod messages;
pub(crate) mod threads;
pub(crate) mod users;

use jiff::Timestamp;
use mewe_protocol::Id;
use mewe_runtime::random::SharedRandom;
use mewe_store::StoreError;
use rusqlite::Connection;

use crate::{
    domain::news::News,
    store::{deliveries, rising},
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

    /// Promises events to their agents.
    fn tell(&self, news: impl IntoIterator<Item = News>) -> Result<(), StoreError> {
        news.into_iter().try_for_each(|news| deliveries::push(self.c, &news, self.now))
    }
}
