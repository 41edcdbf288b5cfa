//! Events on their way to agents: a row of the queue that is worked through, and a row beside it that an operator reads.
//!
//! Both are only ever changed together, and only here.

mod held;

pub(crate) use held::{let_all_go, let_go_of};

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use mewe_protocol::{AgentId, ApiKey, AppId, EventName, MessageId, ThreadId};
use mewe_store::{Claim, Hold, Queue, QueueError, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::{
    apps,
    attempts::{self, Attempt},
    live, trouble, wire,
};
use crate::domain::{
    application::WebhookUrl,
    news::News,
    trouble::{Kind, Marks},
};

/// A lane is an agent.
pub(crate) const QUEUE: Queue = Queue::new("delivery_queue");

/// How often a delivery to a disabled endpoint, or to an agent that is paused, looks whether that is over. Ending it wakes it
/// at once.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not attempted yet.
    Waiting,
    /// Being attempted.
    InFlight,
    /// Attempted in vain; it comes back.
    Retrying,
    /// Taken by the endpoint.
    Delivered,
    /// Attempted for too long.
    GivenUp,
    /// Its application was deleted.
    Cancelled,
}

impl State {
    const ALL: [Self; 6] =
        [Self::Waiting, Self::InFlight, Self::Retrying, Self::Delivered, Self::GivenUp, Self::Cancelled];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::InFlight => "in_flight",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A text is no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be waiting, in_flight, retrying, delivered, given_up or cancelled")]
pub(crate) struct StateError;

impl FromStr for State {
    type Err = StateError;

    fn from_str(text: &str) -> Result<Self, StateError> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or(StateError)
    }
}

/// A delivery that is being attempted.
#[derive(Debug)]
pub(crate) struct Delivery {
    claim: Claim,
    /// The number of this attempt, from 1, whoever asked for it.
    pub(crate) number: u32,
    pub(crate) app: AppId,
    pub(crate) agent: AgentId,
    pub(crate) event: EventName,
    pub(crate) key: ApiKey,
    pub(crate) webhook_url: WebhookUrl,
    /// How many attempts failed for a reason that may lie in this event alone.
    pub(crate) faults: u32,
    pub(crate) created: Timestamp,
    /// Whether trouble is on for its agent.
    pub(crate) troubled: bool,
    /// What is done to this attempt on purpose.
    pub(crate) touched: Marks,
    /// Which bit of its signature is another, if one is.
    pub(crate) flipped: Option<u8>,
    /// What was done to it on purpose before.
    marks: Marks,
    /// Until when it is held on purpose, and whether that is over once the one after it was taken.
    held: Option<Timestamp>,
    swap: bool,
    /// Whether it was taken already.
    second: bool,
    /// Which one waits until this one was taken.
    waits: Option<i64>,
}

impl Delivery {
    /// What holds it.
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.claim.payload
    }

    /// How often in a row it was attempted, this time included: the pauses grow with it.
    pub(crate) fn in_a_row(&self) -> u32 {
        self.claim.attempt
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// 2xx, and a complete answer.
    Delivered(u16),
    /// 410: the endpoint is to be left alone.
    Gone,
    /// Anything else; it comes back at `due`.
    Failed { status: Option<u16>, why: String, fault: bool, hold: Hold, due: Timestamp },
    /// Anything else, for too long.
    GivenUp { status: Option<u16>, why: String },
}

impl Ended {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Delivered(status) => Some(*status),
            Self::Gone => Some(410),
            Self::Failed { status, .. } | Self::GivenUp { status, .. } => *status,
        }
    }

    pub(crate) fn why(&self) -> Option<&str> {
        match self {
            Self::Delivered(_) => None,
            Self::Gone => Some(GONE),
            Self::Failed { why, .. } | Self::GivenUp { why, .. } => Some(why),
        }
    }

    fn state(&self) -> State {
        match self {
            Self::Delivered(_) => State::Delivered,
            Self::Gone | Self::Failed { .. } => State::Retrying,
            Self::GivenUp { .. } => State::GivenUp,
        }
    }
}

const GONE: &str = "the endpoint answered 410";

