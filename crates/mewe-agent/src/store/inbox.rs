//! Accepted, deduplicated, handled, parked.
//!
//! What an event tells about agents, threads and people is kept in the transaction that accepts it, so that a handler sees
//! at least the world of its own event. What a handler asks for is kept in the transaction that marks its event as done.

use std::time::Duration;

use jiff::Timestamp;
use mewe_protocol::{AgentId, EventName, MessageId, Payload, ThreadId, UnixSeconds, UserId, mention, message};
use mewe_runtime::clock::later;
use mewe_store::{Claim, Hold, StoreError};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{AgentStore, INBOX, OUTBOX, Owners, keep_message, lane, origin_id};
use crate::{Agent, Person, effect::Effects, origin::Origin, words};

/// What came of an event at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// Stored; it will be handled.
    New,
    /// Stored; nobody needs to handle it (our own words, another agent's).
    Kept,
    /// Known already.
    Duplicate,
    /// Stored until its agent's owner is known.
    Held,
    /// Not stored: its agent serves nobody here.
    Dropped,
}

/// An event on its way to its handler.
#[derive(Debug)]
pub(crate) struct Work {
    claim: Claim,
    pub(crate) payload: Payload,
    pub(crate) agent: Agent,
    pub(crate) thread: Option<ThreadId>,
    pub(crate) author: Option<Person>,
    pub(crate) at: Timestamp,
    /// The handler was told that the event mentions the agent.
    named: bool,
}

impl Work {
    /// What holds it.
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// How often a handler was started for it, this time included.
    pub(crate) fn attempt(&self) -> u32 {
        self.claim.attempt
    }
}

/// What came of completing an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completed {
    /// Event and effects are stored.
    Done,
    /// Somebody else has the event now; nothing was stored.
    Fenced,
    /// A value that the handler had read was changed meanwhile; it runs again.
    Conflict,
}

/// The starts for which a failing event holds its lane.
const STARTS_IN_PLACE: u32 = 3;
/// The starts after which it is parked.
const STARTS: u32 = 10;

impl AgentStore {
    /// Keeps an authentic event, durably before this returns.
    pub(crate) async fn accept(
        &self,
        agent: AgentId,
        payload: Payload,
        body: Vec<u8>,
        sent_at: UnixSeconds,
        now: Timestamp,
    ) -> Result<Accepted, StoreError> {
        let owners = self.owners.clone();
        self.db.write(move |tx| Acceptance { tx, agent, owners: &owners, now }.event(&payload, &body, sent_at)).await
    }

    /// Keeps an authentic event whose payload is not what it should be, for a person to look at.
    pub(crate) async fn accept_malformed(
        &self,
        agent: AgentId,
        name: EventName,
        body: Vec<u8>,
        why: String,
        now: Timestamp,
    ) -> Result<Accepted, StoreError> {
        self.db
            .write(move |tx| {
                if !first_time(tx, agent, &name, &body, now)? {
                    return Ok(Accepted::Duplicate);
                }
                tx.execute(
                    "INSERT INTO malformed (agent, name, body, why, received) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![agent.as_bytes(), name.as_str(), body, why, now.as_second()],
                )?;
                Ok::<_, StoreError>(Accepted::Kept)
            })
            .await
    }

    /// Claims events that are due. The attempt is counted before the handler starts, so that an event that takes the
    /// process down is parked too.
    pub(crate) async fn claim(&self, limit: usize, now: Timestamp) -> Result<Vec<Work>, StoreError> {
        let epoch = self.db.epoch();
        self.db
            .write(move |tx| {
                let claims = INBOX.claim(tx, epoch, now, limit)?;
                let mut works = Vec::with_capacity(claims.len());
                for claim in claims {
                    match load(tx, &claim)? {
                        // It never came as far as failing: each time the process ended first.
                        Ok(work) if claim.attempt > STARTS => {
                            park(tx, &work, "the process ended whenever it ran", now)?;
                        }
                        Ok(work) => works.push(work),
                        Err(why) => INBOX.park(tx, &claim, &why, now)?,
                    }
                }
                Ok::<_, StoreError>(works)
            })
            .await
    }

