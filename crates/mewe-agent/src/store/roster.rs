//! Who is who, and who sits where: what events have told so far.
//!
//! Names are facts of the thread in which they were learned. The wire lists nobody, so only those are known who were heard of.

use jiff::Timestamp;
use mewe_protocol::{AgentId, ThreadId, UserId, mention};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

use super::{AgentStore, INBOX, OUTBOX, Owners};
use crate::{Agent, Person};

impl AgentStore {
    /// Corrects an agent's own membership by what the thread itself answered. The newest news becomes what is true: after stale news of
    /// having left, the true one would pass for a duplicate.
    pub(crate) async fn set_member(&self, agent: AgentId, thread: ThreadId, member: bool) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                tx.execute(
                    "UPDATE membership SET news = ?3 WHERE agent = ?1 AND thread = ?2 AND subject = ?1",
                    params![agent.as_bytes(), thread.as_bytes(), if member { "joined" } else { "left" }],
                )?;
                tx.execute(
                    "UPDATE threads SET member = ?3 WHERE agent = ?1 AND thread = ?2",
                    params![agent.as_bytes(), thread.as_bytes(), member],
                )?;
                Ok::<_, StoreError>(())
            })
            .await
    }
}

/// What one agent knows, in one transaction.
#[derive(Clone, Copy)]
pub(super) struct Roster<'a> {
    tx: &'a Connection,
    agent: AgentId,
}

impl<'a> Roster<'a> {
    pub(super) fn new(tx: &'a Connection, agent: AgentId) -> Self {
        Self { tx, agent }
    }

    pub(super) fn standing(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT standing FROM agents WHERE agent = ?1";
        Ok(self.tx.prepare_cached(sql)?.query_row([self.agent.as_bytes()], |r| r.get(0)).optional()?)
    }

    /// Whether the newest news about this membership says something else, or nothing yet.
    pub(super) fn is_news(&self, thread: ThreadId, subject: UserId, news: &str) -> Result<bool, StoreError> {
        let changed = self
            .tx
            .prepare_cached(
                "INSERT INTO membership VALUES (?1, ?2, ?3, ?4) ON CONFLICT (agent, thread, subject)
                 DO UPDATE SET news = excluded.news WHERE news <> excluded.news",
            )?
            .execute(params![self.agent.as_bytes(), thread.as_bytes(), subject.as_bytes(), news])?;
        Ok(changed > 0)
    }

    /// Whether the newest news of the agent's own membership is that it has left.
    pub(super) fn has_left(&self, thread: ThreadId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM membership
                   WHERE agent = ?1 AND thread = ?2 AND subject = ?1 AND news = 'left')";
        let keys = [self.agent.as_bytes(), thread.as_bytes()];
        Ok(self.tx.prepare_cached(sql)?.query_row(keys, |r| r.get(0))?)
    }

    /// A thread is known from the first time it is heard of; `member` says that the agent sits in it.
    pub(super) fn thread(&self, thread: ThreadId, member: bool) -> Result<(), StoreError> {
        self.tx
            .prepare_cached(
                "INSERT INTO threads VALUES (?1, ?2,
                   CASE WHEN EXISTS (SELECT 1 FROM agents WHERE agent = ?1 AND personal = ?2) THEN 0
                   ELSE (SELECT COALESCE(MAX(number), 0) + 1 FROM threads WHERE agent = ?1) END, ?3)
                 ON CONFLICT (agent, thread) DO UPDATE SET
                   member = MAX(member, excluded.member),
                   number = CASE WHEN excluded.number = 0 THEN 0 ELSE number END",
            )?
            .execute(params![self.agent.as_bytes(), thread.as_bytes(), member])?;
        Ok(())
    }

    /// A person is known from the first time they are heard of; an empty name teaches nothing.
    pub(super) fn person(
        &self,
        thread: ThreadId,
        user: UserId,
        name: &str,
        is_agent: bool,
        present: bool,
    ) -> Result<(), StoreError> {
        if user == UserId::from(self.agent) {
            return Ok(());
        }
        // A name is no place to ping from, wherever it is repeated.
        let name = mention::plain(name.trim());
        self.tx
            .prepare_cached(
                "INSERT INTO people VALUES (?1, ?2, ?3, NULLIF(?4, ''), ?5, ?6) ON CONFLICT (agent, thread, user)
                 DO UPDATE SET name = COALESCE(excluded.name, name), is_agent = MAX(is_agent, excluded.is_agent),
                 present = excluded.present",
            )?
            .execute(params![self.agent.as_bytes(), thread.as_bytes(), user.as_bytes(), name, is_agent, present])?;
        Ok(())
    }

    /// Agents of this application, and those whose joining was seen. The wire does not mark others.
    pub(super) fn is_known_agent(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(self
            .tx
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM agents WHERE agent = ?2)
                     OR EXISTS (SELECT 1 FROM people WHERE agent = ?1 AND user = ?2 AND is_agent)",
            )?
            .query_row(params![self.agent.as_bytes(), user.as_bytes()], |r| r.get(0))?)
    }

    pub(super) fn personal(&self) -> Result<Option<ThreadId>, StoreError> {
        let sql = "SELECT personal FROM agents WHERE agent = ?1";
        let personal: Option<[u8; 12]> = self.tx.query_row(sql, [self.agent.as_bytes()], |r| r.get(0))?;
        Ok(personal.map(ThreadId::from_bytes))
    }
}

