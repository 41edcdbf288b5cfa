//! How the deliveries of an application went in the last hour, and when its agents were heard from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mewe_protocol::{AgentId, AppId};
use mewe_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

use super::deliveries::State;

/// How many minutes are looked at, the present one included.
pub(crate) const MINUTES: i64 = 60;
const MINUTE: i64 = 60_000;
/// The most attempts that are looked at, the newest ones of all applications: a look must not cost more on a busy host.
const MOST: u32 = 10_000;
/// The most rows that are looked through for a last one.
const FAR: u32 = 1000;

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Health {
    /// When the first minute began.
    pub(crate) from: Timestamp,
    /// The attempts of each minute, by when they began; the last minute is the present one.
    pub(crate) minutes: Vec<Minute>,
    /// How many deliveries were attempted in them, and how many of those were taken.
    pub(crate) attempted: u32,
    pub(crate) delivered: u32,
    /// Milliseconds until the answer to an attempt that went well: of half of them at most the first, of 95 % the second.
    pub(crate) took: Option<(i64, i64)>,
    /// When an attempt went well for the last time.
    pub(crate) last: Option<Timestamp>,
    /// What has not ended.
    pub(crate) waiting: u32,
    pub(crate) in_flight: u32,
    pub(crate) retrying: u32,
    /// Whether all attempts of these minutes were looked at.
    pub(crate) whole: bool,
}

/// The attempts of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Minute {
    pub(crate) taken: u32,
    pub(crate) failed: u32,
}

impl Health {
    /// How many deliveries have not ended.
    pub(crate) fn open(&self) -> u32 {
        self.waiting + self.in_flight + self.retrying
    }
}

/// The newest attempts; the condition is that of the index `attempts_by_time`.
const ATTEMPTS: &str = "
    SELECT n.delivery, n.at, a.took, a.error IS NULL
    FROM (SELECT delivery, number, at FROM attempts WHERE at >= ?2 ORDER BY at DESC LIMIT ?3) n
    CROSS JOIN deliveries d ON d.id = n.delivery
    CROSS JOIN attempts a ON a.delivery = n.delivery AND a.number = n.number
    WHERE d.app = ?1";

pub(crate) fn of_app(c: &Connection, app: AppId, now: Timestamp) -> Result<Health, StoreError> {
    let from = (now.as_millisecond().div_euclid(MINUTE) + 1 - MINUTES) * MINUTE;
    let mut minutes = vec![Minute::default(); usize::try_from(MINUTES).unwrap_or_default()];
    // Whether each delivery was taken.
    let mut deliveries: BTreeMap<i64, bool> = BTreeMap::new();
    let mut times = Vec::new();
    let mut last = None;
    let mut statement = c.prepare_cached(ATTEMPTS)?;
    let mut rows = statement.query(params![app.as_bytes(), from, MOST])?;
    while let Some(row) = rows.next()? {
        let (delivery, at, took, well): (i64, i64, i64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        *deliveries.entry(delivery).or_default() |= well;
        // After a clock was set back there are attempts of the future.
        let minute = usize::try_from((at - from) / MINUTE).ok().and_then(|minute| minutes.get_mut(minute));
        match (minute, well) {
            (Some(minute), true) => minute.taken += 1,
            (Some(minute), false) => minute.failed += 1,
            (None, _) => {}
        }
        if well {
            times.push(took);
            last = last.max(Some(at.saturating_add(took)));
        }
    }
    times.sort_unstable();
    let looked_at: u32 = c
        .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM attempts WHERE at >= ?1 LIMIT ?2)")?
        .query_row(params![from, MOST + 1], |row| row.get(0))?;
    let last = match last {
        Some(last) => Some(last),
        None => taken_before(c, app)?,
    };
    let mut health = Health {
        from: instant(from),
        minutes,
        attempted: count(deliveries.len()),
        delivered: count(deliveries.values().filter(|taken| **taken).count()),
        took: percentile(&times, 50).zip(percentile(&times, 95)),
        last: last.map(instant),
        waiting: 0,
        in_flight: 0,
        retrying: 0,
        whole: looked_at <= MOST,
    };
    for (state, count) in open(c, app)? {
        match state {
            State::Waiting => health.waiting = count,
            State::InFlight => health.in_flight = count,
            State::Retrying => health.retrying = count,
            State::Delivered | State::GivenUp | State::Cancelled => {}
        }
    }
    Ok(health)
}