    /// Gives an event back of which nobody knows how its handling ended; it is handled again after `pause`.
    pub(crate) async fn give_event_back(
        &self,
        claim: Claim,
        pause: Duration,
        counts: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.db.write(move |tx| INBOX.give_back(tx, &claim, later(now, pause), now, counts)).await
    }

    /// When the next event is due.
    pub(crate) async fn next_event_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.db.read(|c| INBOX.next_due(c)).await
    }

    /// Stores what a handler asked for, together with "event done".
    pub(crate) async fn complete(&self, work: Work, effects: Effects, now: Timestamp) -> Result<Completed, StoreError> {
        self.db
            .write(move |tx| {
                let agent = work.agent.id;
                for read in &effects.reads {
                    if revision(tx, agent, &read.place.key(), read.name)? != read.revision {
                        INBOX.retry(tx, &work.claim, Hold::Lane, now, "state changed meanwhile", now, false)?;
                        return Ok(Completed::Conflict);
                    }
                }
                match INBOX.done(tx, &work.claim, now) {
                    Ok(()) => {}
                    Err(mewe_store::QueueError::Fenced) => return Ok(Completed::Fenced),
                    Err(error) => return Err(error.into()),
                }
                for write in &effects.writes {
                    let origin = origin_id(tx, agent, &write.origin)?;
                    tx.prepare_cached(
                        "INSERT INTO state VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7)
                         ON CONFLICT (agent, place, name) DO UPDATE SET revision = revision + 1, version = excluded.version,
                         value = excluded.value, holds_text = excluded.holds_text, origin = excluded.origin",
                    )?
                    .execute(params![
                        agent.as_bytes(),
                        write.place.key(),
                        write.name,
                        write.version,
                        write.value,
                        write.text,
                        origin
                    ])?;
                }
                for (part, send) in effects.sends.iter().enumerate() {
                    push_send(tx, agent, send.thread, &send.text, work.claim.id, part, &send.origin, now)?;
                }
                finish(tx, &work, effects.is_empty(), now)?;
                Ok::<_, StoreError>(Completed::Done)
            })
            .await
    }

    /// Records that a handler failed. Says whether the event was parked.
    pub(crate) async fn fail(
        &self,
        work: Work,
        cause: String,
        backoff: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.db
            .write(move |tx| {
                let claim = &work.claim;
                if claim.attempt >= STARTS {
                    park(tx, &work, &cause, now)?;
                    return Ok(true);
                }
                let hold = if claim.attempt < STARTS_IN_PLACE { Hold::Lane } else { Hold::Aside };
                INBOX.retry(tx, claim, hold, later(now, backoff), &cause, now, true)?;
                Ok::<_, StoreError>(false)
            })
            .await
    }

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

/// One event at the door, inside the accepting transaction.
struct Acceptance<'a> {
    tx: &'a Connection,
    agent: AgentId,
    owners: &'a Owners,
    now: Timestamp,
}

