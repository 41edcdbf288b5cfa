//! Deliveries that trouble holds back, touches, or has delivered once more.

use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};
use mewe_protocol::AgentId;
use mewe_store::{Hold, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Delivery, QUEUE};
use crate::{
    domain::trouble::{Kind, Marks},
    store::{
        self, live,
        trouble::{self, Touch},
    },
};

/// How long an event that is to be swapped waits for the one after it.
const SWAP: SignedDuration = SignedDuration::from_secs(5);
/// How soon a second delivery follows the first one, in milliseconds: in another second, so that its signature is another.
const SECOND: RangeInclusive<u64> = 1000..=2000;

/// Until when a delivery is held on purpose, and where it waits, if it is.
pub(super) fn back(
    c: &Connection,
    delivery: &mut Delivery,
    now: Timestamp,
) -> Result<Option<(Timestamp, Hold)>, StoreError> {
    if let Some(until) = delivery.held.filter(|until| *until > now) {
        // Whoever made all that waits due at once did not mean this. What was set aside stays so.
        return Ok(Some((until, Hold::Lane)));
    }
    if !delivery.troubled || delivery.number > 1 {
        return Ok(None);
    }
    if delivery.held.is_none()
        && let Some(touch) = trouble::touches(c, delivery.agent, Kind::Delay, now)?
    {
        delivery.marks = delivery.marks.with(Kind::Delay);
        let until = later(delivery.created, SignedDuration::from_secs(touch.seconds.into()));
        if until > now {
            hold(c, delivery, until, false, now)?;
            return Ok(Some((until, Hold::Lane)));
        }
    }
    // One that lets another wait is not held itself, or everything would come last.
    if !delivery.swap && delivery.waits.is_none() && trouble::touches(c, delivery.agent, Kind::Reorder, now)?.is_some()
    {
        delivery.marks = delivery.marks.with(Kind::Reorder);
        let until = later(now, SWAP);
        hold(c, delivery, until, true, now)?;
        return Ok(Some((until, Hold::Aside)));
    }
    Ok(None)
}

fn hold(c: &Connection, delivery: &Delivery, until: Timestamp, swap: bool, now: Timestamp) -> Result<(), StoreError> {
    c.prepare_cached("UPDATE deliveries SET held = ?2, swap = ?3, trouble = ?4 WHERE id = ?1")?.execute(params![
        delivery.claim.id,
        until.as_millisecond(),
        swap,
        delivery.marks.kept()
    ])?;
    live::delivery(c, delivery.claim.id, now)
}

/// Decides what is done on purpose to this attempt.
pub(super) fn touch(c: &Connection, delivery: &mut Delivery, now: Timestamp) -> Result<(), StoreError> {
    if delivery.number == 1 {
        // It is this one that was held.
        let held = [Kind::Delay, Kind::Reorder].into_iter().filter(|kind| delivery.marks.holds(*kind));
        delivery.touched = held.fold(delivery.touched, Marks::with);
    }
    if delivery.second {
        delivery.touched = delivery.touched.with(Kind::DeliverTwice);
    }
    if delivery.troubled {
        if let Some(touch) = trouble::touches(c, delivery.agent, Kind::WrongSignature, now)? {
            delivery.touched = delivery.touched.with(Kind::WrongSignature);
            delivery.flipped = Some(touch.dice.to_le_bytes()[0]);
        }
        if trouble::touches(c, delivery.agent, Kind::StaleTimestamp, now)?.is_some() {
            delivery.touched = delivery.touched.with(Kind::StaleTimestamp);
        }
    }
    Ok(())
}

/// Lets go what trouble of this kind holds back of an agent.
pub(crate) fn let_go_of(c: &Connection, agent: AgentId, kind: Kind) -> Result<(), StoreError> {
    let swap = match kind {
        Kind::Delay => false,
        Kind::Reorder => true,
        _ => return Ok(()),
    };
    let held: Vec<i64> = c
        .prepare_cached("SELECT id FROM deliveries WHERE agent = ?1 AND held IS NOT NULL AND swap = ?2")?
        .query_map(params![agent.as_bytes(), swap], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    held.into_iter().try_for_each(|id| let_go(c, id))
}

/// Lets go all that trouble holds back.
pub(crate) fn let_all_go(c: &Connection) -> Result<(), StoreError> {
    let held: Vec<i64> = c
        .prepare_cached("SELECT id FROM deliveries WHERE held IS NOT NULL")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    held.into_iter().try_for_each(|id| let_go(c, id))
}

/// Lets a delivery go that is held on purpose, before all that was promised after it.
pub(super) fn let_go(c: &Connection, id: i64) -> Result<(), StoreError> {
    let created = c
        .prepare_cached("UPDATE deliveries SET held = 0 WHERE id = ?1 AND held IS NOT NULL RETURNING created")?
        .query_row([id], |row| store::time(row, 0))
        .optional()?;
    if let Some(created) = created {
        QUEUE.put_due(c, id, created)?;
    }
    Ok(())
}

/// What was taken is to be delivered a second time.
pub(super) fn once_more(c: &Connection, id: i64, touch: Touch, now: Timestamp) -> Result<(), StoreError> {
    let pause = SECOND.start() + touch.dice % (SECOND.end() - SECOND.start() + 1);
    QUEUE.again(c, id, now)?;
    QUEUE.put_due(c, id, later(now, SignedDuration::from_millis(pause.cast_signed())))?;
    Ok(())
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
