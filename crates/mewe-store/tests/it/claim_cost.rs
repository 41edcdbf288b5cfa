//! What the queue does costs the same with ten rows behind as with twenty thousand.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use mewe_store::Hold;
use rusqlite::Connection;

use crate::support::{JOBS, at};

const FEW: u32 = 10;
const MANY: u32 = 20_000;

/// How the rows behind lie.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Behind {
    /// In line, in the lane that is worked on.
    InLine,
    /// At the head of lanes of their own, due later.
    InOtherLanes,
    /// At the head of lanes of their own, due now.
    DueInOtherLanes,
    /// Set aside in the lane that is worked on, due later.
    Aside,
    /// Set aside in lanes of their own, due later.
    AsideInOtherLanes,
    /// Being worked on, each in a lane of its own.
    Claimed,
    /// Given up.
    Parked,
    /// Done, and kept as a record.
    Done,
}

/// A connection with a queue, and a count of SQLite's steps: it grows with each row that is looked at.
struct Counted {
    c: Connection,
    steps: Arc<AtomicU64>,
}

impl Counted {
    /// Counts from here on.
    fn new(mut c: Connection) -> Self {
        let steps = Arc::new(AtomicU64::new(0));
        let count = steps.clone();
        let step = move || {
            count.fetch_add(1, Ordering::Relaxed);
            false
        };
        c.progress_handler(1, Some(step)).unwrap();
        Self { c, steps }
    }

    fn with(behind: Behind, rows: u32) -> Self {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&JOBS.schema()).unwrap();
        let tx = connection.transaction().unwrap();
        tx.set_prepared_statement_cache_capacity(128);
        let c = &tx;
        for n in 0..rows.min(FEW) {
            let own = format!("lane {n}");
            let (key, due) = match behind {
                // Behind the row that is worked on, which is pushed first.
                Behind::InLine if n == 0 => (&b"lane"[..], 0),
                Behind::InLine => (&b"lane"[..], 5),
                Behind::InOtherLanes => (own.as_bytes(), 1000),
                Behind::DueInOtherLanes => (own.as_bytes(), 5),
                Behind::Aside | Behind::Parked | Behind::Done => (&b"lane"[..], 0),
                Behind::AsideInOtherLanes | Behind::Claimed => (own.as_bytes(), 0),
            };
            JOBS.push(c, key, b"behind", at(0), at(due)).unwrap();
            if matches!(behind, Behind::InLine | Behind::InOtherLanes | Behind::DueInOtherLanes) {
                continue;
            }
            let claim = JOBS.claim(c, 1, at(0), 1).unwrap().remove(0);
            match behind {
                Behind::Aside | Behind::AsideInOtherLanes => {
                    JOBS.retry(c, &claim, Hold::Aside, at(1000), "not yet", at(0), true).unwrap();
                }
                Behind::Parked => JOBS.park(c, &claim, "hopeless", at(0)).unwrap(),
                Behind::Done => JOBS.done(c, &claim, at(0)).unwrap(),
                _ => {}
            }
        }
        multiply(c, rows);
        if behind != Behind::InLine {
            JOBS.push(c, b"lane", b"first", at(0), at(0)).unwrap();
            JOBS.push(c, b"lane", b"second", at(0), at(0)).unwrap();
        }
        tx.commit().unwrap();
        Self::new(connection)
    }

    /// The steps of some work.
    fn steps_of<T>(&self, work: impl FnOnce(&Connection) -> T) -> (T, u64) {
        let before = self.steps.load(Ordering::Relaxed);
        let value = work(&self.c);
        (value, self.steps.load(Ordering::Relaxed) - before)
    }

    /// What each thing costs that is done to the queue all the time.
    fn costs(&self) -> Vec<(&'static str, u64)> {
        let mut costs = Vec::new();
        let (claims, steps) = self.steps_of(|c| JOBS.claim(c, 1, at(9), 1).unwrap());
        costs.push(("claim", steps));
        let [claim] = claims.as_slice() else { panic!("{claims:?}") };
        assert_eq!(claim.key, b"lane");
        costs.push(("retry in place", self.steps_of(|c| JOBS.retry(c, claim, Hold::Lane, at(0), "", at(9), true)).1));
        let claim = JOBS.claim(&self.c, 1, at(9), 1).unwrap().remove(0);
        costs.push(("retry aside", self.steps_of(|c| JOBS.retry(c, &claim, Hold::Aside, at(-1), "", at(9), true)).1));
        let claim = JOBS.claim(&self.c, 1, at(9), 1).unwrap().remove(0);
        costs.push(("done", self.steps_of(|c| JOBS.done(c, &claim, at(9)).unwrap()).1));
        costs.push(("push", self.steps_of(|c| JOBS.push(c, b"lane", b"last", at(9), at(9)).unwrap()).1));
        costs.push(("push into a new lane", self.steps_of(|c| JOBS.push(c, b"new", b"", at(9), at(-1)).unwrap()).1));
        costs.push(("next due", self.steps_of(|c| JOBS.next_due(c).unwrap()).1));
        costs.push(("is idle", self.steps_of(|c| JOBS.is_idle(c, at(9)).unwrap()).1));
        let claim = JOBS.claim(&self.c, 1, at(9), 1).unwrap().remove(0);
        costs.push(("park", self.steps_of(|c| JOBS.park(c, &claim, "", at(9)).unwrap()).1));
        costs.push(("release", self.steps_of(|c| JOBS.release(c, claim.id, at(9)).unwrap()).1));
        costs.push(("put due", self.steps_of(|c| JOBS.put_due(c, claim.id, at(9)).unwrap()).1));
        costs.push(("cancel", self.steps_of(|c| JOBS.cancel(c, claim.id, at(9)).unwrap()).1));
        costs.push(("cancel a lane", self.steps_of(|c| JOBS.cancel_key(c, b"new", at(9)).unwrap()).1));
        costs.push(("hurry", self.steps_of(|c| JOBS.hurry(c, b"another", at(9)).unwrap()).1));
        costs.push(("prune", self.steps_of(|c| JOBS.prune_done(c, at(0)).unwrap()).1));
        costs
    }
}

