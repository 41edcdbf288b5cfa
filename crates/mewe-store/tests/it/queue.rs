//! The queue: order within a lane, lanes side by side, and how work ends.

use std::path::Path;

use jiff::Timestamp;
use mewe_store::{Claim, Counts, Db, Hold, QueueError, StoreError, Tx};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{INLINE, JOBS, at, now, open};

/// A database with a queue; its times are milliseconds.
struct Desk {
    db: Option<Db>,
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { db: Some(open(dir.path(), INLINE)), dir }
    }

    fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    /// As if the process had died and another had come.
    fn reopen(&mut self) {
        drop(self.db.take());
        self.db = Some(open(self.path(), INLINE));
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write<T: Send + 'static>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static) -> T {
        now(self.db().write(work)).unwrap()
    }

    fn read<T: Send + 'static>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static) -> T {
        now(self.db().read(work)).unwrap()
    }

    /// Pushes at 0, due at 0.
    fn push(&self, key: &str, payload: &str) -> i64 {
        self.push_due(key, payload, 0)
    }

    fn push_due(&self, key: &str, payload: &str, due: i64) -> i64 {
        let (key, payload) = (key.to_owned(), payload.to_owned());
        self.write(move |tx| JOBS.push(tx, key.as_bytes(), payload.as_bytes(), at(0), at(due)))
    }

    fn claim(&self, now: i64) -> Vec<Claim> {
        self.claim_at_most(now, 100)
    }

    fn claim_at_most(&self, now: i64, limit: usize) -> Vec<Claim> {
        let epoch = self.db().epoch();
        self.write(move |tx| JOBS.claim(tx, epoch, at(now), limit))
    }

    /// The one row that can be claimed.
    #[track_caller]
    fn claim_one(&self, now: i64) -> Claim {
        let claims = self.claim(now);
        let [claim] = claims.as_slice() else { panic!("not one: {claims:?}") };
        claim.clone()
    }

    /// The payloads of what can be claimed, in its order.
    fn claim_names(&self, now: i64) -> Vec<String> {
        names(&self.claim(now))
    }

    fn end(
        &self,
        claim: &Claim,
        end: impl FnOnce(&Tx<'_>, &Claim) -> Result<(), QueueError> + Send + 'static,
    ) -> Result<(), QueueError> {
        let claim = claim.clone();
        now(self.db().write(move |tx| end(tx, &claim)))
    }

    fn done(&self, claim: &Claim) {
        self.end(claim, |tx, claim| JOBS.done(tx, claim, at(0))).unwrap();
    }

    fn retry(&self, claim: &Claim, hold: Hold, due: i64) {
        self.end(claim, move |tx, claim| JOBS.retry(tx, claim, hold, at(due), "not yet", at(0), true)).unwrap();
    }

    fn park(&self, claim: &Claim) {
        self.end(claim, |tx, claim| JOBS.park(tx, claim, "hopeless", at(0))).unwrap();
    }

    fn recover(&self) -> usize {
        let epoch = self.db().epoch();
        self.write(move |tx| JOBS.recover(tx, epoch, at(0)))
    }

    fn counts(&self) -> Counts {
        self.read(|c| JOBS.counts(c))
    }

    fn next_due(&self) -> Option<i64> {
        self.read(|c| JOBS.next_due(c)).map(Timestamp::as_millisecond)
    }

    fn is_idle(&self, now: i64) -> bool {
        self.read(move |c| JOBS.is_idle(c, at(now)))
    }

    fn cause(&self, id: i64) -> Option<String> {
        self.read(move |c| Ok(c.query_row("SELECT cause FROM jobs WHERE id = ?1", [id], |r| r.get(0))?))
    }

    /// Every way to end this claim finds that it is another's.
    #[track_caller]
    fn assert_fenced(&self, claim: &Claim) {
        let before = self.rows();
        let ends = [
            self.end(claim, |tx, claim| JOBS.done(tx, claim, at(9))),
            self.end(claim, |tx, claim| JOBS.park(tx, claim, "late", at(9))),
            self.end(claim, |tx, claim| JOBS.retry(tx, claim, Hold::Lane, at(9), "late", at(9), true)),
            self.end(claim, |tx, claim| JOBS.retry(tx, claim, Hold::Aside, at(9), "late", at(9), false)),
        ];
        for end in ends {
            assert!(matches!(end, Err(QueueError::Fenced)), "{end:?}");
        }
        assert_eq!(self.rows(), before);
    }

    fn rows(&self) -> Vec<(i64, String, i64, Option<String>)> {
        self.read(|c| {
            let mut rows = c.prepare("SELECT id, state, due, cause FROM jobs ORDER BY id")?;
            let rows = rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn names(claims: &[Claim]) -> Vec<String> {
    claims.iter().map(|claim| String::from_utf8(claim.payload.clone()).unwrap()).collect()
}

#[test]
fn a_lane_is_worked_on_in_its_order_and_one_row_at_a_time() {
    let desk = Desk::new();
    let pushed: Vec<i64> = ["first", "second", "third"].map(|name| desk.push("a", name)).into();
    let mut worked_on = Vec::new();
    for _ in 0..3 {
        let claim = desk.claim_one(0);
        assert!(desk.claim(0).is_empty(), "never two of one lane");
        worked_on.push(claim.id);
        desk.done(&claim);
    }
    assert_eq!(worked_on, pushed);
    assert!(desk.claim(0).is_empty());
}

#[test]
fn a_claim_tells_all_about_its_row() {
    let desk = Desk::new();
    let id = desk.push("a lane", "what to do");
    let claim = desk.claim_one(0);
    assert_eq!((claim.id, &*claim.key, &*claim.payload), (id, &b"a lane"[..], &b"what to do"[..]));
    assert_eq!((claim.attempt, claim.interrupted), (1, false));
}

#[test]
fn lanes_are_worked_on_side_by_side() {
    let desk = Desk::new();
    for name in ["a1", "a2", "b1", "b2", "c1"] {
        desk.push(&name[..1], name);
    }
    let claims = desk.claim(0);
    assert_eq!(names(&claims), ["a1", "b1", "c1"]);
    desk.done(&claims[1]);
    assert_eq!(desk.claim_names(0), ["b2"], "a lane does not wait for another one");
}

#[test]
fn the_head_of_a_lane_holds_it_until_it_is_due() {
    let desk = Desk::new();
    desk.push_due("a", "later", 10);
    desk.push_due("a", "now", 0);
    assert!(desk.claim(9).is_empty());
    assert_eq!(desk.claim_names(10), ["later"]);
}

#[test]
fn who_has_waited_longest_comes_first_and_no_more_come_than_asked_for() {
    let desk = Desk::new();
    for (key, due) in [("a", 30), ("b", 10), ("c", 20), ("d", 10), ("e", 40)] {
        desk.push_due(key, key, due);
    }
    assert!(desk.claim_at_most(100, 0).is_empty());
    assert_eq!(names(&desk.claim_at_most(100, 3)), ["b", "d", "c"]);
    assert_eq!(desk.claim_names(35), ["a"]);
    assert_eq!(desk.next_due(), Some(40));
}

#[test]
fn a_retry_that_holds_its_lane_keeps_it_waiting() {
    let desk = Desk::new();
    desk.push("a", "first");
    desk.push("a", "second");
    desk.retry(&desk.claim_one(0), Hold::Lane, 10);
    assert!(desk.claim(9).is_empty());
    assert_eq!(desk.next_due(), Some(10));
    let again = desk.claim_one(10);
    assert_eq!((&*again.payload, again.attempt, again.interrupted), (&b"first"[..], 2, false));
    desk.done(&again);
    assert_eq!(desk.claim_names(10), ["second"]);
}

#[test]
fn a_retry_aside_lets_its_lane_go_on_and_comes_back_between_the_others() {
    let desk = Desk::new();
    for name in ["first", "second", "third"] {
        desk.push("a", name);
    }
    desk.retry(&desk.claim_one(0), Hold::Aside, 10);
    let second = desk.claim_one(0);
    assert_eq!(second.payload, b"second");
    assert!(desk.claim(10).is_empty(), "it is due, but never beside another of its lane");
    desk.done(&second);
    // Who has waited longer comes first, and that is the one in line.
    let third = desk.claim_one(10);
    assert_eq!(third.payload, b"third");
    desk.done(&third);
    let back = desk.claim_one(10);
    assert_eq!((&*back.payload, back.attempt), (&b"first"[..], 2));
    desk.push("a", "fourth");
    assert!(desk.claim(10).is_empty(), "nor does another come beside it");
    desk.done(&back);
    assert_eq!(desk.claim_names(10), ["fourth"]);
}

#[test]
fn what_is_set_aside_comes_before_a_head_that_is_due_later() {
    let desk = Desk::new();
    desk.push("a", "first");
    desk.push_due("a", "second", 20);
    desk.retry(&desk.claim_one(0), Hold::Aside, 10);
    assert_eq!(desk.next_due(), Some(10));
    let first = desk.claim_one(30);
    assert_eq!(first.payload, b"first");
    desk.retry(&first, Hold::Aside, 25);
    assert_eq!(desk.claim_names(30), ["second"]);
}

#[test]
fn what_was_once_set_aside_never_holds_its_lane_again() {
    let desk = Desk::new();
    desk.push("a", "first");
    desk.push("a", "second");
    desk.retry(&desk.claim_one(0), Hold::Aside, -1);
    let first = desk.claim_one(0);
    assert_eq!(first.payload, b"first");
    desk.retry(&first, Hold::Lane, 10);
    assert_eq!(desk.claim_names(0), ["second"]);
}

#[test]
fn an_attempt_that_does_not_count_is_given_back() {
    let desk = Desk::new();
    desk.push("a", "first");
    for _ in 0..3 {
        let claim = desk.claim_one(0);
        assert_eq!(claim.attempt, 1);
        desk.end(&claim, |tx, claim| JOBS.retry(tx, claim, Hold::Lane, at(0), "paused", at(0), false)).unwrap();
    }
    desk.retry(&desk.claim_one(0), Hold::Lane, 0);
    assert_eq!(desk.claim_one(0).attempt, 2);
}

#[test]
fn what_is_parked_stays_so_until_it_is_released_and_then_starts_afresh_beside_its_lane() {
    let desk = Desk::new();
    let first = desk.push("a", "first");
    desk.push("a", "second");
    desk.retry(&desk.claim_one(0), Hold::Lane, 0);
    desk.park(&desk.claim_one(0));
    assert_eq!(desk.cause(first).unwrap(), "hopeless");
    let second = desk.claim_one(1_000_000);
    assert_eq!(second.payload, b"second", "its lane goes on");
    assert_eq!(desk.counts(), Counts { claimed: 1, parked: 1, ..Counts::default() });

    assert!(desk.write(move |tx| JOBS.release(tx, first, at(5))));
    assert!(!desk.write(move |tx| JOBS.release(tx, first, at(5))), "it is no longer parked");
    assert!(desk.claim(5).is_empty(), "it does not come beside another of its lane");
    desk.done(&second);
    assert_eq!(desk.next_due(), Some(5));
    desk.push_due("a", "third", 6);
    let released = desk.claim_one(5);
    assert_eq!((released.id, released.attempt), (first, 1));
    desk.retry(&released, Hold::Lane, 10);
    assert_eq!(desk.claim_names(6), ["third"], "its place in line has gone to another");
}

#[test]
fn only_what_is_parked_can_be_released() {
    let desk = Desk::new();
    let id = desk.push("a", "first");
    let release = |id| desk.write(move |tx| JOBS.release(tx, id, at(0)));
    assert!(!release(id));
    let claim = desk.claim_one(0);
    assert!(!release(id));
    desk.done(&claim);
    assert!(!release(id));
    assert!(!release(id + 1));
}

#[test]
fn what_is_done_or_parked_can_be_worked_on_once_more_beside_its_lane() {
    let desk = Desk::new();
    let again = |id| desk.write(move |tx| JOBS.again(tx, id, at(5)));
    let first = desk.push("a", "first");
    assert!(!again(first), "it has not ended");
    let done = desk.claim_one(0);
    assert!(!again(first), "it is being worked on");
    desk.done(&done);
    desk.push("a", "second");
    assert!(again(first));
    assert!(!again(first), "it waits already");
    let once_more = desk.claim(5);
    assert_eq!(once_more.len(), 1, "never two of one lane");
    assert!(!again(first + 7), "there is none");
    let mut names: Vec<Vec<u8>> = once_more.iter().map(|claim| claim.payload.clone()).collect();
    for claim in &once_more {
        desk.done(claim);
    }
    names.extend(desk.claim(5).into_iter().map(|claim| claim.payload));
    assert_eq!(names, [b"second".to_vec(), b"first".to_vec()]);
}

#[test]
fn a_claim_ends_once() {
    let ends: [fn(&Desk, &Claim); 4] = [
        Desk::done,
        Desk::park,
        |desk, claim| desk.retry(claim, Hold::Lane, 0),
        |desk, claim| desk.retry(claim, Hold::Aside, 0),
    ];
    for end in ends {
        let desk = Desk::new();
        desk.push("a", "first");
        let claim = desk.claim_one(0);
        end(&desk, &claim);
        desk.assert_fenced(&claim);
    }
}

#[test]
fn a_claim_is_fenced_by_the_next_claim_of_its_row() {
    let desk = Desk::new();
    desk.push("a", "first");
    let earlier = desk.claim_one(0);
    desk.retry(&earlier, Hold::Lane, 0);
    let later = desk.claim_one(0);
    desk.assert_fenced(&earlier);
    desk.done(&later);
}

#[test]
fn what_is_cancelled_is_never_claimed_and_its_lane_goes_on() {
    let desk = Desk::new();
    let ids = ["first", "second", "third"].map(|name| desk.push("a", name));
    let cancel = |id| desk.write(move |tx| JOBS.cancel(tx, id, at(0)));
    assert!(cancel(ids[0]) && cancel(ids[1]));
    assert!(!cancel(ids[1]), "it has been cancelled");
    assert!(!cancel(ids[2] + 1), "it was never there");
    let third = desk.claim_one(0);
    assert_eq!(third.payload, b"third");
    desk.done(&third);
    assert!(!cancel(ids[2]), "it is done");
    assert_eq!(desk.counts(), Counts::default());
}

#[test]
fn a_cancellation_fences_the_claim_and_frees_the_lane() {
    let desk = Desk::new();
    let first = desk.push("a", "first");
    desk.push("a", "second");
    let claim = desk.claim_one(0);
    assert!(desk.write(move |tx| JOBS.cancel(tx, first, at(0))));
    desk.assert_fenced(&claim);
    assert_eq!(desk.claim_names(0), ["second"]);
}

#[test]
fn a_lane_that_is_cancelled_is_so_in_every_state_and_alone() {
    let desk = Desk::new();
    for name in ["parked", "aside", "claimed", "waiting", "waiting too"] {
        desk.push("a", name);
    }
    desk.push("b", "another");
    let mut claims = desk.claim(0);
    let another = claims.pop().unwrap();
    desk.park(&claims[0]);
    desk.retry(&desk.claim_one(0), Hold::Aside, 10);
    let claim = desk.claim_one(0);
    assert_eq!(desk.counts(), Counts { waiting: 2, claimed: 2, aside: 1, parked: 1 });
    assert_eq!(desk.write(|tx| JOBS.cancel_key(tx, b"a", at(0))), 5);
    assert_eq!(desk.write(|tx| JOBS.cancel_key(tx, b"a", at(0))), 0);
    desk.assert_fenced(&claim);
    assert_eq!(desk.counts(), Counts { claimed: 1, ..Counts::default() });
    assert_eq!(desk.next_due(), None);
    desk.done(&another);

    desk.push("a", "a new one");
    assert_eq!(desk.claim_names(0), ["a new one"], "the lane itself is not cancelled");
}

#[test]
fn what_a_dead_process_had_claimed_is_taken_up_again_in_its_place_and_says_so() {
    let mut desk = Desk::new();
    for name in ["a1", "a2", "b1"] {
        desk.push(&name[..1], name);
    }
    let lost = desk.claim(0);
    assert_eq!(names(&lost), ["a1", "b1"]);
    assert_eq!(desk.recover(), 0, "what this process has claimed is not lost");
    desk.reopen();
    assert!(desk.claim(0).is_empty());
    assert_eq!(desk.recover(), 2);
    assert_eq!(desk.recover(), 0);
    let again = desk.claim(0);
    assert_eq!(names(&again), ["a1", "b1"]);
    for claim in &again {
        assert_eq!((claim.attempt, claim.interrupted), (2, true), "the attempt that died was one");
    }
    for claim in &lost {
        desk.assert_fenced(claim);
    }
    desk.retry(&again[0], Hold::Lane, 0);
    desk.done(&again[1]);
    let once_more = desk.claim_one(0);
    assert_eq!((&*once_more.payload, once_more.attempt), (&b"a1"[..], 3));
    assert!(!once_more.interrupted, "this time the claim before it had ended");
}

#[test]
fn what_was_set_aside_is_so_after_a_crash() {
    let mut desk = Desk::new();
    desk.push("a", "first");
    desk.retry(&desk.claim_one(0), Hold::Aside, 0);
    assert_eq!(desk.claim_names(0), ["first"]);
    desk.push("a", "second");
    desk.reopen();
    assert_eq!(desk.recover(), 1);
    assert_eq!(desk.counts(), Counts { waiting: 1, aside: 1, ..Counts::default() });
    let first = desk.claim_one(0);
    assert_eq!((&*first.payload, first.interrupted), (&b"first"[..], true));
    desk.retry(&first, Hold::Lane, 10);
    assert_eq!(desk.claim_names(0), ["second"]);
}

#[test]
fn hurry_makes_a_lane_due_and_leaves_the_rest() {
    let desk = Desk::new();
    desk.push("a", "aside");
    desk.retry(&desk.claim_one(0), Hold::Aside, 100);
    for (key, name) in [("a", "head"), ("a", "behind"), ("b", "another")] {
        desk.push_due(key, name, 100);
    }
    assert!(desk.claim(5).is_empty());
    assert_eq!(desk.write(|tx| JOBS.hurry(tx, b"a", at(5))), 2);
    assert_eq!(desk.write(|tx| JOBS.hurry(tx, b"a", at(5))), 0);
    assert_eq!(desk.next_due(), Some(5));
    let aside = desk.claim_one(5);
    assert_eq!(aside.payload, b"aside");
    desk.done(&aside);
    let head = desk.claim_one(5);
    assert_eq!(head.payload, b"head");
    desk.done(&head);
    assert!(desk.claim(99).is_empty());
    assert_eq!(desk.claim_names(100), ["behind", "another"]);
}

#[test]
fn hurry_does_not_put_off_what_is_due() {
    let desk = Desk::new();
    desk.push_due("a", "first", 3);
    assert_eq!(desk.write(|tx| JOBS.hurry(tx, b"a", at(5))), 0);
    assert_eq!(desk.next_due(), Some(3));
}

#[test]
fn only_what_has_ended_long_ago_is_pruned() {
    let desk = Desk::new();
    let ids = ["done", "cancelled", "parked", "late", "waiting"].map(|name| desk.push(name, name));
    let claims = desk.claim(0);
    desk.end(&claims[0], |tx, claim| JOBS.done(tx, claim, at(10))).unwrap();
    assert!(desk.write(move |tx| JOBS.cancel(tx, ids[1], at(10))));
    desk.end(&claims[2], |tx, claim| JOBS.park(tx, claim, "hopeless", at(10))).unwrap();
    desk.end(&claims[3], |tx, claim| JOBS.done(tx, claim, at(11))).unwrap();
    desk.end(&claims[4], |tx, claim| JOBS.retry(tx, claim, Hold::Lane, at(10), "not yet", at(10), true)).unwrap();
    assert_eq!(desk.write(|tx| JOBS.prune_done(tx, at(10))), 0);
    assert_eq!(desk.write(|tx| JOBS.prune_done(tx, at(11))), 2);
    assert_eq!(desk.rows().iter().map(|row| row.0).collect::<Vec<_>>(), ids[2..]);
}

#[test]
fn ids_rise_even_when_the_last_row_is_gone() {
    let mut desk = Desk::new();
    let first = desk.push("a", "first");
    desk.done(&desk.claim_one(0));
    assert_eq!(desk.write(|tx| JOBS.prune_done(tx, at(1))), 1);
    let second = desk.push("b", "second");
    assert!(second > first);
    assert!(desk.write(move |tx| JOBS.cancel(tx, second, at(0))));
    assert_eq!(desk.write(|tx| JOBS.prune_done(tx, at(1))), 1);
    desk.reopen();
    assert!(desk.push("a", "third") > second);
}

#[test]
fn a_new_payload_is_what_the_next_claim_finds() {
    let desk = Desk::new();
    let id = desk.push("a", "old");
    let put = |payload: &'static str| desk.write(move |tx| JOBS.put_payload(tx, id, payload.as_bytes()));
    put("newer");
    let claim = desk.claim_one(0);
    assert_eq!(claim.payload, b"newer");
    put("newest");
    assert_eq!(claim.payload, b"newer");
    desk.retry(&claim, Hold::Lane, 0);
    assert_eq!(desk.claim_one(0).payload, b"newest");
}

#[test]
fn a_queue_is_idle_when_nothing_is_claimed_and_nothing_due() {
    let desk = Desk::new();
    assert!(desk.is_idle(0));
    assert_eq!(desk.next_due(), None);
    desk.push_due("a", "first", 10);
    assert!(desk.is_idle(9) && !desk.is_idle(10));
    let claim = desk.claim_one(10);
    assert!(!desk.is_idle(9));
    assert_eq!(desk.next_due(), None, "a lane that is being worked on does not count");
    desk.done(&claim);
    assert!(desk.is_idle(10));
}

#[test]
fn the_clock_may_go_back() {
    let desk = Desk::new();
    desk.push_due("a", "first", 10);
    let claim = desk.claim_one(10);
    desk.retry(&claim, Hold::Lane, 20);
    assert!(desk.claim(5).is_empty());
    assert_eq!(desk.claim_names(20), ["first"]);
}

#[test]
fn work_that_fails_takes_its_changes_of_the_queue_with_it() {
    let desk = Desk::new();
    desk.push("a", "first");
    let epoch = desk.db().epoch();
    let before = (desk.rows(), desk.counts(), desk.next_due());
    let failed = desk.db().write(move |tx| -> Result<(), StoreError> {
        JOBS.push(tx, b"b", b"second", at(0), at(0))?;
        let claims = JOBS.claim(tx, epoch, at(0), 10)?;
        assert_eq!(claims.len(), 2);
        JOBS.park(tx, &claims[0], "hopeless", at(0))?;
        Err(StoreError::Io("something else went wrong".to_owned()))
    });
    now(failed).unwrap_err();
    assert_eq!((desk.rows(), desk.counts(), desk.next_due()), before);
    assert_eq!(desk.claim_one(0).attempt, 1);
}
