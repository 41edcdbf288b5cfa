//! The door of the store: an event is kept, or found to be known, before its webhook is answered.
//!
//! What an event tells about agents, threads and people is kept in the same transaction (`roster.rs`), so that a handler sees at
//! least the world of its own event.

use jiff::Timestamp;
use mewe_protocol::{AgentId, EventName, MessageId, Payload, ThreadId, UnixSeconds, UserId, mention, message};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{
    AgentStore, INBOX, OUTBOX, Owners,
    inbox::{decode, lane_of, reopen, thread_of},
    keep_message, lane,
    outbox::push_send,
    roster::{Roster, is_overheard, obeys},
};
use crate::{origin::Origin, words};

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
        self.db
            .write(move |tx| {
                Acceptance { tx, agent, roster: Roster::new(tx, agent), owners: &owners, now }
                    .event(&payload, &body, sent_at)
            })
            .await
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
}

/// One event at the door, inside the accepting transaction.
struct Acceptance<'a> {
    tx: &'a Connection,
    agent: AgentId,
    roster: Roster<'a>,
    owners: &'a Owners,
    now: Timestamp,
}

impl Acceptance<'_> {
    fn event(&self, payload: &Payload, body: &[u8], sent_at: UnixSeconds) -> Result<Accepted, StoreError> {
        let before = self.roster.standing()?;
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
                && self.roster.is_news(r.personal_chat_thread_id, self.agent.into(), "registered")?
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
                if !self.roster.is_news(r.personal_chat_thread_id, me, "registered")? {
                    return Ok(Accepted::Duplicate);
                }
                self.tx
                    .prepare_cached("UPDATE agents SET name = ?2, personal = ?3, standing = 'obeyed' WHERE agent = ?1")?
                    .execute(params![self.agent.as_bytes(), r.agent_name, r.personal_chat_thread_id.as_bytes()])?;
                self.roster.thread(r.personal_chat_thread_id, true)?;
                // Whoever was known there before: it begins with the two.
                self.tx
                    .prepare_cached("UPDATE people SET present = 0 WHERE agent = ?1 AND thread = ?2")?
                    .execute([self.agent.as_bytes(), r.personal_chat_thread_id.as_bytes()])?;
                self.roster.person(r.personal_chat_thread_id, r.owner_id, &r.owner_first_name, false, true)?;
                self.queue(payload, body, sent_at, None)
            }
            Payload::Unregistered(_) => {
                // The event names no thread; it is the other half of registered.
                let personal = self.roster.personal()?.unwrap_or(ThreadId::from_bytes([0; 12]));
                if !self.roster.is_news(personal, me, "unregistered")? {
                    return Ok(Accepted::Duplicate);
                }
                self.tx.execute("UPDATE agents SET standing = 'gone' WHERE agent = ?1", [self.agent.as_bytes()])?;
                self.tx.execute("UPDATE threads SET member = 0 WHERE agent = ?1", [self.agent.as_bytes()])?;
                self.cancel_sends()?;
                self.queue(payload, body, sent_at, None)
            }
            Payload::AgentJoined(j) => {
                if !self.roster.is_news(j.thread_id, j.agent_id.into(), "joined")? {
                    return Ok(Accepted::Duplicate);
                }
                self.roster.thread(j.thread_id, j.agent_id == self.agent)?;
                self.roster.person(j.thread_id, j.owner_id, &j.owner_name, false, true)?;
                if j.agent_id == self.agent {
                    self.tx
                        .prepare_cached("UPDATE agents SET name = ?2 WHERE agent = ?1 AND name = ''")?
                        .execute(params![self.agent.as_bytes(), j.agent_name])?;
                } else {
                    self.roster.person(j.thread_id, j.agent_id.into(), &j.agent_name, true, true)?;
                }
                self.queue(payload, body, sent_at, None)
            }
            Payload::AgentLeft(l) => {
                if !self.roster.is_news(l.thread_id, l.agent_id.into(), "left")? {
                    return Ok(Accepted::Duplicate);
                }
                if l.agent_id == self.agent {
                    self.tx
                        .prepare_cached("UPDATE threads SET member = 0 WHERE agent = ?1 AND thread = ?2")?
                        .execute(params![self.agent.as_bytes(), l.thread_id.as_bytes()])?;
                } else {
                    self.roster.person(l.thread_id, l.agent_id.into(), "", true, false)?;
                }
                self.queue(payload, body, sent_at, None)
            }
            Payload::UserJoined(j) => {
                if !self.roster.is_news(j.thread_id, j.user_id, "joined")? {
                    return Ok(Accepted::Duplicate);
                }
                self.roster.thread(j.thread_id, false)?;
                self.roster.person(j.thread_id, j.user_id, &j.user_name, false, true)?;
                self.queue(payload, body, sent_at, None)
            }
            Payload::UserLeft(l) => {
                if !self.roster.is_news(l.thread_id, l.user_id, "left")? {
                    return Ok(Accepted::Duplicate);
                }
                self.roster.person(l.thread_id, l.user_id, &l.user_name, false, false)?;
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
        self.roster.thread(thread, !self.roster.has_left(thread)?)?;
        let is_agent = self.roster.is_known_agent(author)?;
        self.roster.person(thread, author, author_name, is_agent, true)?;
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