/// Promises an event to its agent. `test`: it tells of nothing that happened.
pub(crate) fn push(c: &Connection, news: &News, test: bool, now: Timestamp) -> Result<i64, StoreError> {
    let id = QUEUE.push(c, news.to.as_bytes(), &news.payload.to_json(), now, now)?;
    c.prepare_cached(
        "INSERT INTO deliveries (id, agent, app, event, thread, message, state, test, created, changed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?8, ?8)",
    )?
    .execute(params![
        id,
        news.to.as_bytes(),
        news.app.as_bytes(),
        news.payload.name().as_str(),
        news.thread().map(|thread| *thread.as_bytes()),
        news.message().map(|message| *message.as_bytes()),
        test,
        now.as_millisecond()
    ])?;
    wire::delivery(c, id)?;
    live::delivery(c, id, now)?;
    Ok(id)
}

/// Claims at most `limit` deliveries that are due, one an agent. Those to a disabled endpoint or a paused agent go on
/// waiting, and so do those that are held on purpose; that is no attempt. `trouble`: whether anything is done on purpose.
pub(crate) fn claim(
    c: &Connection,
    epoch: i64,
    now: Timestamp,
    limit: usize,
    trouble: bool,
) -> Result<Vec<Delivery>, StoreError> {
    let mut claimed = Vec::new();
    // Until there is nothing more: others do not wait for the many that go on waiting.
    loop {
        let claims = QUEUE.claim(c, epoch, now, limit - claimed.len())?;
        if claims.is_empty() {
            return Ok(claimed);
        }
        for claim in claims {
            let id = claim.id;
            let Some((mut delivery, waits)) = load(c, claim, trouble)? else {
                QUEUE.cancel(c, id, now)?;
                continue;
            };
            if let Some(why) = waits {
                let due = now.checked_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX);
                QUEUE.retry(c, &delivery.claim, Hold::Lane, due, &why, now, false)?;
                continue;
            }
            if let Some((until, hold)) = held::back(c, &mut delivery, now)? {
                QUEUE.retry(c, &delivery.claim, hold, until, "trouble: it is held back", now, false)?;
                continue;
            }
            held::touch(c, &mut delivery, now)?;
            c.prepare_cached(
                "UPDATE deliveries SET state = 'in_flight', attempts = ?2, changed = ?3, trouble = ?4, held = NULL, swap = 0
                 WHERE id = ?1",
            )?
            .execute(params![id, delivery.number, now.as_millisecond(), delivery.marks.and(delivery.touched).kept()])?;
            live::delivery(c, id, now)?;
            claimed.push(delivery);
        }
    }
}

/// The delivery of a claim, and for what it has to wait, if it has to. None if its application is gone.
fn load(c: &Connection, claim: Claim, trouble: bool) -> Result<Option<(Delivery, Option<String>)>, StoreError> {
    let id = claim.id;
    let loaded = c
        .prepare_cached(
            "SELECT d.app, d.agent, d.event, api_key, webhook_url, d.faults, d.created,
             COALESCE(disabled, CASE WHEN paused THEN 'the agent''s deliveries are paused' END), d.attempts,
             ?2 AND troubles > 0 AND gone IS NULL, d.trouble, CASE WHEN ?2 THEN d.held END, d.swap, d.second,
             (SELECT MAX(id) FROM deliveries INDEXED BY deliveries_held
              WHERE agent = d.agent AND held IS NOT NULL AND id < d.id AND swap)
             FROM deliveries d JOIN apps ON apps.id = d.app JOIN agents ON agents.id = d.agent WHERE d.id = ?1",
        )?
        .query_row(params![id, trouble], |row| {
            let delivery = Delivery {
                claim,
                number: row.get::<_, u32>(8)?.saturating_add(1),
                app: super::id(row, 0)?,
                agent: super::id(row, 1)?,
                event: super::parsed(row, 2)?,
                key: apps::read_key(row, 3)?,
                webhook_url: super::parsed(row, 4)?,
                faults: row.get(5)?,
                created: super::time(row, 6)?,
                troubled: row.get(9)?,
                touched: Marks::default(),
                flipped: None,
                marks: Marks::read(row.get_ref(10)?.as_str_or_null()?),
                held: row.get::<_, Option<i64>>(11)?.map(|_| super::time(row, 11)).transpose()?,
                swap: row.get(12)?,
                second: row.get(13)?,
                waits: row.get(14)?,
            };
            Ok((delivery, row.get(7)?))
        })
        .optional()?;
    Ok(loaded)
}