/// Copies the last row until there are so many: faster than to push and work on each. What is in a lane of its own gets
/// another.
fn multiply(c: &Connection, rows: u32) {
    let last: u32 = c.query_row("SELECT max(id) FROM jobs", [], |r| r.get(0)).unwrap();
    let copies = "
        WITH RECURSIVE copies (n) AS (SELECT ?1 + 1 WHERE ?1 < ?2 UNION ALL SELECT n + 1 FROM copies WHERE n < ?2)
        INSERT INTO jobs (id, key, state, due, attempts, set_aside, epoch, number, cause, created, changed, payload)
        SELECT n, CASE key WHEN CAST('lane' AS BLOB) THEN key ELSE CAST(key || n AS BLOB) END,
            state, due, attempts, set_aside, epoch, number, cause, created, changed, payload
        FROM copies JOIN jobs ON id = ?1";
    c.execute(copies, [last, rows]).unwrap();
    let free =
        "INSERT OR IGNORE INTO jobs_lanes SELECT key, due, id FROM jobs WHERE id > ?1 AND state IN ('ready', 'aside')";
    c.execute(free, [last]).unwrap();
    let found: u32 = c.query_row("SELECT count(*) FROM jobs", [], |r| r.get(0)).unwrap();
    assert_eq!(found, rows);
}

#[test]
fn nothing_that_is_done_all_the_time_costs_more_for_the_rows_behind() {
    use Behind::*;
    for behind in [InLine, InOtherLanes, DueInOtherLanes, Aside, AsideInOtherLanes, Claimed, Parked, Done] {
        let (few, many) = (Counted::with(behind, FEW).costs(), Counted::with(behind, MANY).costs());
        assert_eq!(few, many, "{behind:?}");
    }
}

#[test]
fn a_start_looks_at_what_was_claimed_and_at_no_other_row() {
    let mut costs = Vec::new();
    for rows in [FEW, MANY] {
        let counted = Counted::with(Behind::InLine, rows);
        assert_eq!(JOBS.claim(&counted.c, 1, at(9), 1).unwrap().len(), 1);
        let (recovered, steps) = counted.steps_of(|c| JOBS.recover(c, 2, at(9)).unwrap());
        assert_eq!(recovered, 1);
        costs.push(steps);
    }
    assert_eq!(costs[0], costs[1]);
}

#[test]
fn the_count_of_steps_sees_a_look_through_everything() {
    let look = |rows| {
        let counted = Counted::with(Behind::InLine, rows);
        let find = "SELECT count(*) FROM jobs WHERE due > 5";
        counted.steps_of(|c| c.query_row(find, [], |r| r.get::<_, i64>(0)).unwrap()).1
    };
    assert!(look(MANY) >= look(FEW) + u64::from(MANY - FEW));
}
