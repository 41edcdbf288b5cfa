//! Agents, and whose they are.

use jiff::Timestamp;
use mewe_protocol::{AgentId, AppId, ThreadId, UserId};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::agent::Agent;

const COLUMNS: &str = "id, app, owner, name, personal, paused";

fn read(row: &Row<'_>) -> rusqlite::Result<Agent> {
    Ok(Agent {
        id: super::id(row, 0)?,
        app: super::id(row, 1)?,
        owner: super::id(row, 2)?,
        name: super::parsed(row, 3)?,
        personal: super::id(row, 4)?,
        paused: row.get(5)?,
    })
}

pub(crate) fn insert(c: &Connection, agent: &Agent, created: Timestamp) -> Result<(), StoreError> {
    c.execute(
        "INSERT INTO agents (id, app, owner, name, personal, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            agent.id.as_bytes(),
            agent.app.as_bytes(),
            agent.owner.as_bytes(),
            agent.name.as_str(),
            agent.personal.as_bytes(),
            created.as_millisecond()
        ],
    )?;
    Ok(())
}

pub(crate) fn set_paused(c: &Connection, agent: AgentId, paused: bool) -> Result<(), StoreError> {
    c.execute("UPDATE agents SET paused = ?2 WHERE id = ?1", params![agent.as_bytes(), paused])?;
    Ok(())
}

/// Marks it as unregistered, and no longer paused: what it is still to hear of that is delivered.
pub(crate) fn retire(c: &Connection, agent: AgentId, now: Timestamp) -> Result<(), StoreError> {
    c.execute(
        "UPDATE agents SET gone = ?2, paused = 0 WHERE id = ?1",
        params![agent.as_bytes(), now.as_millisecond()],
    )?;
    Ok(())
}

/// An agent that is registered.
pub(crate) fn get(c: &Connection, agent: AgentId) -> Result<Option<Agent>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM agents WHERE id = ?1 AND gone IS NULL");
    Ok(c.prepare_cached(&sql)?.query_row([agent.as_bytes()], read).optional()?)
}

/// Whether this id is, or was, an agent's.
pub(crate) fn is_agent(c: &Connection, user: UserId) -> Result<bool, StoreError> {
    Ok(c.prepare_cached("SELECT EXISTS (SELECT 1 FROM agents WHERE id = ?1)")?
        .query_row([user.as_bytes()], |row| row.get(0))?)
}

/// The agent that `owner` has of `app`.
pub(crate) fn of_owner(c: &Connection, owner: UserId, app: AppId) -> Result<Option<AgentId>, StoreError> {
    Ok(c.prepare_cached("SELECT id FROM agents WHERE owner = ?1 AND app = ?2 AND gone IS NULL")?
        .query_row([owner.as_bytes(), app.as_bytes()], |row| super::id(row, 0))
        .optional()?)
}

/// All that are registered for `app`.
pub(crate) fn of_app(c: &Connection, app: AppId) -> Result<Vec<Agent>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM agents WHERE app = ?1 AND gone IS NULL ORDER BY id");
    Ok(c.prepare_cached(&sql)?.query_map([app.as_bytes()], read)?.collect::<Result<_, _>>()?)
}

/// Those that are registered, after `after`, in the order of their ids.
pub(crate) fn list(c: &Connection, after: AgentId, limit: u32) -> Result<Vec<Agent>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM agents WHERE gone IS NULL AND id > ?1 ORDER BY id LIMIT ?2");
    Ok(c.prepare_cached(&sql)?.query_map(params![after.as_bytes(), limit], read)?.collect::<Result<_, _>>()?)
}

/// The threads it sits in beside its personal one, in the order in which it came.
pub(crate) fn further_threads(c: &Connection, agent: &Agent) -> Result<Vec<ThreadId>, StoreError> {
    Ok(c.prepare_cached("SELECT thread FROM members WHERE user = ?1 AND thread <> ?2 ORDER BY place")?
        .query_map([agent.id.as_bytes(), agent.personal.as_bytes()], |row| super::id(row, 0))?
        .collect::<Result<_, _>>()?)
}

/// An agent, registered or not: its name, and the first name of its owner.
pub(crate) fn known(c: &Connection, agent: UserId) -> Result<Option<(String, String)>, StoreError> {
    Ok(c.prepare_cached(
        "SELECT agents.name, users.first_name FROM agents JOIN users ON users.id = agents.owner WHERE agents.id = ?1",
    )?
    .query_row([agent.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
    .optional()?)
}
