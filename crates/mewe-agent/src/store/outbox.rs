//! Promised messages, kept before each step that the world can see.

use std::time::Duration;

use jiff::Timestamp;
use mewe_protocol::{AgentId, MessageId, MessageText, ThreadId, decided::SEND_LOOK_BACK_SECONDS, request};
use mewe_runtime::clock::later;
use mewe_store::{Claim, Hold, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::{AgentStore, OUTBOX, keep_message, lane, origin_id, roster::is_overheard};
use crate::{client, origin::Origin, outbox::SendState};

/// A message on its way.
#[derive(Debug)]
pub(crate) struct SendWork {
    claim: Claim,
    pub(crate) agent: AgentId,
    pub(crate) thread: ThreadId,
    pub(crate) text: MessageText,
    pub(crate) state: SendState,
    pub(crate) created: Timestamp,
    origin: i64,
}

impl SendWork {
    /// What holds it.
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// How often it was claimed.
    pub(crate) fn attempt(&self) -> u32 {
        self.claim.attempt
    }
}

/// What a look into the thread has to know.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    /// Our message is not earlier than this second of the host's clock; `None` when nothing was known for sure.
    pub(crate) not_before: Option<i64>,
    /// Messages that other sends have claimed.
    pub(crate) claimed: Vec<MessageId>,
}

impl AgentStore {
    /// Claims sends that are due, one a thread.
    pub(crate) async fn claim_sends(&self, limit: usize, now: Timestamp) -> Result<Vec<SendWork>, StoreError> {
        let epoch = self.db.epoch();
        self.db
            .write(move |tx| {
                let mut works = Vec::new();
                for claim in OUTBOX.claim(tx, epoch, now, limit)? {
                    match load(tx, &claim)? {
                        Some(work) => works.push(work),
                        None => OUTBOX.park(tx, &claim, "its row does not decode", now)?,
                    }
                }
                Ok::<_, StoreError>(works)
            })
            .await
    }

    /// Gives a send back of which nobody knows how far it came; its state in the store tells, after `pause`.
    pub(crate) async fn give_send_back(
        &self,
        claim: Claim,
        pause: Duration,
        counts: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.db.write(move |tx| OUTBOX.give_back(tx, &claim, later(now, pause), now, counts)).await
    }