/// When a delivery to `app` was taken for the last time, if that is among the last that ended at all.
fn taken_before(c: &Connection, app: AppId) -> Result<Option<i64>, StoreError> {
    // The condition is that of the index `deliveries_ended`.
    Ok(c.prepare_cached(
        "SELECT changed FROM (SELECT app, state, changed FROM deliveries WHERE state IN ('delivered', 'cancelled')
             ORDER BY changed DESC LIMIT ?2)
         WHERE app = ?1 AND state = 'delivered' LIMIT 1",
    )?
    .query_row(params![app.as_bytes(), FAR], |row| row.get(0))
    .optional()?)
}

/// How many deliveries of an application are in each state that has not ended.
fn open(c: &Connection, app: AppId) -> Result<Vec<(State, u32)>, StoreError> {
    // The condition is that of the index `deliveries_open`.
    Ok(c.prepare_cached(
        "SELECT state, count(*) FROM deliveries
         WHERE app = ?1 AND state IN ('waiting', 'in_flight', 'retrying') GROUP BY state",
    )?
    .query_map([app.as_bytes()], |row| Ok((super::parsed(row, 0)?, row.get(1)?)))?
    .collect::<Result<_, _>>()?)
}

/// How the last attempt of all to an application ended, and when it began, if it is among the last of all.
pub(crate) fn last_attempt(c: &Connection, app: AppId) -> Result<Option<(Timestamp, Option<String>)>, StoreError> {
    Ok(c.prepare_cached(
        "SELECT n.at, a.error
         FROM (SELECT delivery, number, at FROM attempts ORDER BY at DESC LIMIT ?2) n
         CROSS JOIN deliveries d ON d.id = n.delivery
         CROSS JOIN attempts a ON a.delivery = n.delivery AND a.number = n.number
         WHERE d.app = ?1 ORDER BY n.at DESC LIMIT 1",
    )?
    .query_row(params![app.as_bytes(), FAR], |row| Ok((super::time(row, 0)?, row.get(1)?)))
    .optional()?)
}

/// When an agent called the agent API for the last time without being refused.
pub(crate) fn last_call(c: &Connection, agent: AgentId) -> Result<Option<Timestamp>, StoreError> {
    // Whoever was refused may be anybody.
    Ok(c.prepare_cached(
        "SELECT at FROM (SELECT id, at, code FROM calls WHERE agent = ?1 ORDER BY id DESC LIMIT ?2)
         WHERE code IS NULL ORDER BY id DESC LIMIT 1",
    )?
    .query_row(params![agent.as_bytes(), FAR], |row| super::time(row, 0))
    .optional()?)
}

/// In how many threads an agent sits, its personal one included.
pub(crate) fn threads(c: &Connection, agent: AgentId) -> Result<u32, StoreError> {
    Ok(c.prepare_cached("SELECT count(*) FROM members WHERE user = ?1")?
        .query_row([agent.as_bytes()], |row| row.get(0))?)
}

/// The least of these ascending numbers that is no less than `percent` of them.
fn percentile(ascending: &[i64], percent: usize) -> Option<i64> {
    let rank = (ascending.len() * percent).div_ceil(100);
    ascending.get(rank.checked_sub(1)?).copied()
}

fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_numbers() {
        let numbers: Vec<i64> = (1..=20).collect();
        assert_eq!((percentile(&numbers, 50), percentile(&numbers, 95)), (Some(10), Some(19)));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 95)), (Some(7), Some(7)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn no_look_reads_through_a_whole_table() {
        let c = Connection::open_in_memory().unwrap();
        for step in crate::store::migrations() {
            c.execute_batch(&step).unwrap();
        }
        let mut plan = c.prepare(&format!("EXPLAIN QUERY PLAN {ATTEMPTS}")).unwrap();
        let plan: Vec<String> =
            plan.query_map(params![[0_u8; 12], 0, 1], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains("SEARCH attempts USING COVERING INDEX attempts_by_time"), "{plan}");
        assert!(plan.contains("SEARCH d USING INTEGER PRIMARY KEY"), "{plan}");
        assert!(!plan.contains("SCAN attempts") && !plan.contains("SCAN d"), "{plan}");
    }
}
