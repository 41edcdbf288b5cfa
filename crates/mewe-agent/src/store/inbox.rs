//! Claimed, handled, done, parked.
//!
//! What a handler asks for is kept in the transaction that marks its event as done.

use std::time::Duration;

use jiff::Timestamp;
use mewe_protocol::{AgentId, Payload, ThreadId, UnixSeconds, message};
use mewe_runtime::clock::later;
use mewe_store::{Claim, Hold, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    AgentStore, INBOX, lane, origin_id,
    outbox::push_send,
    roster::{agent_facts, person},
};
use crate::{Agent, Person, effect::Effects, origin::Origin, words};

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
}

/// The lane of an event: its thread's; one of its own for what happens to the agent itself, since a thread's events may
/// wait for it.
pub(super) fn lane_of(agent: AgentId, payload: &Payload) -> [u8; 24] {
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
pub(super) fn thread_of(payload: &Payload) -> Option<ThreadId> {
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

pub(super) fn decode(name: &str, body: &[u8]) -> Option<Payload> {
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
pub(super) fn reopen(tx: &Connection, id: i64, body: &[u8], now: Timestamp) -> Result<(), StoreError> {
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