/// Records how an attempt ended. One that was cancelled meanwhile changes nothing any more. `lost`: how it ends if its answer is
/// to be dropped on purpose.
pub(crate) fn record(
    c: &Connection,
    delivery: &Delivery,
    mut attempt: Attempt,
    mut ended: Ended,
    lost: Option<Ended>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let claim = &delivery.claim;
    let (mut touched, mut second) = (delivery.touched, None);
    if let Some(lost) = lost
        && trouble::touches(c, delivery.agent, Kind::DropAnswer, now)?.is_some()
    {
        touched = touched.with(Kind::DropAnswer);
        attempt.error = lost.why().map(str::to_owned);
        ended = lost;
    }
    if delivery.troubled && !delivery.second && matches!(ended, Ended::Delivered(_)) {
        second = trouble::touches(c, delivery.agent, Kind::DeliverTwice, now)?;
    }
    let dropped = touched.holds(Kind::DropAnswer);
    attempt.trouble = touched.kept();
    let ended = &ended;
    let why = ended.why().unwrap_or_default();
    let result = match ended {
        Ended::Delivered(_) => QUEUE.done(c, claim, now),
        Ended::Failed { hold, due, .. } => QUEUE.retry(c, claim, *hold, *due, why, now, true),
        Ended::GivenUp { .. } => QUEUE.park(c, claim, why, now),
        // The endpoint is disabled from now on: the next claim makes it wait.
        Ended::Gone => QUEUE.retry(c, claim, Hold::Lane, now, why, now, true),
    };
    match result {
        Ok(()) => {}
        Err(QueueError::Fenced) => return Ok(()),
        Err(QueueError::Store(error)) => return Err(error),
    }
    let mut marks = delivery.marks.and(touched);
    if let Some(touch) = second {
        marks = marks.with(Kind::DeliverTwice);
        held::once_more(c, claim.id, touch, now)?;
    }
    attempts::insert(c, claim.id, &attempt)?;
    live::delivery(c, claim.id, now)?;
    let fault = matches!(ended, Ended::Failed { fault: true, .. });
    c.prepare_cached(
        "UPDATE deliveries SET state = :state, faults = faults + :fault, last_error = :why,
         last_status = COALESCE(:status, last_status), changed = :now, trouble = :trouble, second = :second
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": claim.id,
        ":state": if second.is_some() { State::Retrying } else { ended.state() }.name(),
        ":trouble": marks.kept(),
        // Until it was taken a second time.
        ":second": second.is_some() || delivery.second && matches!(ended, Ended::Failed { .. } | Ended::Gone),
        ":fault": fault,
        ":why": ended.why(),
        ":status": ended.status(),
        ":now": now.as_millisecond(),
    })?;
    match ended {
        Ended::Delivered(_) => {
            // The endpoint is back: what else waits for it need not wait any longer.
            if apps::count_success(c, delivery.app)? > 0 {
                hurry(c, delivery.app, now)?;
            }
            delivery.waits.map_or(Ok(()), |waits| held::let_go(c, waits))
        }
        Ended::Gone => apps::disable(c, delivery.app, GONE),
        // For what it is itself. If it counted, each success of another would call it back at once.
        Ended::Failed { hold: Hold::Aside, .. } => Ok(()),
        // The endpoint did take it.
        _ if dropped => Ok(()),
        Ended::Failed { .. } | Ended::GivenUp { .. } => apps::count_failure(c, delivery.app),
    }
}

/// Gives a delivery back of which nobody knows how its attempt ended; it is attempted again at `due`.
pub(crate) fn give_back(
    c: &Connection,
    claim: &Claim,
    due: Timestamp,
    now: Timestamp,
    counts: bool,
) -> Result<(), StoreError> {
    QUEUE.give_back(c, claim, due, now, counts)?;
    c.execute("UPDATE deliveries SET state = 'retrying' WHERE id = ?1 AND state = 'in_flight'", [claim.id])?;
    live::delivery(c, claim.id, now)
}

