//! Working through a queue: side by side, in order, awake when there is something to do and asleep when there is not.

use std::{
    collections::BTreeSet,
    future::pending,
    mem,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use mewe_runtime::{
    BoxFuture, Seams,
    clock::{Clock, VirtualClock},
    random::SeededRandom,
    spawn::Spawn,
    stop::Stop,
    transport::{Limits, Transport, TransportError},
};
use mewe_store::{
    Claim, Counts, Db, Hold, StoreError,
    lanes::{self, Lanes},
};
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore};

use crate::support::{INLINE, JOBS, at, now, open};

/// Tasks that go on only when the test lets them, and then as far as they get.
#[derive(Clone, Default)]
struct Tasks {
    tasks: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Spawn for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.tasks.lock().unwrap().push(task);
        self.woken.0.store(true, Ordering::SeqCst);
    }
}

impl Tasks {
    /// Lets all tasks go on until each waits for something that is yet to come; returns how many are left.
    fn settle(&self) -> usize {
        let waker = Waker::from(self.woken.clone());
        for _ in 0..1000 {
            if !self.woken.0.swap(false, Ordering::SeqCst) {
                return self.tasks.lock().unwrap().len();
            }
            let mut tasks = mem::take(&mut *self.tasks.lock().unwrap());
            tasks.retain_mut(|task| task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            self.tasks.lock().unwrap().append(&mut tasks);
        }
        panic!("it spins");
    }
}

/// Nobody calls anybody here.
struct NoTransport;

impl Transport for NoTransport {
    fn call(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(pending())
    }
}

/// A clock that notes how long is slept.
struct NotedClock {
    clock: VirtualClock,
    sleeps: Arc<Mutex<Vec<Duration>>>,
}

impl Clock for NotedClock {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleeps.lock().unwrap().push(duration);
        self.clock.sleep(duration)
    }
}

/// The work of this test: it notes what begins and ends. A piece's payload is its name, and says how it goes.
struct Crew {
    db: Db,
    clock: VirtualClock,
    bell: Notify,
    /// What happened, in order.
    log: Mutex<Vec<String>>,
    /// Opens for pieces whose name begins with "held".
    gate: Semaphore,
    /// How many claims fail from now on.
    failing_claims: AtomicUsize,
    /// How many looks for what is due next fail from now on.
    failing_looks: AtomicUsize,
    /// How many ends are not stored from now on, and how many pieces cannot be given back.
    failing_ends: AtomicUsize,
    failing_returns: AtomicUsize,
    claims: AtomicUsize,
    /// How late the look for what is due next is.
    lag: Mutex<Duration>,
}

impl Crew {
    fn note(&self, what: &str, claim: &Claim) {
        self.log.lock().unwrap().push(format!("{what} {}", String::from_utf8_lossy(&claim.payload)));
    }
}

fn fails(times: &AtomicUsize) -> Result<(), StoreError> {
    let failed = times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    failed.map_or(Ok(()), |_| Err(StoreError::Io("the disk is not there".to_owned())))
}

impl Lanes for Crew {
    type Piece = Claim;

    fn claim(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Claim>, StoreError>> {
        assert!(self.claims.fetch_add(1, Ordering::SeqCst) < 1000, "it spins");
        let (epoch, now) = (self.db.epoch(), self.clock.now());
        Box::pin(async move {
            fails(&self.failing_claims)?;
            self.db.write(move |tx| JOBS.claim(tx, epoch, now, limit)).await
        })
    }

    fn claim_of(piece: &Claim) -> Claim {
        piece.clone()
    }

    fn give_back(&self, claim: Claim, pause: Duration, counts: bool) -> BoxFuture<'_, Result<(), StoreError>> {
        self.note(if counts { "came to nothing" } else { "was not stored" }, &claim);
        let now = self.clock.now();
        Box::pin(async move {
            fails(&self.failing_returns)?;
            self.db.write(move |tx| JOBS.give_back(tx, &claim, now + pause, now, counts)).await
        })
    }