/// Whether `owner` is one of those whom this application serves.
pub(super) fn obeys(tx: &Connection, owners: &Owners, owner: UserId) -> Result<bool, StoreError> {
    Ok(match owners {
        Owners::Any => true,
        Owners::Only(owners) => owners.contains(&owner),
        Owners::First => {
            tx.execute("INSERT OR IGNORE INTO meta VALUES ('first_owner', ?1)", [owner.as_bytes()])?;
            let sql = "SELECT value FROM meta WHERE name = 'first_owner'";
            let first: [u8; 12] = tx.query_row(sql, [], |r| r.get(0))?;
            first == *owner.as_bytes()
        }
    })
}

/// Judges the agents that are known already by whom the application serves now: the setting may be another than at the last
/// start. What an agent still had to do for an owner whom it does not serve any more is cancelled.
pub(super) fn judge_owners(tx: &Connection, owners: &Owners, now: Timestamp) -> Result<(), StoreError> {
    let mut rows = tx.prepare(
        "SELECT agent, owner, standing FROM agents WHERE owner IS NOT NULL AND standing IN ('obeyed', 'refused')
         ORDER BY standing, since, agent",
    )?;
    let known: Vec<([u8; 12], [u8; 12], String)> =
        rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect::<Result<_, _>>()?;
    for (agent, owner, before) in known {
        let standing = if obeys(tx, owners, UserId::from_bytes(owner))? { "obeyed" } else { "refused" };
        if standing == before {
            continue;
        }
        tracing::warn!(agent = %AgentId::from_bytes(agent), standing, "whom this application serves was changed");
        tx.execute("UPDATE agents SET standing = ?2 WHERE agent = ?1", params![agent, standing])?;
        if standing == "refused" {
            for (queue, table) in [(INBOX, "inbox"), (OUTBOX, "outbox")] {
                let sql = format!(
                    "SELECT DISTINCT key FROM {table} WHERE substr(key, 1, 12) = ?1 AND state NOT IN ('done', 'cancelled')"
                );
                let keys: Vec<Vec<u8>> =
                    tx.prepare(&sql)?.query_map([agent], |r| r.get(0))?.collect::<Result<_, _>>()?;
                for key in keys {
                    queue.cancel_key(tx, &key, now)?;
                }
            }
        }
    }
    Ok(())
}

/// The agent as its handlers see it; `None` while its owner is not known.
pub(super) fn agent_facts(tx: &Connection, agent: AgentId) -> Result<Option<Agent>, StoreError> {
    type Row = (String, Option<[u8; 12]>, Option<String>, Option<[u8; 12]>);
    let row: Option<Row> = tx
        .prepare_cached("SELECT name, owner, owner_name, personal FROM agents WHERE agent = ?1")?
        .query_row([agent.as_bytes()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
        .optional()?;
    Ok(row.and_then(|(name, owner, owner_name, personal)| {
        Some(Agent {
            id: agent,
            name,
            owner: Person::new(UserId::from_bytes(owner?), owner_name.as_deref().unwrap_or(""), false),
            personal_thread: personal.map(ThreadId::from_bytes),
        })
    }))
}

/// Somebody as known in this thread.
pub(super) fn person(
    c: &Connection,
    agent: AgentId,
    thread: ThreadId,
    user: UserId,
) -> Result<Option<Person>, StoreError> {
    let found: Option<(Option<String>, bool)> = c
        .prepare_cached("SELECT name, is_agent FROM people WHERE agent = ?1 AND thread = ?2 AND user = ?3")?
        .query_row(params![agent.as_bytes(), thread.as_bytes(), user.as_bytes()], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    Ok(found.map(|(name, is_agent)| Person { id: user, name, is_agent }))
}

/// Whether somebody else than owner and agent is in their thread (docs/wire.md, D14). The host keeps it to the two, so this is
/// not what the owner thinks it is, and nothing is said or done there.
pub(super) fn is_overheard(tx: &Connection, agent: AgentId, thread: ThreadId) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM people JOIN agents USING (agent)
               WHERE agent = ?1 AND thread = ?2 AND personal = ?2 AND present AND user <> owner)";
    Ok(tx.prepare_cached(sql)?.query_row([agent.as_bytes(), thread.as_bytes()], |r| r.get(0))?)
}
