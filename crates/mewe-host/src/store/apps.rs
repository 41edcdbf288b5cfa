//! Applications and their keys.

use mewe_protocol::{ApiKey, AppId};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::{application::Application, permission::Permissions};

const COLUMNS: &str = "id, name, permissions, webhook_url, disabled, created";

fn read(row: &Row<'_>) -> rusqlite::Result<Application> {
    Ok(Application {
        id: super::id(row, 0)?,
        name: super::parsed(row, 1)?,
        permissions: permissions(row, 2)?,
        webhook_url: super::parsed(row, 3)?,
        disabled: row.get(4)?,
        created: super::time(row, 5)?,
    })
}

/// The permissions in a column, one a line.
fn permissions(row: &Row<'_>, at: usize) -> rusqlite::Result<Permissions> {
    Permissions::new(row.get_ref(at)?.as_str()?.lines()).map_err(|error| super::unreadable(at, error))
}

fn lines(permissions: &Permissions) -> String {
    permissions.names().join("\n")
}

pub(crate) fn insert(c: &Connection, app: &Application, key: &ApiKey) -> Result<(), StoreError> {
    c.prepare_cached(
        "INSERT INTO apps (id, name, permissions, webhook_url, api_key, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        app.id.as_bytes(),
        app.name.as_str(),
        lines(&app.permissions),
        app.webhook_url.as_str(),
        key.expose(),
        app.created.as_millisecond()
    ])?;
    Ok(())
}

/// Writes name, permissions, URL and whether it is disabled; everything else of an application never changes.
pub(crate) fn update(c: &Connection, app: &Application) -> Result<(), StoreError> {
    c.execute(
        "UPDATE apps SET name = ?2, permissions = ?3, webhook_url = ?4, disabled = ?5 WHERE id = ?1",
        params![app.id.as_bytes(), app.name.as_str(), lines(&app.permissions), app.webhook_url.as_str(), app.disabled],
    )?;
    Ok(())
}

pub(crate) fn set_key(c: &Connection, app: AppId, key: &ApiKey) -> Result<(), StoreError> {
    c.execute("UPDATE apps SET api_key = ?2 WHERE id = ?1", params![app.as_bytes(), key.expose()])?;
    Ok(())
}

pub(crate) fn delete(c: &Connection, app: AppId) -> Result<(), StoreError> {
    c.execute("DELETE FROM apps WHERE id = ?1", [app.as_bytes()])?;
    Ok(())
}

pub(crate) fn get(c: &Connection, app: AppId) -> Result<Option<Application>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM apps WHERE id = ?1");
    Ok(c.prepare_cached(&sql)?.query_row([app.as_bytes()], read).optional()?)
}

/// Those after `after`, in the order of their ids.
pub(crate) fn list(c: &Connection, after: AppId, limit: u32) -> Result<Vec<Application>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM apps WHERE id > ?1 ORDER BY id LIMIT ?2");
    Ok(c.prepare_cached(&sql)?.query_map(params![after.as_bytes(), limit], read)?.collect::<Result<_, _>>()?)
}

/// The key under which an application's requests are verified.
pub(crate) fn key(c: &Connection, app: AppId) -> Result<Option<ApiKey>, StoreError> {
    Ok(c.prepare_cached("SELECT api_key FROM apps WHERE id = ?1")?
        .query_row([app.as_bytes()], |row| read_key(row, 0))
        .optional()?)
}

/// The key in a column.
pub(crate) fn read_key(row: &Row<'_>, at: usize) -> rusqlite::Result<ApiKey> {
    ApiKey::new(row.get::<_, String>(at)?).map_err(|error| super::unreadable(at, error))
}

/// Counts a failed attempt of the endpoint.
pub(crate) fn count_failure(c: &Connection, app: AppId) -> Result<(), StoreError> {
    c.prepare_cached("UPDATE apps SET failures = failures + 1 WHERE id = ?1")?.execute([app.as_bytes()])?;
    Ok(())
}

/// Notes that the endpoint took something; returns how many attempts in a row had failed before.
pub(crate) fn count_success(c: &Connection, app: AppId) -> Result<u32, StoreError> {
    let failures: Option<u32> = c
        .prepare_cached("SELECT failures FROM apps WHERE id = ?1")?
        .query_row([app.as_bytes()], |row| row.get(0))
        .optional()?;
    let failures = failures.unwrap_or(0);
    if failures > 0 {
        c.prepare_cached("UPDATE apps SET failures = 0 WHERE id = ?1")?.execute([app.as_bytes()])?;
    }
    Ok(failures)
}

pub(crate) fn disable(c: &Connection, app: AppId, why: &str) -> Result<(), StoreError> {
    c.execute("UPDATE apps SET disabled = ?2 WHERE id = ?1", params![app.as_bytes(), why])?;
    Ok(())
}
