//! What handlers may read. Every query names its agent.

use std::collections::HashMap;

use jiff::Timestamp;
use mewe_protocol::{AgentId, MessageId, ThreadId, UserId};
use mewe_store::{Counts, StoreError};
use rusqlite::{OptionalExtension, params};

use super::{AgentStore, INBOX, OUTBOX, counter, roster};
use crate::{
    Agent, Past, Person, Since, Thread,
    origin::Origin,
    state::{Cell, Place},
};

/// How much work is where.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) inbox: Counts,
    pub(crate) outbox: Counts,
    pub(crate) malformed: i64,
    pub(crate) held: i64,
    /// Events of agents whose owner never became known.
    pub(crate) dropped: i64,
}

impl AgentStore {
    pub(crate) async fn threads(&self, agent: Agent) -> Result<Vec<Thread>, StoreError> {
        self.db
            .read(move |c| {
                let id = agent.id;
                let mut threads = c.prepare_cached(
                    "SELECT thread, number FROM threads WHERE agent = ?1 AND member ORDER BY number, thread",
                )?;
                let threads: Vec<([u8; 12], u32)> =
                    threads.query_map([id.as_bytes()], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
                let mut people = c.prepare_cached(
                    "SELECT thread, user, name, is_agent FROM people WHERE agent = ?1 AND present AND user <> ?2
                     ORDER BY name IS NULL, name, user",
                )?;
                let mut by_thread: HashMap<[u8; 12], Vec<Person>> = HashMap::new();
                let rows = people.query_map(params![id.as_bytes(), agent.owner.id.as_bytes()], |r| {
                    let user = UserId::from_bytes(r.get(1)?);
                    Ok((r.get(0)?, Person { id: user, name: r.get(2)?, is_agent: r.get(3)? }))
                })?;
                for row in rows {
                    let (thread, person) = row?;
                    by_thread.entry(thread).or_default().push(person);
                }
                let thread = |(id, number)| Thread {
                    id: ThreadId::from_bytes(id),
                    number,
                    people: by_thread.remove(&id).unwrap_or_default(),
                };
                Ok(threads.into_iter().map(thread).collect())
            })
            .await
    }

    /// `asked_by` is the message of this very thread that is being handled: it asks about the past, so it is no part of it,
    /// and what the owner last wrote is what they wrote before it.
    pub(crate) async fn history(
        &self,
        agent: Agent,
        thread: ThreadId,
        since: Since,
        asked_by: Option<MessageId>,
        limit: u32,
    ) -> Result<Vec<Past>, StoreError> {
        self.db
            .read(move |c| {
                let (id, owner) = (agent.id, agent.owner.id);
                let asked_by = asked_by.map_or([0xff; 12], |message| *message.as_bytes());
                let asked_at: Option<i64> = c
                    .prepare_cached("SELECT at FROM messages WHERE agent = ?1 AND message = ?2")?
                    .query_row(params![id.as_bytes(), asked_by], |r| r.get(0))
                    .optional()?;
                // Order within a second is that of the ids: a host gives them rising.
                let after: Option<(i64, [u8; 12])> = match since {
                    Since::Start => None,
                    Since::Time(at) => Some((at.as_second() - 1, [0xff; 12])),
                    Since::OwnerWrote => c
                        .prepare_cached(
                            "SELECT at, message FROM messages WHERE agent = ?1 AND thread = ?2 AND author = ?3
                             AND (at, message) < (?4, ?5) ORDER BY at DESC, message DESC LIMIT 1",
                        )?
                        .query_row(
                            params![
                                id.as_bytes(),
                                thread.as_bytes(),
                                owner.as_bytes(),
                                asked_at.unwrap_or(i64::MAX),
                                asked_by
                            ],
                            |r| Ok((r.get(0)?, r.get(1)?)),
                        )
                        .optional()?,
                };
                let (at, message) = after.unwrap_or((i64::MIN, [0; 12]));
                let mut rows = c.prepare_cached(
                    "SELECT m.message, m.author, m.text, m.at, p.name, COALESCE(p.is_agent, 0)
                     FROM messages m LEFT JOIN people p ON p.agent = m.agent AND p.thread = m.thread AND p.user = m.author
                     WHERE m.agent = ?1 AND m.thread = ?2 AND (m.at, m.message) > (?3, ?4) AND m.message <> ?5
                     ORDER BY m.at DESC, m.message DESC LIMIT ?6",
                )?;
                let mut past: Vec<Past> = rows
                    .query_map(params![id.as_bytes(), thread.as_bytes(), at, message, asked_by, limit], |r| {
                        let author = UserId::from_bytes(r.get(1)?);
                        Ok(Past {
                            id: MessageId::from_bytes(r.get(0)?),
                            author: Person { id: author, name: r.get(4)?, is_agent: r.get(5)? },
                            is_owner: author == owner,
                            is_me: author == id.into(),
                            text: r.get(2)?,
                            at: Timestamp::from_second(r.get(3)?).unwrap_or(Timestamp::UNIX_EPOCH),
                        })
                    })?
                    .collect::<Result<_, _>>()?;
                past.reverse();
                Ok(past)
            })
            .await
    }

    pub(crate) async fn person(
        &self,
        agent: AgentId,
        thread: ThreadId,
        user: UserId,
    ) -> Result<Option<Person>, StoreError> {
        self.db.read(move |c| roster::person(c, agent, thread, user)).await
    }

    pub(crate) async fn state(
        &self,
        agent: AgentId,
        place: Place,
        name: &'static str,
    ) -> Result<Option<Cell>, StoreError> {
        self.db
            .read(move |c| {
                Ok(c.prepare_cached(
                    "SELECT revision, version, value, holds_text, o.threads FROM state s JOIN origins o ON o.id = s.origin
                     WHERE s.agent = ?1 AND s.place = ?2 AND s.name = ?3",
                )?
                .query_row(params![agent.as_bytes(), place.key(), name], |r| {
                    Ok(Cell {
                        revision: r.get(0)?,
                        version: r.get(1)?,
                        value: r.get(2)?,
                        text: r.get(3)?,
                        origin: Origin::from_bytes(&r.get::<_, Vec<u8>>(4)?),
                    })
                })
                .optional()?)
            })
            .await
    }

    /// How much work is where.
    pub(crate) async fn load(&self) -> Result<Load, StoreError> {
        self.db
            .read(|c| {
                let count = |table: &str| c.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0));
                Ok(Load {
                    inbox: INBOX.counts(c)?,
                    outbox: OUTBOX.counts(c)?,
                    malformed: count("malformed")?,
                    held: count("held")?,
                    dropped: counter(c, "dropped")?,
                })
            })
            .await
    }

    /// Whether nothing is due or under way.
    pub(crate) async fn is_idle(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.db.read(move |c| Ok(INBOX.is_idle(c, now)? && OUTBOX.is_idle(c, now)?)).await
    }
}
