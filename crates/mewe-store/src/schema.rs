//! How a file is opened: whose it is, how new, and how careful SQLite has to be.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::OpenError;

/// What a program keeps in its file.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Marks the file as this program's.
    pub application_id: i32,
    /// SQL, one step after the other; each is applied once, in a transaction of its own.
    pub migrations: Vec<String>,
}

/// The store's own table: its epoch.
const OWN: &str = "CREATE TABLE store_epoch (value INTEGER NOT NULL) STRICT; INSERT INTO store_epoch VALUES (0);";

pub(crate) fn open(path: &Path, schema: &Schema, max_bytes: Option<u64>) -> Result<Connection, OpenError> {
    make_private_file(path)?;
    let mut connection = Connection::open(path)?;
    let found_id: i32 = connection.pragma_query_value(None, "application_id", |r| r.get(0))?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |r| r.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    let file = || path.display().to_string();
    if found_id != schema.application_id && (found_id != 0 || found != 0 || tables != 0) {
        return Err(OpenError::Foreign { file: file() });
    }
    let known = u32::try_from(schema.migrations.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(OpenError::Newer { file: file(), found, known });
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    careful(&connection)?;
    // A commit that was answered survives the power going away: WAL alone does not promise that.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is deleted is gone from the file, not only from sight.
    connection.pragma_update(None, "secure_delete", true)?;
    if let Some(bytes) = max_bytes {
        let page: i64 = connection.pragma_query_value(None, "page_size", |r| r.get(0))?;
        connection.pragma_update(None, "max_page_count", i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1))?;
    }
    for (at, migration) in (1u32..).zip(&schema.migrations).skip(found as usize) {
        let tx = connection.transaction()?;
        if at == 1 {
            tx.execute_batch(OWN)?;
            tx.pragma_update(None, "application_id", schema.application_id)?;
        }
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", at)?;
        tx.commit()?;
    }
    Ok(connection)
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
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

pub(crate) fn next_epoch(connection: &Connection) -> Result<i64, OpenError> {
    connection.execute("UPDATE store_epoch SET value = value + 1", [])?;
    Ok(connection.query_row("SELECT value FROM store_epoch", [], |r| r.get(0))?)
}

/// SQLite gives its side files the mode of the main one.
fn make_private_file(path: &Path) -> Result<(), OpenError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let dir = path.parent().unwrap_or(path).display().to_string();
    options.open(path).map(|_| ()).map_err(|source| OpenError::Unwritable { dir, source })
}