    /// When the next send is due.
    pub(crate) async fn next_send_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.db.read(|c| OUTBOX.next_due(c)).await
    }

    /// Chooses the second that a send is signed for: the nearest to `host_now`, looking back, that these bytes were never signed
    /// for. Kept before anything leaves. `None`: none is free, wait a second.
    pub(crate) async fn sign(&self, work: &SendWork, host_now: u64) -> Result<Option<u64>, StoreError> {
        let hash = request::body_hash(&client::body_of(&work.text));
        let (id, agent, thread) = (work.claim.id, work.agent, work.thread);
        self.db
            .write(move |tx| {
                let mut take = tx.prepare_cached("INSERT OR IGNORE INTO seconds VALUES (?1, ?2, ?3)")?;
                for second in (host_now.saturating_sub(SEND_LOOK_BACK_SECONDS)..=host_now).rev() {
                    let stored = i64::try_from(second).unwrap_or(i64::MAX);
                    if take.execute(params![agent.as_bytes(), stored, hash])? == 0 {
                        continue;
                    }
                    let (word, signed_at) = SendState::Calling { signed_at: second, repeat: false }.to_row();
                    // What was known when it was first tried stays the bound of every later look.
                    tx.prepare_cached(
                        "UPDATE sends SET state = ?2, signed_at = ?3, tried = 1, after_at = CASE WHEN tried THEN after_at ELSE
                           (SELECT MAX(at) FROM messages WHERE agent = ?4 AND thread = ?5 AND sure) END
                         WHERE id = ?1",
                    )?
                    .execute(params![id, word, signed_at, agent.as_bytes(), thread.as_bytes()])?;
                    return Ok(Some(second));
                }
                Ok::<_, StoreError>(None)
            })
            .await
    }

    /// Keeps a step from one state to the next.
    pub(crate) async fn step(&self, work: &SendWork, state: SendState) -> Result<(), StoreError> {
        let id = work.claim.id;
        self.db.write(move |tx| put_state(tx, id, state)).await
    }

    /// Keeps a state, and goes on with it later.
    pub(crate) async fn pause_send(
        &self,
        work: SendWork,
        state: SendState,
        pause: Duration,
        cause: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                put_state(tx, work.claim.id, state)?;
                Ok(OUTBOX.retry(tx, &work.claim, Hold::Lane, later(now, pause), &cause, now, true)?)
            })
            .await
    }

    /// The send is in its thread: under this id, if it is known.
    pub(crate) async fn sent(
        &self,
        work: SendWork,
        message: Option<MessageId>,
        created: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                OUTBOX.done(tx, &work.claim, now)?;
                // An id that another send has is no news of this one: a host that names it twice is not believed.
                tx.prepare_cached("UPDATE OR IGNORE sends SET message = ?2 WHERE id = ?1")?
                    .execute(params![work.claim.id, message.map(|m| *m.as_bytes())])?;
                if let Some(message) = message {
                    let sql = "SELECT threads FROM origins WHERE id = ?1";
                    let threads: Vec<u8> = tx.query_row(sql, [work.origin], |r| r.get(0))?;
                    let at = created.unwrap_or(now).as_second();
                    let origin = Origin::from_bytes(&threads);
                    let author = work.agent.into();
                    let text = work.text.as_str();
                    keep_message(tx, work.agent, message, work.thread, author, text, at, created.is_some(), &origin)?;
                }
                Ok::<_, StoreError>(())
            })
            .await
    }

    /// The send ends here; a person is told why.
    pub(crate) async fn park_send(&self, work: SendWork, cause: String, now: Timestamp) -> Result<(), StoreError> {
        self.db.write(move |tx| Ok(OUTBOX.park(tx, &work.claim, &cause, now)?)).await
    }

    /// What a look into the thread of `work` has to know.
    pub(crate) async fn bound(&self, work: &SendWork) -> Result<Bound, StoreError> {
        let (id, agent, thread) = (work.claim.id, work.agent, work.thread);
        self.db
            .read(move |c| {
                let sql = "SELECT after_at FROM sends WHERE id = ?1";
                let not_before: Option<i64> = c.query_row(sql, [id], |r| r.get(0))?;
                let mut rows = c.prepare_cached(
                    "SELECT message FROM sends WHERE agent = ?1 AND thread = ?2 AND message IS NOT NULL",
                )?;
                let claimed = rows
                    .query_map(params![agent.as_bytes(), thread.as_bytes()], |r| r.get::<_, [u8; 12]>(0))?
                    .map(|row| row.map(MessageId::from_bytes))
                    .collect::<Result<_, _>>()?;
                Ok(Bound { not_before, claimed })
            })
            .await
    }
}

fn put_state(tx: &Connection, id: i64, state: SendState) -> Result<(), StoreError> {
    let (word, signed_at) = state.to_row();
    tx.prepare_cached("UPDATE sends SET state = ?2, signed_at = ?3 WHERE id = ?1")?
        .execute(params![id, word, signed_at])?;
    Ok(())
}

fn load(tx: &Connection, claim: &Claim) -> Result<Option<SendWork>, StoreError> {
    type Row = ([u8; 12], [u8; 12], String, String, Option<i64>, i64, i64);
    let row: Option<Row> = tx
        .prepare_cached("SELECT agent, thread, text, state, signed_at, created, origin FROM sends WHERE id = ?1")?
        .query_row([claim.id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?)))
        .optional()?;
    let Some((agent, thread, text, word, signed_at, created, origin)) = row else { return Ok(None) };
    let (Ok(text), Some(state)) = (text.parse(), SendState::from_row(&word, signed_at)) else { return Ok(None) };
    Ok(Some(SendWork {
        claim: claim.clone(),
        agent: AgentId::from_bytes(agent),
        thread: ThreadId::from_bytes(thread),
        text,
        // Whether this process died or an earlier one: a call without an answer has an unknown outcome.
        state: state.after_crash(),
        created: Timestamp::from_second(created).unwrap_or(Timestamp::UNIX_EPOCH),
        origin,
    }))
}

/// Promises a message, if it can be sent at all: an agent that was removed has no voice, nor one that is overheard where it
/// speaks with its owner alone.
#[expect(clippy::too_many_arguments, reason = "a row")]
pub(super) fn push_send(
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
