//! The queue against a model that is too simple to be wrong: any operations, in pieces that are kept or undone, with crashes
//! in between and a clock that goes both ways.

use std::collections::{BTreeMap, BTreeSet};

use mewe_store::{Claim, Counts, Db, Hold, QueueError, StoreError, Tx};
use proptest::{collection::vec, prelude::*, sample::select};
use rusqlite::Connection;

use crate::support::{INLINE, JOBS, at, now, open};

/// One lane's key is the beginning of another's, and one is empty.
const LANES: [&[u8]; 3] = [b"", b"a", b"ab"];
/// Where a test's time begins.
const START: i64 = 1_000_000;

/// What is done to the queue. Times are relative to the clock; rows and claims are picked from those there are.
#[derive(Debug, Clone)]
enum Op {
    Push { lane: usize, due: i64, payload: u8 },
    Claim { limit: usize },
    End { claim: Pick, end: End },
    Release { row: Pick },
    Again { row: Pick },
    Cancel { row: Pick },
    CancelKey { lane: usize },
    Hurry { lane: usize },
    PutDue { row: Pick, due: i64 },
    PutPayload { row: Pick, payload: u8 },
    Recover,
    Prune { before: i64 },
    Look,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Done,
    Park,
    Retry { hold: Hold, due: i64, counts: bool },
}

/// Picks a row or claim: one that fits, or, if `any`, one of all that ever were.
#[derive(Debug, Clone, Copy)]
struct Pick {
    any: bool,
    index: prop::sample::Index,
}

#[derive(Debug, Clone)]
enum Step {
    /// Some operations in one piece of work.
    Piece(Vec<Op>, Fate),
    /// The process dies and another comes, which takes up at once what was lost, or later.
    Crash { recovers: bool },
    /// The clock is set.
    Clock(i64),
}

/// What becomes of a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Fails,
    Panics,
}

fn any_pick() -> impl Strategy<Value = Pick> {
    (prop::bool::weighted(0.15), any::<prop::sample::Index>()).prop_map(|(any, index)| Pick { any, index })
}