impl Acceptance<'_> {
    fn event(&self, payload: &Payload, body: &[u8], sent_at: UnixSeconds) -> Result<Accepted, StoreError> {
        let before = self.standing()?;
        let standing = self.learn_owner(payload, before.as_deref())?;
        match standing.as_str() {
            "unknown" => {
                self.hold(payload, body, sent_at)?;
                Ok(Accepted::Held)
            }
            "refused" => Ok(Accepted::Dropped),
            "gone" if !matches!(payload, Payload::Unregistered(_)) => Ok(Accepted::Dropped),
            _ => {
                let accepted = self.take(payload, body, sent_at)?;
                if before.as_deref() != Some("obeyed") {
                    self.release_held()?;
                }
                Ok(accepted)
            }
        }
    }

    fn standing(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT standing FROM agents WHERE agent = ?1";
        Ok(self.tx.prepare_cached(sql)?.query_row([self.agent.as_bytes()], |r| r.get(0)).optional()?)
    }

    /// The owner is learned from registered, or from one's own joined_chat. Nothing else makes an owner.
    fn learn_owner(&self, payload: &Payload, before: Option<&str>) -> Result<String, StoreError> {
        let (owner, name) = match payload {
            Payload::Registered(r) => (r.owner_id, &r.owner_first_name),
            Payload::AgentJoined(j) if j.agent_id == self.agent => (j.owner_id, &j.owner_name),
            _ => {
                if before.is_none() {
                    self.tx
                        .prepare_cached("INSERT INTO agents VALUES (?1, '', NULL, NULL, NULL, 'unknown', ?2)")?
                        .execute(params![self.agent.as_bytes(), self.now.as_second()])?;
                }
                return Ok(before.unwrap_or("unknown").to_owned());
            }
        };
        // Late news of a membership does not bring back an agent that was removed; only registering does.
        if matches!(payload, Payload::AgentJoined(_)) && matches!(before, Some("obeyed" | "refused" | "gone")) {
            return Ok(before.unwrap_or_default().to_owned());
        }
        let standing = if obeys(self.tx, self.owners, owner)? { "obeyed" } else { "refused" };
        self.tx
            .prepare_cached(
                "INSERT INTO agents VALUES (?1, '', ?2, ?3, NULL, ?4, ?5) ON CONFLICT (agent) DO UPDATE
                 SET owner = excluded.owner, owner_name = excluded.owner_name, standing = excluded.standing",
            )?
            .execute(params![self.agent.as_bytes(), owner.as_bytes(), name, standing, self.now.as_second()])?;
        if standing == "refused" {
            self.tx.execute("DELETE FROM held WHERE agent = ?1", [self.agent.as_bytes()])?;
            if let Payload::Registered(r) = payload
                && self.is_news(r.personal_chat_thread_id, self.agent.into(), "registered")?
            {
                let text = words::not_your_agent();
                push_send(self.tx, self.agent, r.personal_chat_thread_id, &text, 0, 0, &Origin::default(), self.now)?;
                // Nobody's words; without it the agent could not speak to its owner if they are served one day.
                self.tx
                    .prepare_cached("UPDATE agents SET personal = ?2 WHERE agent = ?1")?
                    .execute([self.agent.as_bytes(), r.personal_chat_thread_id.as_bytes()])?;
            }
        }
        Ok(standing.to_owned())
    }

    fn hold(&self, payload: &Payload, body: &[u8], sent_at: UnixSeconds) -> Result<(), StoreError> {
        let sent_at = i64::try_from(sent_at.0).unwrap_or(i64::MAX);
        // A redelivery would be held twice and then found out as a duplicate: no harm, but no need either.
        let known: bool = self.tx.query_row(
            "SELECT EXISTS (SELECT 1 FROM held WHERE agent = ?1 AND name = ?2 AND body = ?3)",
            params![self.agent.as_bytes(), payload.name().as_str(), body],
            |r| r.get(0),
        )?;
        if !known {
            self.tx.execute(
                "INSERT INTO held (agent, name, body, sent_at, received) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![self.agent.as_bytes(), payload.name().as_str(), body, sent_at, self.now.as_second()],
            )?;
        }
        Ok(())
    }

    fn release_held(&self) -> Result<(), StoreError> {
        let mut rows = self.tx.prepare("SELECT name, body, sent_at FROM held WHERE agent = ?1 ORDER BY id")?;
        let held: Vec<(String, Vec<u8>, i64)> = rows
            .query_map([self.agent.as_bytes()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
            .collect::<Result<_, _>>()?;
        for (name, body, sent_at) in held {
            // It was read well when it came.
            if let Some(payload) = decode(&name, &body) {
                self.take(&payload, &body, UnixSeconds(u64::try_from(sent_at).unwrap_or(0)))?;
            }
        }
        self.tx.execute("DELETE FROM held WHERE agent = ?1", [self.agent.as_bytes()])?;
        Ok(())
    }

    /// Takes in an event of an agent that serves its owner.
    fn take(&self, payload: &Payload, body: &[u8], sent_at: UnixSeconds) -> Result<Accepted, StoreError> {
        let me = UserId::from(self.agent);
        match payload {
            Payload::Registered(r) => {
                if !self.is_news(r.personal_chat_thread_id, me, "registered")? {
                    return Ok(Accepted::Duplicate);
                }
                self.tx
                    .prepare_cached("UPDATE agents SET name = ?2, personal = ?3, standing = 'obeyed' WHERE agent = ?1")?
                    .execute(params![self.agent.as_bytes(), r.agent_name, r.personal_chat_thread_id.as_bytes()])?;
                self.thread(r.personal_chat_thread_id, true)?;
                // Whoever was known there before: it begins with the two.
                self.tx
                    .prepare_cached("UPDATE people SET present = 0 WHERE agent = ?1 AND thread = ?2")?
                    .execute([self.agent.as_bytes(), r.personal_chat_thread_id.as_bytes()])?;
                self.person(r.personal_chat_thread_id, r.owner_id, &r.owner_first_name, false, true)?;
                self.queue(payload, body, sent_at, None)
            }
            Payload::Unregistered(_) => {
                // The event names no thread; it is the other half of registered.
                let personal = self.personal()?.unwrap_or(ThreadId::from_bytes([0; 12]));
                if !self.is_news(personal, me, "unregistered")? {
                    return Ok(Accepted::Duplicate);
                }
                self.tx.execute("UPDATE agents SET standing = 'gone' WHERE agent = ?1", [self.agent.as_bytes()])?;
                self.tx.execute("UPDATE threads SET member = 0 WHERE agent = ?1", [self.agent.as_bytes()])?;
                self.cancel_sends()?;
                self.queue(payload, body, sent_at, None)
            }
            Payload::AgentJoined(j) => {
                if !self.is_news(j.thread_id, j.agent_id.into(), "joined")? {
                    return Ok(Accepted::Duplicate);
                }
                self.thread(j.thread_id, j.agent_id == self.agent)?;
                self.person(j.thread_id, j.owner_id, &j.owner_name, false, true)?;
                if j.agent_id == self.agent {
                    self.tx
                        .prepare_cached("UPDATE agents SET name = ?2 WHERE agent = ?1 AND name = ''")?
                        .execute(params![self.agent.as_bytes(), j.agent_name])?;
                } else {
                    self.person(j.thread_id, j.agent_id.into(), &j.agent_name, true, true)?;
                }
                self.queue(payload, body, sent_at, None)
            }
            Payload::AgentLeft(l) => {
                if !self.is_news(l.thread_id, l.agent_id.into(), "left")? {
                    return Ok(Accepted::Duplicate);
                }
                if l.agent_id == self.agent {
                    self.tx
                        .prepare_cached("UPDATE threads SET member = 0 WHERE agent = ?1 AND thread = ?2")?
                        .execute(params![self.agent.as_bytes(), l.thread_id.as_bytes()])?;
                } else {
                    self.person(l.thread_id, l.agent_id.into(), "", true, false)?;
                }
                self.queue(payload, body, sent_at, None)
            }
            Payload::UserJoined(j) => {
                if !self.is_news(j.thread_id, j.user_id, "joined")? {
                    return Ok(Accepted::Duplicate);
                }
                self.thread(j.thread_id, false)?;
                self.person(j.thread_id, j.user_id, &j.user_name, false, true)?;
                self.queue(payload, body, sent_at, None)
            }
            Payload::UserLeft(l) => {
                if !self.is_news(l.thread_id, l.user_id, "left")? {
                    return Ok(Accepted::Duplicate);
                }
                self.person(l.thread_id, l.user_id, &l.user_name, false, false)?;
                self.queue(payload, body, sent_at, None)
            }
            Payload::Mention(m) => {
                let name = m.user_name.as_deref().unwrap_or("");
                self.message(m.thread_id, m.chat_message_id, m.user_id, name, &m.message_text, payload, body, sent_at)
            }
            Payload::Message(m) => {
                self.message(m.thread_id, m.chat_message_id, m.user_id, "", &m.message_text, payload, body, sent_at)
            }
            Payload::Unknown { name, .. } => {
                if !first_time(self.tx, self.agent, name, body, self.now)? {
                    return Ok(Accepted::Duplicate);
                }
                self.queue(payload, body, sent_at, None)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a message's parts, under two event names")]
    fn message(
        &self,
        thread: ThreadId,
        message: MessageId,
        author: UserId,
        author_name: &str,
        text: &str,
        payload: &Payload,
        body: &[u8],
        sent_at: UnixSeconds,
    ) -> Result<Accepted, StoreError> {
        let named = matches!(payload, Payload::Mention(_));
        // A message may come later than the news of having left its thread, and takes nobody back into it.
        self.thread(thread, !self.has_left(thread)?)?;
        let is_agent = self.is_known_agent(author)?;
        self.person(thread, author, author_name, is_agent, true)?;
        let sql = "SELECT id, named, empty FROM events WHERE agent = ?1 AND message = ?2";
        let known: Option<(i64, bool, Option<bool>)> = self
            .tx
            .prepare_cached(sql)?
            .query_row(params![self.agent.as_bytes(), message.as_bytes()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .optional()?;
        if let Some((id, was_named, empty)) = known {
            if !named || was_named {
                return Ok(Accepted::Duplicate);
            }
            self.tx.prepare_cached("UPDATE events SET named = 1 WHERE id = ?1")?.execute([id])?;
            // The text shows the mention, so the first delivery was handled as one; or its handler has answered already.
            if mention::mentions(text, self.agent.into()) || empty == Some(false) {
                return Ok(Accepted::Duplicate);
            }
            if empty == Some(true) {
                reopen(self.tx, id, body, self.now)?;
                return Ok(Accepted::New);
            }
            // Not handled yet, or being handled just now: `finish` looks at `named` again.
            return Ok(Accepted::Duplicate);
        }
        let at = message::message_time(None, message, sent_at);
        let sure = at.as_second() == i64::from(message.unix_seconds());
        let origin = Origin::of(thread);
        keep_message(self.tx, self.agent, message, thread, author, text, at.as_second(), sure, &origin)?;
        if is_agent || author == UserId::from(self.agent) {
            return Ok(Accepted::Kept);
        }
        self.queue(payload, body, sent_at, Some(message))
    }

    fn queue(
        &self,
        payload: &Payload,
        body: &[u8],
        sent_at: UnixSeconds,
        message: Option<MessageId>,
    ) -> Result<Accepted, StoreError> {
        if let Some(thread) = thread_of(payload)
            && is_overheard(self.tx, self.agent, thread)?
        {
            tracing::warn!(agent = %self.agent, %thread, "a third is in the personal thread; the agent is silent there");
            OUTBOX.cancel_key(self.tx, &lane(self.agent, thread), self.now)?;
            return Ok(Accepted::Kept);
        }
        let key = lane_of(self.agent, payload);
        let id = INBOX.push(self.tx, &key, body, self.now, self.now)?;
        self.tx
            .prepare_cached(
                "INSERT INTO events (id, agent, name, message, sent_at, received, named) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                id,
                self.agent.as_bytes(),
                payload.name().as_str(),
                message.map(|m| *m.as_bytes()),
                i64::try_from(sent_at.0).unwrap_or(i64::MAX),
                self.now.as_second(),
                matches!(payload, Payload::Mention(_)),
            ])?;
        Ok(Accepted::New)
    }

    /// Whether the newest news about this membership says something else, or nothing yet.
    fn is_news(&self, thread: ThreadId, subject: UserId, news: &str) -> Result<bool, StoreError> {
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
    fn has_left(&self, thread: ThreadId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM membership
                   WHERE agent = ?1 AND thread = ?2 AND subject = ?1 AND news = 'left')";
        let keys = [self.agent.as_bytes(), thread.as_bytes()];
        Ok(self.tx.prepare_cached(sql)?.query_row(keys, |r| r.get(0))?)
    }

    /// A thread is known from the first time it is heard of; `member` says that the agent sits in it.
    fn thread(&self, thread: ThreadId, member: bool) -> Result<(), StoreError> {
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
    fn person(
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
    fn is_known_agent(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(self
            .tx
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM agents WHERE agent = ?2)
                     OR EXISTS (SELECT 1 FROM people WHERE agent = ?1 AND user = ?2 AND is_agent)",
            )?
            .query_row(params![self.agent.as_bytes(), user.as_bytes()], |r| r.get(0))?)
    }

    fn personal(&self) -> Result<Option<ThreadId>, StoreError> {
        let sql = "SELECT personal FROM agents WHERE agent = ?1";
        let personal: Option<[u8; 12]> = self.tx.query_row(sql, [self.agent.as_bytes()], |r| r.get(0))?;
        Ok(personal.map(ThreadId::from_bytes))
    }

    /// What an agent that was removed still wanted to say cannot be said any more.
    fn cancel_sends(&self) -> Result<(), StoreError> {
        let mut rows = self.tx.prepare("SELECT thread FROM threads WHERE agent = ?1")?;
        let threads: Vec<[u8; 12]> =
            rows.query_map([self.agent.as_bytes()], |r| r.get(0))?.collect::<Result<_, _>>()?;
        for thread in threads {
            OUTBOX.cancel_key(self.tx, &lane(self.agent, ThreadId::from_bytes(thread)), self.now)?;
        }
        Ok(())
    }
}

/// Whether `owner` is one of those whom this application serves.
fn obeys(tx: &Connection, owners: &Owners, owner: UserId) -> Result<bool, StoreError> {
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

/// The lane of an event: its thread's; one of its own for what happens to the agent itself, since a thread's events may
/// wait for it.
fn lane_of(agent: AgentId, payload: &Payload) -> [u8; 24] {
    let of_life = ThreadId::from_bytes([0xff; 12]);
    let of_none = ThreadId::from_bytes([0; 12]);
    lane(
        agent,
        match payload {
            Payload::Registered(_) | Payload::Unregistered(_) => of_life,
            Payload::AgentJoined(j) if j.agent_id == agent => of_life,
            Payload::AgentLeft(l) if l.agent_id == agent => of_life,
            other => thread_of(other).unwrap_or(of_none),
        },
    )
}

/// The thread that an event is about.
fn thread_of(payload: &Payload) -> Option<ThreadId> {
    Some(match payload {
        Payload::Registered(r) => r.personal_chat_thread_id,
        Payload::Mention(m) => m.thread_id,
        Payload::Message(m) => m.thread_id,
        Payload::AgentJoined(j) => j.thread_id,
        Payload::AgentLeft(l) => l.thread_id,
        Payload::UserJoined(j) => j.thread_id,
        Payload::UserLeft(l) => l.thread_id,
        Payload::Unregistered(_) | Payload::Unknown { .. } => return None,
    })
}

/// Whether these bytes come for the first time within a day.
fn first_time(
    tx: &Connection,
    agent: AgentId,
    name: &EventName,
    body: &[u8],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let hash: [u8; 32] = Sha256::digest(body).into();
    let added = tx.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        agent.as_bytes(),
        name.as_str(),
        hash,
        now.as_second()
    ])?;
    Ok(added > 0)
}

fn decode(name: &str, body: &[u8]) -> Option<Payload> {
    Payload::decode(&name.parse().ok()?, body).ok()
}

/// Loads what a handler needs to know; the words of why it cannot, for one that is to be parked.
fn load(tx: &Connection, claim: &Claim) -> Result<Result<Work, String>, StoreError> {
    let row: Option<([u8; 12], String, i64, bool)> = tx
        .prepare_cached("SELECT agent, name, sent_at, named FROM events WHERE id = ?1")?
        .query_row([claim.id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
        .optional()?;
    let Some((agent, name, sent_at, named)) = row else { return Ok(Err("its row is gone".to_owned())) };
    let agent = AgentId::from_bytes(agent);
    // A mention that was noticed late comes with its own body.
    let is_message = name == "personal_chat_message" || name == "personal_chat_mention";
    let name = if is_message && named { "personal_chat_mention" } else { name.as_str() };
    let Some(payload) = decode(name, &claim.payload) else {
        return Ok(Err(format!("{name} does not decode")));
    };
    let Some(facts) = agent_facts(tx, agent)? else { return Ok(Err("its agent is not known".to_owned())) };
    let sent_at = UnixSeconds(u64::try_from(sent_at).unwrap_or(0));
    let (author, at) = match &payload {
        Payload::Message(m) => (Some(m.user_id), message::message_time(None, m.chat_message_id, sent_at)),
        Payload::Mention(m) => (Some(m.user_id), message::message_time(None, m.chat_message_id, sent_at)),
        _ => (None, Timestamp::from_second(i64::try_from(sent_at.0).unwrap_or(0)).unwrap_or(Timestamp::UNIX_EPOCH)),
    };
    let thread = thread_of(&payload);
    let author = match (author, thread) {
        (Some(user), Some(thread)) => {
            let known = person(tx, agent, thread, user)?;
            Some(known.unwrap_or(Person { id: user, name: None, is_agent: false }))
        }
        _ => None,
    };
    Ok(Ok(Work { claim: claim.clone(), payload, agent: facts, thread, author, at, named }))
}

/// The agent as its handlers see it; `None` while its owner is not known.
fn agent_facts(tx: &Connection, agent: AgentId) -> Result<Option<Agent>, StoreError> {
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

fn revision(tx: &Connection, agent: AgentId, place: &[u8], name: &str) -> Result<i64, StoreError> {
    let found: Option<i64> = tx
        .prepare_cached("SELECT revision FROM state WHERE agent = ?1 AND place = ?2 AND name = ?3")?
        .query_row(params![agent.as_bytes(), place, name], |r| r.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

/// Marks what the handler's run came to, and opens the event again if a mention was noticed while it ran without effect.
fn finish(tx: &Connection, work: &Work, empty: bool, now: Timestamp) -> Result<(), StoreError> {
    let id = work.claim.id;
    tx.prepare_cached("UPDATE events SET empty = ?2 WHERE id = ?1")?.execute(params![id, empty])?;
    let named: Option<bool> =
        tx.prepare_cached("SELECT named FROM events WHERE id = ?1")?.query_row([id], |r| r.get(0)).optional()?;
    if empty && named == Some(true) && !work.named {
        reopen(tx, id, &work.claim.payload, now)?;
    }
    Ok(())
}

/// Puts an event back at the end of its lane, under a new number.
fn reopen(tx: &Connection, id: i64, body: &[u8], now: Timestamp) -> Result<(), StoreError> {
    let key: Vec<u8> = tx.query_row("SELECT key FROM inbox WHERE id = ?1", [id], |r| r.get(0))?;
    let again = INBOX.push(tx, &key, body, now, now)?;
    tx.execute("UPDATE events SET id = ?2, empty = NULL WHERE id = ?1", params![id, again])?;
    Ok(())
}

/// Gives an event up, and tells the owner.
fn park(tx: &Connection, work: &Work, cause: &str, now: Timestamp) -> Result<(), StoreError> {
    INBOX.park(tx, &work.claim, cause, now)?;
    if let Some(personal) = work.agent.personal_thread {
        let text = words::parked(STARTS);
        push_send(tx, work.agent.id, personal, &text, work.claim.id, 0, &Origin::default(), now)?;
    }
    Ok(())
}

/// Whether somebody else than owner and agent is in their thread (docs/wire.md, D14). The host keeps it to the two, so this is
/// not what the owner thinks it is, and nothing is said or done there.
fn is_overheard(tx: &Connection, agent: AgentId, thread: ThreadId) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM people JOIN agents USING (agent)
               WHERE agent = ?1 AND thread = ?2 AND personal = ?2 AND present AND user <> owner)";
    Ok(tx.prepare_cached(sql)?.query_row([agent.as_bytes(), thread.as_bytes()], |r| r.get(0))?)
}

/// Promises a message, if it can be sent at all: an agent that was removed has no voice, nor one that is overheard where it
/// speaks with its owner alone.
#[expect(clippy::too_many_arguments, reason = "a row")]
fn push_send(
    tx: &Connection,
    agent: AgentId,
    thread: ThreadId,
    text: &str,
    event: i64,
    part: usize,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM agents WHERE agent = ?1 AND standing = 'gone')";
    let gone: bool = tx.prepare_cached(sql)?.query_row([agent.as_bytes()], |r| r.get(0))?;
    if gone || is_overheard(tx, agent, thread)? {
        tracing::warn!(%agent, %thread, gone, "a message is not sent: the agent was removed, or is overheard there");
        return Ok(());
    }
    let origin = origin_id(tx, agent, origin)?;
    let id = OUTBOX.push(tx, &lane(agent, thread), b"", now, now)?;
    tx.prepare_cached(
        "INSERT INTO sends (id, agent, thread, text, event, part, state, created, origin)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', ?7, ?8)",
    )?
    .execute(params![
        id,
        agent.as_bytes(),
        thread.as_bytes(),
        text,
        event,
        i64::try_from(part).unwrap_or(i64::MAX),
        now.as_second(),
        origin
    ])?;
    Ok(())
}
