//! Requests that were used, and how far back they are remembered.

use mewe_protocol::{AgentId, AppId, MessageId, request::Verified};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

/// Remembers that `request` stored `message`. `false` when it had been used before.
pub(crate) fn remember(c: &Connection, request: &Verified, message: MessageId) -> Result<bool, StoreError> {
    let added = c
        .prepare_cached(
            "INSERT INTO sends (app, agent, timestamp, body_hash, message) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            request.app_id.as_bytes(),
            request.agent_id.as_bytes(),
            seconds(request.timestamp.0),
            request.body_hash,
            message.as_bytes()
        ])?;
    Ok(added > 0)
}

/// Whether `request` was used before.
pub(crate) fn is_used(c: &Connection, request: &Verified) -> Result<bool, StoreError> {
    Ok(c.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM sends WHERE app = ?1 AND agent = ?2 AND timestamp = ?3 AND body_hash = ?4)",
    )?
    .query_row(
        params![
            request.app_id.as_bytes(),
            request.agent_id.as_bytes(),
            seconds(request.timestamp.0),
            request.body_hash
        ],
        |row| row.get(0),
    )?)
}

/// What a request became when it was used.
pub(crate) fn became(
    c: &Connection,
    app: AppId,
    agent: AgentId,
    at: u64,
    body_hash: &[u8; 32],
) -> Result<Option<MessageId>, StoreError> {
    Ok(c.prepare_cached(
        "SELECT message FROM sends WHERE app = ?1 AND agent = ?2 AND timestamp = ?3 AND body_hash = ?4",
    )?
    .query_row(params![app.as_bytes(), agent.as_bytes(), seconds(at), body_hash], |row| super::id(row, 0))
    .optional()?)
}

/// Forgets what was signed for a second before `before`, and keeps in mind up to where it forgot.
pub(crate) fn forget(c: &Connection, before: i64) -> Result<(), StoreError> {
    let newest: Option<i64> = c
        .prepare_cached("SELECT MAX(timestamp) FROM sends WHERE timestamp < ?1")?
        .query_row([before], |row| row.get(0))?;
    if let Some(newest) = newest {
        c.execute("DELETE FROM sends WHERE timestamp < ?1", [before])?;
        c.execute("UPDATE host SET forgotten = MAX(forgotten, ?1)", [newest])?;
    }
    Ok(())
}

/// The newest second of which something was forgotten.
pub(crate) fn forgotten(c: &Connection) -> Result<i64, StoreError> {
    Ok(c.prepare_cached("SELECT forgotten FROM host")?.query_row([], |row| row.get(0))?)
}

/// SQLite's integers are signed; a second beyond them was refused long before.
pub(crate) fn seconds(unix: u64) -> i64 {
    i64::try_from(unix).unwrap_or(i64::MAX)
}