/// After opening: what an earlier process was attempting is attempted again.
pub(crate) fn recover(c: &Connection, epoch: i64, now: Timestamp) -> Result<(), StoreError> {
    QUEUE.recover(c, epoch, now)?;
    c.execute(
        "INSERT INTO live (at, kind, delivery) SELECT ?1, 'delivery', id FROM deliveries WHERE state = 'in_flight'",
        [now.as_millisecond()],
    )?;
    c.execute("UPDATE deliveries SET state = 'retrying' WHERE state = 'in_flight'", [])?;
    Ok(())
}

/// Makes what waits for an application's endpoint due at once.
pub(crate) fn hurry(c: &Connection, app: AppId, now: Timestamp) -> Result<(), StoreError> {
    let agents: Vec<[u8; 12]> = c
        .prepare_cached(
            "SELECT DISTINCT agent FROM deliveries WHERE app = ?1 AND state IN ('waiting', 'in_flight', 'retrying')",
        )?
        .query_map([app.as_bytes()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for agent in agents {
        QUEUE.hurry(c, &agent, now)?;
    }
    Ok(())
}

/// Cancels what is still to be delivered to an application.
pub(crate) fn cancel_app(c: &Connection, app: AppId, now: Timestamp) -> Result<(), StoreError> {
    let agents: Vec<[u8; 12]> = c
        .prepare_cached("SELECT id FROM agents WHERE app = ?1")?
        .query_map([app.as_bytes()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for agent in agents {
        QUEUE.cancel_key(c, &agent, now)?;
        c.prepare_cached(
            "INSERT INTO live (at, kind, delivery) SELECT ?2, 'delivery', id FROM deliveries
             WHERE agent = ?1 AND state NOT IN ('delivered', 'cancelled')",
        )?
        .execute(params![agent, now.as_millisecond()])?;
        c.prepare_cached(
            "UPDATE deliveries SET state = 'cancelled', changed = ?2
             WHERE agent = ?1 AND state NOT IN ('delivered', 'cancelled')",
        )?
        .execute(params![agent, now.as_millisecond()])?;
    }
    Ok(())
}

/// Removes what was delivered or cancelled before `before`.
pub(crate) fn prune(c: &Connection, before: Timestamp) -> Result<(), StoreError> {
    QUEUE.prune_done(c, before)?;
    c.execute(
        "DELETE FROM deliveries WHERE state IN ('delivered', 'cancelled') AND changed < ?1",
        [before.as_millisecond()],
    )?;
    Ok(())
}

/// What came of asking for a delivery once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redelivery {
    /// It is attempted next.
    Due,
    /// It is being attempted just now.
    InFlight,
    /// Its application was deleted.
    Cancelled,
    /// There is none.
    Unknown,
}

/// Asks for a delivery once more: a new attempt in the same row. One that waits anyway is due at once, behind what waits before it.
pub(crate) fn redeliver(c: &Connection, id: i64, now: Timestamp) -> Result<Redelivery, StoreError> {
    let row: Option<(State, [u8; 12])> = c
        .prepare_cached("SELECT state, agent FROM deliveries WHERE id = ?1")?
        .query_row([id], |row| Ok((super::parsed(row, 0)?, row.get(1)?)))
        .optional()?;
    let Some((state, agent)) = row else { return Ok(Redelivery::Unknown) };
    match state {
        State::InFlight => return Ok(Redelivery::InFlight),
        State::Cancelled => return Ok(Redelivery::Cancelled),
        State::Waiting | State::Retrying => {
            held::let_go(c, id)?;
            QUEUE.hurry(c, &agent, now)?;
        }
        State::Delivered | State::GivenUp => {
            QUEUE.again(c, id, now)?;
            c.prepare_cached("UPDATE deliveries SET state = 'retrying', changed = ?2 WHERE id = ?1")?
                .execute(params![id, now.as_millisecond()])?;
        }
    }
    live::delivery(c, id, now)?;
    Ok(Redelivery::Due)
}

/// Those of an application that ended, well or not, and were promised since `since`; at most `limit`.
pub(crate) fn ended_since(c: &Connection, app: AppId, since: Timestamp, limit: u32) -> Result<Vec<i64>, StoreError> {
    Ok(c.prepare_cached(
        "SELECT id FROM deliveries WHERE app = ?1 AND created >= ?2 AND state IN ('delivered', 'given_up')
         ORDER BY id LIMIT ?3",
    )?
    .query_map(params![app.as_bytes(), since.as_millisecond(), limit], |row| row.get(0))?
    .collect::<Result<_, _>>()?)
}

/// How many deliveries of an agent are in each state that has not ended.
pub(crate) fn open_of(c: &Connection, app: AppId, agent: AgentId) -> Result<Vec<(State, u32)>, StoreError> {
    // The condition is that of the index `deliveries_open`.
    Ok(c.prepare_cached(
        "SELECT state, count(*) FROM deliveries
         WHERE app = ?1 AND agent = ?2 AND state IN ('waiting', 'in_flight', 'retrying') GROUP BY state",
    )?
    .query_map([app.as_bytes(), agent.as_bytes()], |row| Ok((super::parsed(row, 0)?, row.get(1)?)))?
    .collect::<Result<_, _>>()?)
}

/// What is delivered, as it is signed.
pub(crate) fn payload(c: &Connection, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(c.prepare_cached("SELECT payload FROM delivery_queue WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?)
}

/// A delivery as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: i64,
    pub(crate) app: AppId,
    pub(crate) agent: AgentId,
    pub(crate) event: String,
    pub(crate) thread: Option<ThreadId>,
    pub(crate) message: Option<MessageId>,
    pub(crate) state: State,
    pub(crate) attempts: u32,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    /// It tells of nothing that happened.
    pub(crate) test: bool,
    /// What was done to it on purpose.
    pub(crate) trouble: Option<String>,
    pub(crate) due: Timestamp,
    pub(crate) created: Timestamp,
    pub(crate) changed: Timestamp,
}

const SELECT: &str = "SELECT d.id, d.app, d.agent, d.event, d.thread, d.message, d.state, d.attempts, d.last_status, \
    d.last_error, q.due, d.created, d.changed, d.test, d.trouble FROM deliveries d JOIN delivery_queue q ON q.id = d.id";

pub(crate) fn get(c: &Connection, id: i64) -> Result<Option<Listed>, StoreError> {
    Ok(c.prepare_cached(&format!("{SELECT} WHERE d.id = ?1"))?.query_row([id], read).optional()?)
}

/// Deliveries with an id below `before`, newest first.
pub(crate) fn list(
    c: &Connection,
    agent: Option<AgentId>,
    state: Option<State>,
    before: i64,
    limit: u32,
) -> Result<Vec<Listed>, StoreError> {
    // Each of the four has its index.
    let of_agent = if agent.is_some() { "d.agent = :agent" } else { ":agent IS NULL" };
    let in_state = if state.is_some() { "d.state = :state" } else { ":state IS NULL" };
    let sql = format!("{SELECT} WHERE {of_agent} AND {in_state} AND d.id < :before ORDER BY d.id DESC LIMIT :limit");
    Ok(c.prepare_cached(&sql)?
        .query_map(
            named_params! {
                ":agent": agent.map(|agent| *agent.as_bytes()),
                ":state": state.map(State::name),
                ":before": before,
                ":limit": limit,
            },
            read,
        )?
        .collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        id: row.get(0)?,
        app: super::id(row, 1)?,
        agent: super::id(row, 2)?,
        event: row.get(3)?,
        thread: super::optional_id(row, 4)?,
        message: super::optional_id(row, 5)?,
        state: super::parsed(row, 6)?,
        attempts: row.get(7)?,
        status: row.get(8)?,
        error: row.get(9)?,
        due: super::time(row, 10)?,
        created: super::time(row, 11)?,
        changed: super::time(row, 12)?,
        test: row.get(13)?,
        trouble: row.get(14)?,
    })
}
