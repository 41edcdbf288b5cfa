//! A thread in order, threads side by side, and what becomes of an event whose handler fails.

use std::{
    future::pending,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use mewe_agent::{Ctx, Direct, Message, Place, Result, State, Stop, Stored};
use mewe_runtime::clock::VirtualClock;
use mewe_testkit::{Owner, Person, Thread, Way, World};
use tokio::sync::Barrier;

use crate::support::{Log, echo, id, listen, message, start};

const HOUR: Duration = Duration::from_secs(3600);

/// How often a handler fails before it does what it should.
#[derive(Default)]
struct Failures(AtomicU32);

impl Failures {
    fn of(n: u32) -> Self {
        Self(AtomicU32::new(n))
    }

    fn one_more(&self) -> bool {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

/// Fails at "one" as often as it is told.
async fn stumble(m: Message, log: State<Log>, failures: State<Failures>) -> Result<(), String> {
    log.note(m.text());
    if m.text() == "one" && failures.one_more() {
        return Err("the spice does not flow".to_owned());
    }
    Ok(())
}

async fn stumbling(failures: u32) -> (World, Owner, Log) {
    let log = Log::default();
    let given = log.clone();
    let make =
        move |app: mewe_agent::AppBuilder| app.on(stumble).with_state(given.clone()).with_state(Failures::of(failures));
    let world = World::new(make).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    (world, petur, log)
}

async fn family_of(world: &World, petur: &Owner) -> (Person, Thread) {
    let sigrun = world.person("Sigrún Guðmundsdóttir").await;
    let family = world.thread("Family", [petur, &sigrun]).await;
    petur.brings_agent_to(&family).await;
    (sigrun, family)
}

#[tokio::test]
async fn a_failing_event_holds_its_own_thread_and_no_other() {
    let (world, petur, log) = stumbling(1).await;
    let (sigrun, family) = family_of(&world, &petur).await;
    sigrun.says_in(&family, "one").await;
    sigrun.says_in(&family, "two").await;
    petur.says("elsewhere").await;
    assert_eq!(log.take(), ["one", "elsewhere"]);
    world.advance(Duration::from_secs(1)).await;
    assert_eq!(log.take(), ["one", "two"]);
}

#[tokio::test]
async fn after_three_starts_a_failing_event_lets_the_others_pass() {
    let (world, petur, log) = stumbling(4).await;
    petur.says("one").await;
    petur.says("two").await;
    world.advance(Duration::from_secs(5)).await;
    assert_eq!(log.take(), ["one", "one", "one", "two"]);
    world.advance(HOUR).await;
    assert_eq!(log.take(), ["one", "one"]);
}

#[tokio::test]
async fn an_event_that_failed_ten_times_is_parked_and_its_owner_is_told_once() {
    let (world, petur, log) = stumbling(u32::MAX).await;
    let (sigrun, family) = family_of(&world, &petur).await;
    sigrun.says_in(&family, "one").await;
    world.advance(24 * HOUR).await;
    world.restart().await;
    world.advance(HOUR).await;
    assert_eq!(log.take(), ["one"; 10]);
    petur.hears("it failed 10 times").await;
    petur.silence().await;
    assert_eq!(family.said_by(&petur.agent).await, [""; 0], "the thread is not told");
    assert_eq!(world.first_program().health().await["inbox"]["parked"], 1);
}

#[tokio::test]
async fn a_panic_is_the_failure_of_its_own_event() {
    async fn panics_once(m: Message, log: State<Log>, failures: State<Failures>) -> String {
        log.note(m.text());
        assert!(m.text() != "one" || !failures.one_more(), "on purpose");
        format!("I heard {}.", m.text())
    }
    let log = Log::default();
    let given = log.clone();
    let world = World::new(move |app| app.on(panics_once).with_state(given.clone()).with_state(Failures::of(1))).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let (sigrun, family) = family_of(&world, &petur).await;
    petur.says("one").await;
    sigrun.says_in(&family, "two").await;
    sigrun.hears_in(&family, "I heard two.").await;
    world.advance(Duration::from_secs(1)).await;
    petur.hears("I heard one.").await;
    assert_eq!(log.take(), ["one", "two", "one"]);
}

#[tokio::test]
async fn a_first_argument_that_panics_is_a_failure_too() {
    struct Rash;
    impl mewe_agent::FromEvent for Rash {
        fn from_event(incoming: &mewe_agent::Incoming) -> Option<Self> {
            assert!(incoming.author().is_none(), "on purpose");
            None
        }
    }
    async fn rash(_: Rash) {}
    let world = World::new(|app| app.on(rash)).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    petur.says("hello").await;
    world.advance(24 * HOUR).await;
    petur.hears("it failed 10 times").await;
}

#[tokio::test]
async fn a_handler_that_does_not_end_is_ended_after_a_minute_and_runs_again() {
    /// It alone moves the clock, so that nobody has to wait.
    async fn waits(m: Message, clock: State<OnceLock<VirtualClock>>, failures: State<Failures>) -> String {
        if failures.one_more() {
            clock.get().unwrap().advance(Duration::from_secs(60));
            pending::<()>().await;
        }
        m.text().to_owned()
    }
    let clock = std::sync::Arc::new(OnceLock::new());
    let given = clock.clone();
    let world = World::new(move |app| {
        let cell = OnceLock::new();
        let held: &OnceLock<VirtualClock> = &given;
        if let Some(clock) = held.get() {
            cell.set(clock.clone()).unwrap();
        }
        app.on(waits).with_state(cell).with_state(Failures::of(1))
    })
    .await;
    clock.set(world.clock().clone()).unwrap();
    world.restart().await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    petur.says("hello").await;
    petur.silence().await;
    world.advance(Duration::from_secs(1)).await;
    petur.hears("hello").await;
}

#[tokio::test]
async fn an_event_that_takes_the_process_down_is_parked_after_ten_starts() {
    /// As far as anybody sees, the process ends in it.
    async fn fatal(m: Message, log: State<Log>) {
        log.note(m.text());
        if m.text() == "one" {
            pending::<()>().await;
        }
    }
    let log = Log::default();
    let given = log.clone();
    let world = World::new(move |app| app.on(fatal).with_state(given.clone())).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let event = message(petur.thread().id(), 1, &petur, "one");
    world.delivers(&world.first_program(), petur.agent.id(), &event).await;
    for _ in 0..10 {
        {
            let app = world.first_program().app();
            let mut work: std::pin::Pin<Box<dyn Future<Output = _>>> = Box::pin(app.work_due());
            assert!(start(&mut work).is_pending());
        }
        world.restart().await;
    }
    {
        let mut rest: std::pin::Pin<Box<dyn Future<Output = _>>> = Box::pin(world.settle());
        assert!(start(&mut rest).is_ready(), "it is not started once more");
    }
    petur.says("two").await;
    assert_eq!(log.take(), ["one", "one", "one", "one", "one", "one", "one", "one", "one", "one", "two"]);
    petur.hears("it failed 10 times").await;
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Count(u32);

impl Stored for Count {
    const NAME: &'static str = "count";
    const VERSION: u32 = 1;
    const TEXT: bool = false;
}

#[tokio::test]
async fn of_two_threads_that_change_one_state_side_by_side_the_loser_runs_again() {
    struct Meeting {
        both: Barrier,
        runs: AtomicU32,
    }
    async fn told(_: Direct, ctx: Ctx) -> Result<String> {
        Ok(format!("I counted {}.", ctx.state::<Count>(Place::Agent).await?.map_or(0, |count| count.0)))
    }
    async fn counts(_: Message, ctx: Ctx, meeting: State<Meeting>) -> Result<()> {
        let count = ctx.state::<Count>(Place::Agent).await?.map_or(0, |count| count.0);
        // The first two have both read before either writes; the loser finds nobody to wait for.
        if meeting.runs.fetch_add(1, Ordering::SeqCst) < 2 {
            meeting.both.wait().await;
        }
        ctx.set_state(Place::Agent, &Count(count + 1));
        Ok(())
    }
    let make = |app: mewe_agent::AppBuilder| {
        app.on(told).on(counts).with_state(Meeting { both: Barrier::new(2), runs: AtomicU32::new(0) })
    };
    let world = World::new(make).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    for n in 1..=2 {
        let event = message(id(n), n, &petur, "count me");
        world.delivers(&world.first_program(), petur.agent.id(), &event).await;
    }
    let (app, stop) = (world.first_program().app(), Stop::new());
    let until_idle = async {
        // Enough turns for everybody; a loser that is forgotten must not make this wait for ever.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        stop.stop();
    };
    tokio::join!(app.run(stop.clone()), until_idle);
    assert!(app.is_idle().await.unwrap());
    petur.says("how many?").await;
    petur.hears("I counted 2.").await;
}

#[tokio::test]
async fn what_a_failing_handler_asked_for_is_dropped() {
    async fn half(m: Direct, ctx: Ctx, failures: State<Failures>) -> Result<String, String> {
        let count = ctx.state::<Count>(Place::Agent).await.map_err(|e| e.to_string())?.map_or(0, |count| count.0);
        ctx.set_state(Place::Agent, &Count(count + 1));
        ctx.reply(format!("{}, for the {count}. time", m.text()));
        if failures.one_more() { Err("not now".to_owned()) } else { Ok("done".to_owned()) }
    }
    let world = World::new(|app| app.on(half).with_state(Failures::of(2))).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    petur.says("tea").await;
    petur.silence().await;
    world.advance(HOUR).await;
    assert_eq!(petur.hears_all().await, ["tea, for the 0. time", "done"]);
}

#[tokio::test]
async fn an_agent_does_not_answer_one_of_its_own_or_one_that_it_saw_come() {
    for same_application in [true, false] {
        let world = World::new(|app| app.on(echo)).await;
        let petur = world.owner("Pétur Jureksson", "MuadDib").await;
        let sigrun = world.person("Sigrún Guðmundsdóttir").await;
        let other = if same_application { world.first_program() } else { world.program(|app| app.on(echo)).await };
        let thor = other.agent(&sigrun, "Thor").await;
        let family = world.thread("Family", [&petur, &sigrun]).await;
        thor.joins(&family).await;
        petur.brings_agent_to(&family).await;
        petur.says_in(&family, "hello").await;
        assert_eq!(family.said_by(&thor).await, ["hello"], "it has seen the other come: {same_application}");
        // Who sat there before is marked by nothing on the wire, unless it is of one's own.
        let replies = if same_application { 1 } else { 2 };
        assert_eq!(family.said_by(&petur.agent).await.len(), replies, "{same_application}");
    }
}

#[tokio::test]
async fn an_event_that_no_handler_wants_is_done() {
    let world = World::new(|app| app).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    petur.says("hello").await;
    let health = world.first_program().health().await;
    assert_eq!((&health["inbox"]["waiting"], &health["inbox"]["parked"]), (&0.into(), &0.into()), "{health}");
    assert!(world.calls(Way::Send).is_empty());
}

#[tokio::test]
async fn the_first_handler_that_fits_is_the_only_one() {
    async fn direct(_: Direct) -> &'static str {
        "directly"
    }
    let log = Log::default();
    let given = log.clone();
    let world = World::new(move |app| app.on(direct).on(listen).with_state(given.clone())).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let (sigrun, family) = family_of(&world, &petur).await;
    petur.says("hello").await;
    sigrun.says_in(&family, "hello all").await;
    petur.hears("directly").await;
    assert_eq!(log.take(), ["hello all"]);
}
