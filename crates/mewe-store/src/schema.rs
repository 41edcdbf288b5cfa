//! How a file is opened: whose it is, how new, and how careful SQLite has to be.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{OpenError, StoreError, lock};

/// What a program keeps in its file.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Marks the file as this program's; not 0, which is what an empty file has.
    pub application_id: i32,
    /// SQL, one step after the other; each is applied once, in a transaction of its own. A file's version is the number of
    /// steps applied. Steps are only ever added: a change of one that users have run would never reach them.
    pub migrations: Vec<String>,
}

/// The store's own table: its epoch.
const OWN: &str = "
    CREATE TABLE IF NOT EXISTS store_epoch (one INTEGER PRIMARY KEY CHECK (one = 1), value INTEGER NOT NULL) STRICT;
    INSERT OR IGNORE INTO store_epoch VALUES (1, 0);";

/// Pages that the log may keep after a burst, in bytes.
const LOG_BYTES: i64 = 64 * 1024 * 1024;

pub(crate) fn open(path: &Path, schema: &Schema, max_bytes: Option<u64>) -> Result<Connection, OpenError> {
    let dir = || path.parent().unwrap_or(path).display().to_string();
    // SQLite gives its side files the mode of this one.
    lock::private_file(path).map_err(|source| OpenError::Unwritable { dir: dir(), source })?;
    let mut connection = Connection::open(path)?;
    let found = version(&connection, path, schema)?;
    careful(&connection)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |r| r.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Io("the file system cannot hold a write-ahead log".to_owned()).into());
    }
    // A commit that was answered survives the power going away: WAL alone does not promise that.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Where fsync alone leaves data in the drive (macOS); elsewhere without effect.
    connection.pragma_update(None, "fullfsync", true)?;
    // What is deleted is gone from the file, not only from sight.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    if let Some(bytes) = max_bytes {
        let page: i64 = connection.pragma_query_value(None, "page_size", |r| r.get(0))?;
        // 0 would not set a limit but ask for it.
        let pages = (i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1)).max(1);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    migrate(&mut connection, schema, found)?;
    Ok(connection)
}

/// How many migrations the file has seen, if it is ours and not newer than we are.
fn version(connection: &Connection, path: &Path, schema: &Schema) -> Result<u32, OpenError> {
    let file = || path.display().to_string();
    let look = || -> rusqlite::Result<(i32, u32, i64)> {
        Ok((
            connection.pragma_query_value(None, "application_id", |r| r.get(0))?,
            connection.pragma_query_value(None, "user_version", |r| r.get(0))?,
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?,
        ))
    };
    let (application, found, tables) = match look() {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            return Err(OpenError::Foreign { file: file() });
        }
        looked => looked?,
    };
    let empty = application == 0 && found == 0 && tables == 0;
    if application != schema.application_id && !empty {
        return Err(OpenError::Foreign { file: file() });
    }
    let known = u32::try_from(schema.migrations.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(OpenError::Newer { file: file(), found, known });
    }
    Ok(found)
}

fn migrate(connection: &mut Connection, schema: &Schema, found: u32) -> Result<(), OpenError> {
    let tx = connection.transaction()?;
    tx.execute_batch(OWN)?;
    tx.pragma_update(None, "application_id", schema.application_id)?;
    tx.commit()?;
    for (number, migration) in (1u32..).zip(&schema.migrations).skip(found as usize) {
        let tx = connection.transaction()?;
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}

/// A connection that cannot write.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    careful(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn careful(connection: &Connection) -> Result<(), OpenError> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // What is sorted is not left in somebody's /tmp.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

pub(crate) fn next_epoch(connection: &Connection) -> Result<i64, OpenError> {
    let sql = "UPDATE store_epoch SET value = value + 1 RETURNING value";
    Ok(connection.query_row(sql, [], |r| r.get(0))?)
}
