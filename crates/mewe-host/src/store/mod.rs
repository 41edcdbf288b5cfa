//! What a host keeps: rows in and rows out, a file per table. No rule is decided here, and no transaction is opened: whoever
//! changes something brings the one it all belongs to (`change/`).

pub(crate) mod agents;
pub(crate) mod apps;
pub(crate) mod attempts;
pub(crate) mod calls;
pub(crate) mod deliveries;
pub(crate) mod demo;
pub(crate) mod health;
pub(crate) mod live;
pub(crate) mod messages;
pub(crate) mod replay;
pub(crate) mod rising;
pub(crate) mod search;
pub(crate) mod seen;
pub(crate) mod threads;
pub(crate) mod trouble;
pub(crate) mod users;
pub(crate) mod wire;

use std::{error::Error, path::Path, str::FromStr};

use jiff::Timestamp;
use mewe_protocol::Id;
use mewe_store::{Db, OpenError, Options, Schema, StoreError};
use rusqlite::{Row, types::Type};

/// "MeWH" in ASCII: a file that says so is ours.
const APPLICATION_ID: i32 = 0x4d65_5748;

/// Opens a host's database, or makes it. What an earlier process was delivering is to be delivered again.
pub(crate) async fn open(dir: &Path, options: Options, now: Timestamp) -> Result<Db, OpenError> {
    let schema = Schema { application_id: APPLICATION_ID, migrations: migrations() };
    let db = Db::open(dir, "host.db", &schema, options)?;
    let epoch = db.epoch();
    db.write(move |tx| deliveries::recover(tx, epoch, now)).await?;
    Ok(db)
}

/// One step after the other; those that were released never change.
fn migrations() -> Vec<String> {
    vec![
        format!("{}{}", deliveries::QUEUE.schema(), include_str!("schema/1-host.sql")),
        include_str!("schema/2-console.sql").to_owned(),
        include_str!("schema/3-trouble.sql").to_owned(),
    ]
}

fn id<K>(row: &Row<'_>, at: usize) -> rusqlite::Result<Id<K>> {
    Ok(Id::from_bytes(row.get(at)?))
}

fn optional_id<K>(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Id<K>>> {
    Ok(row.get::<_, Option<[u8; 12]>>(at)?.map(Id::from_bytes))
}

fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(row.get(at)?).map_err(|error| unreadable(at, error))
}

fn parsed<T: FromStr<Err: Error + Send + Sync + 'static>>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    row.get_ref(at)?.as_str()?.parse().map_err(|error| unreadable(at, error))
}

/// A column holds what was never written there.
fn unreadable(at: usize, error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error))
}

/// Up to when what is kept is no longer asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prune {
    /// Replays, in seconds of the time that never steps back: those whose window is over.
    pub(crate) replays: i64,
    /// Deliveries that ended before.
    pub(crate) deliveries: Timestamp,
    /// Attempts and calls that began before, and what was told of them.
    pub(crate) attempts: Timestamp,
}

/// Removes what nobody asks for any more.
pub(crate) fn prune(c: &rusqlite::Connection, before: Prune) -> Result<(), StoreError> {
    replay::forget(c, before.replays)?;
    deliveries::prune(c, before.deliveries)?;
    attempts::prune(c, before.attempts)?;
    calls::prune(c, before.attempts)?;
    live::prune(c, before.attempts)
}
