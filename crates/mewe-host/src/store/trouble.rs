//! The switches of agents, and which ones they have befallen.
//!
//! Whether something is touched is decided and counted in the transaction of what is done about it: after a crash the one is not
//! counted without the other.

use jiff::Timestamp;
use mewe_protocol::AgentId;
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::live;
use crate::domain::trouble::{DELAY, Kind, Often, Plan, Switch, dice};

/// The switches of an agent.
pub(crate) fn of_agent(c: &Connection, agent: AgentId) -> Result<Plan, StoreError> {
    let seed = seed(c, agent)?;
    let set: Vec<Switch> = c
        .prepare_cached("SELECT kind, every, next, seconds, touched FROM trouble WHERE agent = ?1")?
        .query_map([agent.as_bytes()], |row| {
            let often = read_often(row, 1, 2)?;
            Ok(Switch { kind: super::parsed(row, 0)?, often, seconds: row.get(3)?, touched: number(row, 4)? })
        })?
        .collect::<Result<_, _>>()?;
    let switch = |kind| {
        let never = Switch { kind, often: Often::Off, seconds: None, touched: 0 };
        let mut switch = set.iter().find(|switch| switch.kind == kind).copied().unwrap_or(never);
        if kind == Kind::Delay {
            switch.seconds.get_or_insert(DELAY);
        }
        switch
    };
    Ok(Plan { seed, switches: Kind::ALL.map(switch).to_vec() })
}

/// The agents that have a switch on, and how all of theirs are set.
pub(crate) fn switched_on(c: &Connection) -> Result<Vec<(AgentId, Plan)>, StoreError> {
    list(c, AgentId::from_bytes([0; 12]), u32::MAX)
}

/// As [`switched_on`]: those after `after`, in the order of their ids.
pub(crate) fn list(c: &Connection, after: AgentId, limit: u32) -> Result<Vec<(AgentId, Plan)>, StoreError> {
    let agents: Vec<AgentId> = c
        .prepare_cached("SELECT id FROM agents WHERE troubles > 0 AND gone IS NULL AND id > ?1 ORDER BY id LIMIT ?2")?
        .query_map(params![after.as_bytes(), limit], |row| super::id(row, 0))?
        .collect::<Result<_, _>>()?;
    agents.into_iter().map(|agent| Ok((agent, of_agent(c, agent)?))).collect()
}

/// Whether an agent has a switch on.
pub(crate) fn is_on(c: &Connection, agent: AgentId) -> Result<bool, StoreError> {
    let on = c
        .prepare_cached("SELECT troubles > 0 FROM agents WHERE id = ?1 AND gone IS NULL")?
        .query_row([agent.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(on.unwrap_or(false))
}

/// Sets a switch, which then begins anew. Without `seconds` they stay as they were.
pub(crate) fn set(
    c: &Connection,
    agent: AgentId,
    kind: Kind,
    often: Often,
    seconds: Option<u32>,
) -> Result<(), StoreError> {
    let (every, next) = match often {
        Often::Off => (0, false),
        Often::Every(many) => (many, false),
        Often::Next => (0, true),
    };
    c.prepare_cached(
        "INSERT INTO trouble (agent, kind, every, next, seconds) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET every = excluded.every, next = excluded.next,
         seconds = COALESCE(excluded.seconds, seconds), seen = 0",
    )?
    .execute(params![agent.as_bytes(), kind.name(), every, next, seconds])?;
    recount(c, agent)
}

/// Sets what decides which ones are touched; all switches begin anew.
pub(crate) fn set_seed(c: &Connection, agent: AgentId, seed: u64) -> Result<(), StoreError> {
    c.prepare_cached("UPDATE agents SET seed = ?2 WHERE id = ?1")?
        .execute(params![agent.as_bytes(), i64::try_from(seed).unwrap_or(i64::MAX)])?;
    c.prepare_cached("UPDATE trouble SET seen = 0 WHERE agent = ?1")?.execute([agent.as_bytes()])?;
    Ok(())
}

/// Something is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touch {
    /// What the seed rolls for it.
    pub(crate) dice: u64,
    /// Of a delay.
    pub(crate) seconds: u32,
}

/// Decides whether the next thing that `kind` can befall is touched, and counts it.
pub(crate) fn touches(c: &Connection, agent: AgentId, kind: Kind, now: Timestamp) -> Result<Option<Touch>, StoreError> {
    let row: Option<(Often, Option<u32>, u64)> = c
        .prepare_cached("SELECT every, next, seconds, seen FROM trouble WHERE agent = ?1 AND kind = ?2")?
        .query_row(params![agent.as_bytes(), kind.name()], |row| {
            Ok((read_often(row, 0, 1)?, row.get(2)?, number(row, 3)?))
        })
        .optional()?;
    let Some((often, seconds, seen)) = row.filter(|(often, ..)| often.is_on()) else { return Ok(None) };
    let seed = seed(c, agent)?;
    let befallen = often.befalls(kind, seed, seen);
    c.prepare_cached(
        "UPDATE trouble SET seen = seen + 1, touched = touched + ?3, next = next AND NOT ?3
         WHERE agent = ?1 AND kind = ?2",
    )?
    .execute(params![agent.as_bytes(), kind.name(), befallen])?;
    if !befallen {
        return Ok(None);
    }
    recount(c, agent)?;
    live::trouble(c, agent, now)?;
    Ok(Some(Touch { dice: dice(kind, seed, seen), seconds: seconds.unwrap_or(DELAY) }))
}

fn seed(c: &Connection, agent: AgentId) -> Result<u64, StoreError> {
    let seed = c
        .prepare_cached("SELECT seed FROM agents WHERE id = ?1")?
        .query_row([agent.as_bytes()], |row| number(row, 0))
        .optional()?;
    Ok(seed.unwrap_or_default())
}

/// Keeps in mind how many switches are on.
fn recount(c: &Connection, agent: AgentId) -> Result<(), StoreError> {
    c.prepare_cached(
        "UPDATE agents SET troubles = (SELECT count(*) FROM trouble WHERE agent = ?1 AND (every > 0 OR next))
         WHERE id = ?1",
    )?
    .execute([agent.as_bytes()])?;
    Ok(())
}

/// A number that is never below 0.
fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)?.max(0).cast_unsigned())
}

fn read_often(row: &Row<'_>, every: usize, next: usize) -> rusqlite::Result<Often> {
    Ok(match (row.get(every)?, row.get(next)?) {
        (_, true) => Often::Next,
        (0, false) => Often::Off,
        (many, false) => Often::Every(many),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_seed_and_the_same_one_again_begin_anew() {
        let c = Connection::open_in_memory().unwrap();
        for step in crate::store::migrations() {
            c.execute_batch(&step).unwrap();
        }
        c.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        let agent = AgentId::from_bytes([1; 12]);
        c.execute(
            "INSERT INTO agents (id, app, owner, name, personal, created) VALUES (?1, ?1, ?1, 'MuadDib', ?1, 0)",
            [agent.as_bytes()],
        )
        .unwrap();
        set(&c, agent, Kind::Reorder, Often::Every(3), None).unwrap();
        let touched = |seed| -> Vec<bool> {
            set_seed(&c, agent, seed).unwrap();
            // No whole block of three: whoever went on would be out of step.
            let touch = || touches(&c, agent, Kind::Reorder, Timestamp::UNIX_EPOCH).unwrap().is_some();
            (0..16).map(|_| touch()).collect()
        };
        let first = touched(4711);
        assert_ne!(touched(4712), first);
        assert_eq!(touched(4711), first);
    }
}