    fn run(&self, claim: Claim) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.note("begins", &claim);
            if claim.payload.starts_with(b"held") {
                self.gate.acquire().await.unwrap().forget();
            }
            if claim.payload == b"panics" {
                std::panic::resume_unwind(Box::new("on purpose"));
            }
            self.note("ends", &claim);
            let now = self.clock.now();
            let ended = self.db.write(move |tx| match &*claim.payload {
                b"again" if claim.attempt == 1 => {
                    JOBS.retry(tx, &claim, Hold::Lane, now + Duration::from_secs(5), "not yet", now, true)
                }
                _ => JOBS.done(tx, &claim, now),
            });
            fails(&self.failing_ends)?;
            ended.await.unwrap();
            Ok(())
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.clock.advance(mem::take(&mut *self.lag.lock().unwrap()));
        Box::pin(async move {
            fails(&self.failing_looks)?;
            self.db.read(|c| JOBS.next_due(c)).await
        })
    }

    fn bell(&self) -> &Notify {
        &self.bell
    }
}

/// A queue that is worked through; the clock stands at 0 until it is moved.
struct Works {
    crew: Arc<Crew>,
    tasks: Tasks,
    stop: Stop,
    sleeps: Arc<Mutex<Vec<Duration>>>,
    ended: Arc<AtomicBool>,
    _dir: TempDir,
}

impl Works {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let crew = Crew {
            db: open(dir.path(), INLINE),
            clock: VirtualClock::new(at(0)),
            bell: Notify::new(),
            log: Mutex::default(),
            gate: Semaphore::new(0),
            failing_claims: AtomicUsize::new(0),
            failing_looks: AtomicUsize::new(0),
            failing_ends: AtomicUsize::new(0),
            failing_returns: AtomicUsize::new(0),
            claims: AtomicUsize::new(0),
            lag: Mutex::default(),
        };
        Self {
            crew: Arc::new(crew),
            tasks: Tasks::default(),
            stop: Stop::new(),
            sleeps: Arc::default(),
            ended: Arc::default(),
            _dir: dir,
        }
    }

    /// Begins to work, and goes as far as that gets.
    fn start(&self) {
        let seams = Seams {
            clock: Arc::new(NotedClock { clock: self.crew.clock.clone(), sleeps: self.sleeps.clone() }),
            random: Arc::new(SeededRandom::new(1)),
            spawn: Arc::new(self.tasks.clone()),
            transport: Arc::new(NoTransport),
        };
        let (work, ended) = (lanes::work(self.crew.clone(), seams, self.stop.clone()), self.ended.clone());
        self.tasks.spawn(Box::pin(async move {
            work.await;
            ended.store(true, Ordering::SeqCst);
        }));
        self.tasks.settle();
    }

    fn push(&self, key: &str, name: &str) {
        self.push_due(key, name, 0);
    }

    /// Pushes what is due at so many seconds. Does not ring.
    fn push_due(&self, key: &str, name: &str, due: i64) {
        let (key, name) = (key.to_owned(), name.to_owned());
        let push = self.crew.db.write(move |tx| JOBS.push(tx, key.as_bytes(), name.as_bytes(), at(0), at(due * 1000)));
        now(push).unwrap();
    }

    fn ring(&self) {
        self.crew.bell.notify_one();
        self.tasks.settle();
    }

    fn advance(&self, seconds: u64) {
        self.crew.clock.advance(Duration::from_secs(seconds));
        self.tasks.settle();
    }

    fn let_go(&self, held: usize) {
        self.crew.gate.add_permits(held);
        self.tasks.settle();
    }

    fn fail_to_claim(&self, times: usize) {
        self.crew.failing_claims.store(times, Ordering::SeqCst);
    }

    fn fail_to_look(&self, times: usize) {
        self.crew.failing_looks.store(times, Ordering::SeqCst);
    }

    fn stops(&self) {
        self.stop.stop();
        self.tasks.settle();
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// What happened since the last look.
    fn news(&self) -> Vec<String> {
        mem::take(&mut *self.log())
    }

    fn log(&self) -> MutexGuard<'_, Vec<String>> {
        self.crew.log.lock().unwrap()
    }

    /// The seconds that were slept, or begun to be, since the last look.
    fn sleeps(&self) -> Vec<u64> {
        mem::take(&mut *self.sleeps.lock().unwrap()).iter().map(Duration::as_secs).collect()
    }

    fn claims(&self) -> usize {
        self.crew.claims.swap(0, Ordering::SeqCst)
    }

    fn counts(&self) -> Counts {
        now(self.crew.db.read(|c| JOBS.counts(c))).unwrap()
    }
}

#[test]
fn a_lane_is_worked_through_in_its_order() {
    let works = Works::new();
    for name in ["one", "two", "three"] {
        works.push("a", name);
    }
    works.start();
    assert_eq!(works.news(), ["begins one", "ends one", "begins two", "ends two", "begins three", "ends three"]);
    assert_eq!(works.counts(), Counts::default());
    assert_eq!(works.sleeps().last(), Some(&30), "it sleeps, but not for ever: a clock may be set");
}