fn any_end() -> impl Strategy<Value = End> {
    let retry = (select(&[Hold::Lane, Hold::Aside][..]), -5..15i64, prop::bool::weighted(0.7));
    prop_oneof![
        2 => Just(End::Done),
        1 => Just(End::Park),
        4 => retry.prop_map(|(hold, due, counts)| End::Retry { hold, due, counts }),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    let lane = 0..LANES.len();
    prop_oneof![
        6 => (lane.clone(), -5..10i64, any::<u8>()).prop_map(|(lane, due, payload)| Op::Push { lane, due, payload }),
        6 => (0..5usize).prop_map(|limit| Op::Claim { limit }),
        8 => (any_pick(), any_end()).prop_map(|(claim, end)| Op::End { claim, end }),
        2 => any_pick().prop_map(|row| Op::Release { row }),
        2 => any_pick().prop_map(|row| Op::Again { row }),
        2 => any_pick().prop_map(|row| Op::Cancel { row }),
        1 => lane.clone().prop_map(|lane| Op::CancelKey { lane }),
        1 => lane.prop_map(|lane| Op::Hurry { lane }),
        2 => (any_pick(), -5..10i64).prop_map(|(row, due)| Op::PutDue { row, due }),
        1 => (any_pick(), any::<u8>()).prop_map(|(row, payload)| Op::PutPayload { row, payload }),
        1 => Just(Op::Recover),
        1 => (-20..5i64).prop_map(|before| Op::Prune { before }),
        1 => Just(Op::Look),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let fate = prop_oneof![8 => Just(Fate::Kept), 1 => Just(Fate::Fails), 1 => Just(Fate::Panics)];
    prop_oneof![
        12 => (vec(any_op(), 1..6), fate).prop_map(|(ops, fate)| Step::Piece(ops, fate)),
        1 => prop::bool::weighted(0.8).prop_map(|recovers| Step::Crash { recovers }),
        3 => (-8..16i64).prop_map(Step::Clock),
    ]
}

/// A row as the model sees it.
#[derive(Debug, Clone)]
struct Row {
    lane: usize,
    payload: Vec<u8>,
    due: i64,
    attempts: u32,
    interrupted: bool,
    aside: bool,
    cause: Option<String>,
    changed: i64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waits,
    /// By this claim, of this epoch.
    Claimed {
        serial: usize,
        epoch: i64,
    },
    Parked,
    Done,
    Cancelled,
}

impl Row {
    fn has_ended(&self) -> bool {
        matches!(self.state, State::Done | State::Cancelled)
    }
}

/// What the queue is meant to be, and what a program that uses it has in its hands.
#[derive(Debug, Clone, Default)]
struct Model {
    now: i64,
    epoch: i64,
    rows: BTreeMap<i64, Row>,
    /// The greatest id that there ever was.
    last: i64,
    /// All claims that were ever made, whatever became of them; a claim's place is its serial number.
    claims: Vec<Claim>,
}

impl Model {
    /// Whether somebody works on the lane, and if so, on what is beside it.
    fn at_work(&self, lane: usize) -> Option<&Row> {
        self.rows.values().find(|row| row.lane == lane && matches!(row.state, State::Claimed { .. }))
    }

    /// The first in line that waits, unless the one before it is still being worked on.
    fn head(&self, lane: usize) -> Option<i64> {
        if self.at_work(lane).is_some_and(|row| !row.aside) {
            return None;
        }
        let in_line = |row: &Row| row.lane == lane && row.state == State::Waits && !row.aside;
        self.rows.iter().find(|(_, row)| in_line(row)).map(|(id, _)| *id)
    }

    fn set_aside(&self, lane: usize) -> impl Iterator<Item = i64> {
        let beside = move |row: &Row| row.lane == lane && row.state == State::Waits && row.aside;
        self.rows.iter().filter(move |(_, row)| beside(row)).map(|(id, _)| *id)
    }

    /// What would come next of each lane that is free, as (due, id), the longest due first.
    fn next(&self) -> BTreeSet<(i64, i64)> {
        let free = (0..LANES.len()).filter(|lane| self.at_work(*lane).is_none());
        free.filter_map(|lane| {
            self.head(lane).into_iter().chain(self.set_aside(lane)).map(|id| (self.rows[&id].due, id)).min()
        })
        .collect()
    }

    fn counts(&self) -> Counts {
        let count = |is: fn(&Row) -> bool| self.rows.values().filter(|row| is(row)).count() as u64;
        Counts {
            waiting: count(|row| row.state == State::Waits && !row.aside),
            claimed: count(|row| matches!(row.state, State::Claimed { .. })),
            aside: count(|row| row.state == State::Waits && row.aside),
            parked: count(|row| row.state == State::Parked),
        }
    }

    /// A row, of those for which `fits` if there are any.
    fn pick(&self, pick: Pick, fits: impl Fn(&Row) -> bool) -> i64 {
        let fitting: Vec<i64> = self.rows.iter().filter(|(_, row)| pick.any || fits(row)).map(|(id, _)| *id).collect();
        if fitting.is_empty() { self.last + 1 } else { *pick.index.get(&fitting) }
    }

    /// A claim, of those that hold if there are any, and whether it holds.
    fn pick_claim(&self, pick: Pick) -> Option<(Claim, bool)> {
        let holds = |serial: usize| {
            let row = self.rows.get(&self.claims[serial].id);
            row.is_some_and(|row| matches!(row.state, State::Claimed { serial: last, .. } if last == serial))
        };
        let fitting: Vec<usize> = (0..self.claims.len()).filter(|serial| pick.any || holds(*serial)).collect();
        let serial = if fitting.is_empty() { self.claims.len().checked_sub(1)? } else { *pick.index.get(&fitting) };
        Some((self.claims[serial].clone(), holds(serial)))
    }

    fn row(&mut self, id: i64) -> &mut Row {
        let row = self.rows.get_mut(&id).unwrap();
        row.changed = self.now;
        row
    }

    /// Does it to both and compares what comes of it.
    fn apply(&mut self, tx: &Tx<'_>, op: &Op) -> Result<(), StoreError> {
        let now = self.now;
        match *op {
            Op::Push { lane, due, payload } => {
                let payload = vec![payload];
                let id = JOBS.push(tx, LANES[lane], &payload, at(now), at(now + due))?;
                assert!(id > self.last, "{id} after {}", self.last);
                self.last = id;
                let row = Row {
                    lane,
                    payload,
                    due: now + due,
                    attempts: 0,
                    interrupted: false,
                    aside: false,
                    cause: None,
                    changed: now,
                    state: State::Waits,
                };
                self.rows.insert(id, row);
            }
            Op::Claim { limit } => self.claim(&JOBS.claim(tx, self.epoch, at(now), limit)?, limit),
            Op::End { claim, end } => {
                let Some((claim, holds)) = self.pick_claim(claim) else { return Ok(()) };
                let ended = match end {
                    End::Done => JOBS.done(tx, &claim, at(now)),
                    End::Park => JOBS.park(tx, &claim, "parked", at(now)),
                    End::Retry { hold, due, counts } => {
                        JOBS.retry(tx, &claim, hold, at(now + due), "retried", at(now), counts)
                    }
                };
                match ended {
                    Ok(()) => assert!(holds, "{claim:?} is no longer a claim"),
                    Err(QueueError::Fenced) => assert!(!holds, "{claim:?} is fenced"),
                    Err(QueueError::Store(error)) => return Err(error),
                }
                if holds {
                    self.end(claim.id, end);
                }
            }
            Op::Release { row } => {
                let id = self.pick(row, |row| row.state == State::Parked);
                let is_parked = self.rows.get(&id).is_some_and(|row| row.state == State::Parked);
                assert_eq!(JOBS.release(tx, id, at(now))?, is_parked);
                if is_parked {
                    let row = self.row(id);
                    (row.state, row.aside, row.attempts, row.due) = (State::Waits, true, 0, now);
                }
            }
            Op::Again { row } => {
                let has_ended = |row: &Row| matches!(row.state, State::Done | State::Parked);
                let id = self.pick(row, has_ended);
                let can_be = self.rows.get(&id).is_some_and(has_ended);
                assert_eq!(JOBS.again(tx, id, at(now))?, can_be);
                if can_be {
                    let row = self.row(id);
                    (row.state, row.aside, row.attempts, row.due) = (State::Waits, true, 0, now);
                }
            }
            Op::Cancel { row } => {
                let id = self.pick(row, |row| !row.has_ended());
                let is_open = self.rows.get(&id).is_some_and(|row| !row.has_ended());
                assert_eq!(JOBS.cancel(tx, id, at(now))?, is_open);
                if is_open {
                    self.row(id).state = State::Cancelled;
                }
            }
            Op::CancelKey { lane } => {
                let open: Vec<i64> = self
                    .rows
                    .iter()
                    .filter(|(_, row)| row.lane == lane && !row.has_ended())
                    .map(|(id, _)| *id)
                    .collect();
                assert_eq!(JOBS.cancel_key(tx, LANES[lane], at(now))?, open.len());
                for id in open {
                    self.row(id).state = State::Cancelled;
                }
            }
            Op::Hurry { lane } => {
                let late: Vec<i64> = self
                    .head(lane)
                    .into_iter()
                    .chain(self.set_aside(lane))
                    .filter(|id| self.rows[id].due > now)
                    .collect();
                assert_eq!(JOBS.hurry(tx, LANES[lane], at(now))?, late.len());
                for id in late {
                    self.rows.get_mut(&id).unwrap().due = now;
                }
            }
            Op::PutDue { row, due } => {
                let id = self.pick(row, |row| row.state == State::Waits);
                let waits = self.rows.get(&id).is_some_and(|row| row.state == State::Waits);
                assert_eq!(JOBS.put_due(tx, id, at(now + due))?, waits);
                if waits {
                    self.rows.get_mut(&id).unwrap().due = now + due;
                }
            }
            Op::PutPayload { row, payload } => {
                let id = self.pick(row, |row| !row.has_ended());
                JOBS.put_payload(tx, id, &[payload])?;
                if let Some(row) = self.rows.get_mut(&id) {
                    row.payload = vec![payload];
                }
            }
            Op::Recover => self.recover(JOBS.recover(tx, self.epoch, at(now))?),
            Op::Prune { before } => {
                let old = |row: &Row| row.has_ended() && row.changed < now + before;
                let pruned = self.rows.values().filter(|row| old(row)).count();
                assert_eq!(JOBS.prune_done(tx, at(now + before))?, pruned);
                self.rows.retain(|_, row| !old(row));
            }
            Op::Look => self.compare(tx)?,
        }
        Ok(())
    }

    fn claim(&mut self, claims: &[Claim], limit: usize) {
        let due: Vec<i64> =
            self.next().into_iter().filter(|(due, _)| *due <= self.now).map(|(_, id)| id).take(limit).collect();
        assert_eq!(claims.iter().map(|claim| claim.id).collect::<Vec<_>>(), due);
        for claim in claims {
            let state = State::Claimed { serial: self.claims.len(), epoch: self.epoch };
            self.claims.push(claim.clone());
            let row = self.row(claim.id);
            row.state = state;
            row.attempts += 1;
            let found = (&*claim.key, &claim.payload, claim.attempt, claim.interrupted);
            assert_eq!(found, (LANES[row.lane], &row.payload, row.attempts, row.interrupted), "row {}", claim.id);
        }
    }

    fn end(&mut self, id: i64, end: End) {
        let now = self.now;
        let row = self.row(id);
        row.interrupted = false;
        match end {
            End::Done => row.state = State::Done,
            End::Park => {
                row.state = State::Parked;
                row.cause = Some("parked".to_owned());
            }
            End::Retry { hold, due, counts } => {
                row.state = State::Waits;
                row.aside |= hold == Hold::Aside;
                row.due = now + due;
                row.attempts -= u32::from(!counts);
                row.cause = Some("retried".to_owned());
            }
        }
    }

    fn recover(&mut self, recovered: usize) {
        let mut lost = 0;
        for row in self.rows.values_mut() {
            if matches!(row.state, State::Claimed { epoch, .. } if epoch < self.epoch) {
                (row.state, row.interrupted, row.changed) = (State::Waits, true, self.now);
                lost += 1;
            }
        }
        assert_eq!(recovered, lost);
    }

    /// All that can be seen of a queue.
    fn compare(&self, c: &Connection) -> Result<(), StoreError> {
        assert_eq!(JOBS.counts(c)?, self.counts());
        let next_due = self.next().first().map(|(due, _)| *due);
        assert_eq!(JOBS.next_due(c)?, next_due.map(at));
        let is_idle = self.counts().claimed == 0 && next_due.is_none_or(|due| due > self.now);
        assert_eq!(JOBS.is_idle(c, at(self.now))?, is_idle);
        assert_eq!(rows(c)?, self.rows_as_stored());
        Ok(())
    }

    fn rows_as_stored(&self) -> Vec<String> {
        let row = |(id, row): (&i64, &Row)| {
            let state = match row.state {
                State::Waits if row.aside => "aside",
                State::Waits if self.head(row.lane) == Some(*id) => "ready",
                State::Waits => "waiting",
                State::Claimed { .. } => "claimed",
                State::Parked => "parked",
                State::Done => "done",
                State::Cancelled => "cancelled",
            };
            let Row { lane, payload, due, attempts, cause, changed, .. } = row;
            let key = LANES[*lane];
            format!("{id} {key:?} {state} {due} {attempts} {} {cause:?} {changed} {payload:?}", row.aside)
        };
        self.rows.iter().map(row).collect()
    }
}

fn rows(c: &Connection) -> Result<Vec<String>, StoreError> {
    let mut rows = c.prepare_cached(
        "SELECT id, key, state, due, attempts, set_aside, cause, changed, payload FROM jobs ORDER BY id",
    )?;
    let rows = rows.query_map([], |r| {
        let (id, key, state): (i64, Vec<u8>, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
        let (due, attempts, aside): (i64, u32, bool) = (r.get(3)?, r.get(4)?, r.get(5)?);
        let (cause, changed, payload): (Option<String>, i64, Vec<u8>) = (r.get(6)?, r.get(7)?, r.get(8)?);
        Ok(format!("{id} {key:?} {state} {due} {attempts} {aside} {cause:?} {changed} {payload:?}"))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Why a piece of work is not kept.
#[derive(Debug)]
enum Undone {
    OnPurpose,
    Store(StoreError),
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Runs a piece of work on both; returns the model as it has to be afterwards.
fn run(db: &Db, before: &Model, ops: Vec<Op>, fate: Fate) -> Model {
    let mut model = before.clone();
    let ran = now(db.write(move |tx| {
        for op in &ops {
            model.apply(tx, op)?;
        }
        match fate {
            Fate::Kept => Ok(model),
            Fate::Fails => Err(Undone::OnPurpose),
            // Without the hook that would print it.
            Fate::Panics => std::panic::resume_unwind(Box::new("on purpose")),
        }
    }));
    match (fate, ran) {
        (Fate::Kept, Ok(model)) => model,
        (Fate::Fails, Err(Undone::OnPurpose)) => before.clone(),
        (Fate::Panics, Err(Undone::Store(StoreError::Panicked(words)))) if words == "on purpose" => before.clone(),
        (_, Err(Undone::Store(StoreError::Panicked(words)))) => panic!("{words}"),
        (_, ran) => panic!("{fate:?}, but {ran:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_does_what_the_model_does(steps in vec(any_step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let mut db = open(dir.path(), INLINE);
        let mut model = Model { now: START, epoch: db.epoch(), ..Model::default() };
        for step in steps {
            match step {
                Step::Piece(ops, fate) => model = run(&db, &model, ops, fate),
                Step::Crash { recovers } => {
                    drop(db);
                    db = open(dir.path(), INLINE);
                    assert!(db.epoch() > model.epoch);
                    model.epoch = db.epoch();
                    if recovers {
                        model = run(&db, &model, vec![Op::Recover], Fate::Kept);
                    }
                }
                Step::Clock(by) => model.now += by,
            }
            let seen = model.clone();
            now(db.read(move |c| seen.compare(c))).unwrap();
        }
    }
}