#[test]
fn lanes_go_on_beside_one_that_takes_long() {
    let works = Works::new();
    for (key, name) in [("a", "held a1"), ("b", "held b1"), ("a", "a2"), ("b", "b2"), ("c", "c1")] {
        works.push(key, name);
    }
    works.start();
    assert_eq!(works.news(), ["begins held a1", "begins held b1", "begins c1", "ends c1"]);
    works.advance(1000);
    assert_eq!(works.news(), [""; 0], "the lanes wait for their heads");
    works.let_go(1);
    assert_eq!(works.news(), ["ends held a1", "begins a2", "ends a2"]);
    works.let_go(1);
    assert_eq!(works.news(), ["ends held b1", "begins b2", "ends b2"]);
}

#[test]
fn no_more_than_sixty_four_run_side_by_side() {
    let works = Works::new();
    for n in 0..100 {
        works.push(&format!("lane {n}"), &format!("held {n}"));
    }
    works.start();
    assert_eq!(works.news().len(), 64);
    works.ring();
    works.advance(100);
    assert_eq!(works.news(), [""; 0]);
    works.let_go(1);
    assert_eq!(works.news().len(), 2, "one ends, one begins");
    works.let_go(99);
    assert_eq!(works.counts(), Counts::default());
    let begun: BTreeSet<_> = works.news().into_iter().filter(|what| what.starts_with("begins")).collect();
    assert_eq!(begun.len(), 35);
}

#[test]
fn full_hands_do_not_look_for_more() {
    let works = Works::new();
    for n in 0..65 {
        works.push(&format!("lane {n}"), &format!("held {n}"));
    }
    works.start();
    works.claims();
    works.sleeps();
    works.advance(20);
    works.ring();
    assert_eq!((works.claims(), works.sleeps()), (0, vec![30]));
}

#[test]
fn the_bell_wakes_it() {
    let works = Works::new();
    works.start();
    works.push("a", "one");
    works.tasks.settle();
    assert_eq!(works.news(), [""; 0]);
    works.ring();
    assert_eq!(works.news(), ["begins one", "ends one"]);
}

#[test]
fn a_bell_that_rings_while_it_looks_is_heard() {
    struct Pushes {
        works: Works,
        pushed: AtomicBool,
    }
    impl Lanes for Pushes {
        type Piece = Claim;
        fn claim(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Claim>, StoreError>> {
            self.works.crew.claim(limit)
        }
        fn claim_of(piece: &Claim) -> Claim {
            piece.clone()
        }
        fn run(&self, claim: Claim) -> BoxFuture<'_, Result<(), StoreError>> {
            self.works.crew.run(claim)
        }
        fn give_back(&self, claim: Claim, pause: Duration, counts: bool) -> BoxFuture<'_, Result<(), StoreError>> {
            self.works.crew.give_back(claim, pause, counts)
        }
        fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
            let due = now(self.works.crew.next_due());
            if !self.pushed.swap(true, Ordering::SeqCst) {
                self.works.push("a", "one");
                // To those who wait already: nobody keeps this one.
                self.works.crew.bell.notify_waiters();
            }
            Box::pin(async { due })
        }
        fn bell(&self) -> &Notify {
            self.works.crew.bell()
        }
    }
    let works = Works::new();
    let (tasks, clock) = (works.tasks.clone(), Arc::new(works.crew.clock.clone()));
    let pushes = Arc::new(Pushes { works, pushed: AtomicBool::new(false) });
    let (random, transport) = (Arc::new(SeededRandom::new(1)), Arc::new(NoTransport));
    let seams = Seams { clock, random, spawn: Arc::new(tasks.clone()), transport };
    tasks.spawn(Box::pin(lanes::work(pushes.clone(), seams, Stop::new())));
    tasks.settle();
    assert_eq!(pushes.works.news(), ["begins one", "ends one"]);
}

#[test]
fn it_sleeps_until_something_is_due() {
    let works = Works::new();
    works.push_due("a", "one", 10);
    works.start();
    assert_eq!(works.sleeps(), [10]);
    works.advance(9);
    assert_eq!(works.news(), [""; 0]);
    works.advance(1);
    assert_eq!(works.news(), ["begins one", "ends one"]);
}

#[test]
fn it_does_not_sleep_long_for_what_is_far_off_since_a_clock_may_be_set() {
    let works = Works::new();
    works.push_due("a", "one", 1000);
    works.start();
    assert_eq!(works.sleeps(), [30]);
    works.advance(30);
    assert_eq!(works.sleeps(), [30]);
}

#[test]
fn what_comes_back_later_is_waited_for() {
    let works = Works::new();
    works.push("a", "again");
    works.push("a", "two");
    works.start();
    assert_eq!(works.news(), ["begins again", "ends again"]);
    assert_eq!(works.sleeps().last(), Some(&5));
    works.advance(5);
    assert_eq!(works.news(), ["begins again", "ends again", "begins two", "ends two"]);
}

#[test]
fn what_becomes_due_while_it_looks_is_not_slept_over() {
    let works = Works::new();
    works.push_due("a", "one", 1);
    *works.crew.lag.lock().unwrap() = Duration::from_secs(1);
    works.start();
    assert_eq!(works.news(), ["begins one", "ends one"]);
}

#[test]
fn what_is_due_but_cannot_be_claimed_is_looked_for_without_haste() {
    /// Says that something is due, and never has it; counts how often it is asked.
    struct Promises(Notify, AtomicUsize);
    impl Lanes for Promises {
        type Piece = Claim;
        fn claim(&self, _: usize) -> BoxFuture<'_, Result<Vec<Claim>, StoreError>> {
            assert!(self.1.fetch_add(1, Ordering::SeqCst) < 2, "it spins");
            Box::pin(async { Ok(Vec::new()) })
        }
        fn claim_of(piece: &Claim) -> Claim {
            piece.clone()
        }
        fn run(&self, _: Claim) -> BoxFuture<'_, Result<(), StoreError>> {
            Box::pin(async { Ok(()) })
        }
        fn give_back(&self, _: Claim, _: Duration, _: bool) -> BoxFuture<'_, Result<(), StoreError>> {
            Box::pin(async { Ok(()) })
        }
        fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
            Box::pin(async { Ok(Some(at(0))) })
        }
        fn bell(&self) -> &Notify {
            &self.0
        }
    }
    let promises = Arc::new(Promises(Notify::new(), AtomicUsize::new(0)));
    let (clock, tasks) = (VirtualClock::new(at(0)), Tasks::default());
    let seams = Seams {
        clock: Arc::new(clock.clone()),
        random: Arc::new(SeededRandom::new(1)),
        spawn: Arc::new(tasks.clone()),
        transport: Arc::new(NoTransport),
    };
    tasks.spawn(Box::pin(lanes::work(promises.clone(), seams, Stop::new())));
    for _ in 0..10 {
        tasks.settle();
        assert!(promises.1.swap(0, Ordering::SeqCst) > 0, "it has given up");
        clock.advance(Duration::from_secs(1));
    }
}

#[test]
fn a_clock_that_is_set_back_and_forth_loses_nothing() {
    let works = Works::new();
    works.push_due("a", "one", 10);
    works.start();
    works.crew.clock.set(at(-1_000_000));
    works.push("b", "two");
    works.ring();
    assert_eq!(works.news(), [""; 0]);
    works.crew.clock.set(at(10_000));
    works.tasks.settle();
    works.advance(30);
    assert_eq!(works.news().len(), 4);
}

#[test]
fn a_store_that_fails_is_asked_again() {
    let works = Works::new();
    works.push("a", "one");
    works.fail_to_claim(3);
    works.start();
    for _ in 0..2 {
        assert_eq!((works.claims(), works.sleeps()), (1, vec![1]));
        works.ring();
        assert_eq!(works.claims(), 0, "not more often because somebody rings");
        works.advance(1);
    }
    assert_eq!(works.news(), [""; 0]);
    works.advance(1);
    assert_eq!(works.news(), ["begins one", "ends one"]);
}

#[test]
fn a_store_that_fails_to_say_what_is_due_is_asked_again() {
    let works = Works::new();
    works.push_due("a", "one", 10);
    works.fail_to_look(1);
    works.start();
    assert_eq!(works.sleeps(), [1]);
    works.advance(1);
    assert_eq!(works.sleeps(), [9]);
    works.advance(9);
    assert_eq!(works.news(), ["begins one", "ends one"]);
}

#[test]
fn a_piece_that_panics_keeps_no_place_and_comes_back_as_an_attempt() {
    let works = Works::new();
    for n in 0..64 {
        works.push(&format!("lane {n}"), "panics");
    }
    works.push("last", "last");
    works.start();
    let news = works.news();
    assert_eq!(news[news.len() - 2..], ["begins last", "ends last"]);
    assert_eq!(news.iter().filter(|line| *line == "came to nothing panics").count(), 64);
    assert_eq!(works.counts(), Counts { waiting: 64, ..Counts::default() });
    works.advance(1);
    assert_eq!(works.news().iter().filter(|line| *line == "begins panics").count(), 64);
    works.stops();
    assert!(works.has_ended());
}

#[test]
fn a_piece_whose_end_was_not_stored_is_run_again_without_haste() {
    let works = Works::new();
    works.crew.failing_ends.store(1, Ordering::SeqCst);
    works.push("a", "again");
    works.start();
    assert_eq!(works.news(), ["begins again", "ends again", "was not stored again"]);
    works.advance(1);
    // It was no attempt: what is done at the first one is done now.
    assert_eq!(works.news(), ["begins again", "ends again"]);
    assert_eq!(works.counts(), Counts { waiting: 1, ..Counts::default() });
    works.advance(5);
    assert_eq!(works.news(), ["begins again", "ends again"]);
    assert_eq!(works.counts(), Counts::default());
}

#[test]
fn a_piece_is_given_back_once_the_store_takes_it() {
    let works = Works::new();
    works.crew.failing_ends.store(1, Ordering::SeqCst);
    works.crew.failing_returns.store(2, Ordering::SeqCst);
    works.push("a", "one");
    works.start();
    works.advance(1);
    works.advance(1);
    assert_eq!(works.counts(), Counts { waiting: 1, ..Counts::default() });
    works.advance(1);
    assert_eq!(works.counts(), Counts::default());
}

#[test]
fn a_stop_ends_a_sleep() {
    let works = Works::new();
    works.start();
    assert!(!works.has_ended());
    works.stops();
    assert!(works.has_ended());
}

#[test]
fn a_stop_does_not_wait_for_a_store_that_fails() {
    let works = Works::new();
    works.fail_to_claim(1);
    works.start();
    assert_eq!(works.sleeps(), [1]);
    assert!(!works.has_ended());
    works.stops();
    assert!(works.has_ended());
}

#[test]
fn a_stop_lets_what_runs_come_to_its_end_and_begins_nothing_more() {
    let works = Works::new();
    works.push("a", "held one");
    works.push("a", "two");
    works.start();
    assert_eq!(works.news(), ["begins held one"]);
    works.stops();
    assert!(!works.has_ended());
    works.push("b", "three");
    works.ring();
    assert_eq!(works.news(), [""; 0]);
    works.let_go(1);
    assert_eq!(works.news(), ["ends held one"]);
    assert!(works.has_ended());
    assert_eq!(works.counts(), Counts { waiting: 2, ..Counts::default() });
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let works = Works::new();
    works.push("a", "held one");
    works.start();
    works.stops();
    works.advance(9);
    assert!(!works.has_ended());
    works.advance(1);
    assert!(works.has_ended());
    assert_eq!(works.counts(), Counts { claimed: 1, ..Counts::default() }, "it is the next start's");
}

#[test]
fn who_is_stopped_before_the_start_claims_nothing() {
    let works = Works::new();
    works.push("a", "one");
    works.stops();
    works.start();
    assert!(works.has_ended());
    assert_eq!(works.counts(), Counts { waiting: 1, ..Counts::default() });
}

#[test]
fn run_due_does_all_that_is_due_here_and_now() {
    let works = Works::new();
    for (key, name) in [("a", "a1"), ("b", "again"), ("a", "a2"), ("b", "b2")] {
        works.push(key, name);
    }
    works.push_due("c", "c1", 10);
    assert_eq!(now(lanes::run_due(&*works.crew)).unwrap(), 3);
    let order = ["begins a1", "ends a1", "begins again", "ends again", "begins a2", "ends a2"];
    assert_eq!(works.news(), order, "one after the other");
    assert_eq!(now(lanes::run_due(&*works.crew)).unwrap(), 0);
    works.advance(10);
    assert_eq!(now(lanes::run_due(&*works.crew)).unwrap(), 3);
    assert_eq!(works.counts(), Counts::default());
}

#[test]
fn run_due_says_that_the_store_failed() {
    let works = Works::new();
    works.push("a", "one");
    works.fail_to_claim(1);
    assert!(matches!(now(lanes::run_due(&*works.crew)), Err(StoreError::Io(_))));
    assert_eq!(now(lanes::run_due(&*works.crew)).unwrap(), 1);
}
