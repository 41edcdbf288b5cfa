//! Whom an agent obeys, from when, and until when.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mewe_agent::{AgentId, Ctx, Message, Owners, Registered, Result, State, Unregistered, UserId};
use mewe_protocol::{
    Payload,
    event::{UserJoined, UserLeft},
};
use mewe_testkit::{Fault, Program, Way, World};

use crate::support::{Log, echo, id, listen, message, registered};

const HOUR: Duration = Duration::from_secs(3600);

async fn on_registered(_: Registered, log: State<Log>) {
    log.note("registered");
}

#[tokio::test]
async fn events_that_come_before_the_owner_is_known_wait_and_are_handled_in_order() {
    let log = Log::default();
    let given = log.clone();
    let world = World::new(move |app| app.on(on_registered).on(listen).with_state(given.clone())).await;
    let (program, agent, petur): (_, AgentId, UserId) = (world.first_program(), id(1), id(2));
    for (n, text) in [(1, "one"), (2, "two"), (1, "one"), (3, "three")] {
        assert_eq!(world.delivers(&program, agent, &message(id(9), n, petur, text)).await, 200);
        world.settle().await;
    }
    assert_eq!(log.take(), [""; 0]);
    assert_eq!(program.health().await["held"], 3);
    world.restart().await;
    world.delivers(&program, agent, &registered(petur, id(8))).await;
    world.settle().await;
    assert_eq!(log.take(), ["registered", "one", "two", "three"]);
    assert_eq!(program.health().await["held"], 0);
}

#[tokio::test]
async fn events_whose_owner_never_becomes_known_are_dropped_and_counted_after_a_day() {
    let log = Log::default();
    let given = log.clone();
    let world = World::new(move |app| app.on(on_registered).on(listen).with_state(given.clone())).await;
    let (program, agent, petur): (_, AgentId, UserId) = (world.first_program(), id(1), id(2));
    world.delivers(&program, agent, &message(id(9), 1, petur, "one")).await;
    world.advance(23 * HOUR).await;
    assert_eq!(program.health().await["held"], 1);
    world.advance(2 * HOUR).await;
    let health = program.health().await;
    assert_eq!((&health["held"], &health["dropped"]), (&0.into(), &1.into()), "{health}");
    world.delivers(&program, agent, &registered(petur, id(8))).await;
    world.settle().await;
    assert_eq!(log.take(), ["registered"]);
}

/// Whether these words stand anywhere in the files of an application.
fn keeps(program: &Program, words: &str) -> bool {
    std::fs::read_dir(program.data_dir()).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(words.len()).any(|window| window == words.as_bytes())
    })
}

#[tokio::test]
async fn an_owner_whom_the_application_does_not_serve_hears_one_line_and_leaves_no_word_behind() {
    for only in [false, true] {
        let world = World::new(|app| app).await;
        let petur = world.person("Pétur Jureksson").await;
        let owners = if only { Owners::Only(vec![petur.id()]) } else { Owners::First };
        let program = world.program(move |app| app.owners(owners.clone()).on(echo)).await;
        let muaddib = program.agent(&petur, "MuadDib").await;
        let sigrun = world.person("Sigrún Guðmundsdóttir").await;
        let thor = program.agent(&sigrun, "Thor").await;

        sigrun.hears_in(thor.personal(), "I work for somebody else").await;
        for _ in 0..3 {
            sigrun.says_in(thor.personal(), "the water of life").await;
            sigrun.silence_in(thor.personal()).await;
            world.restart().await;
        }
        assert!(!keeps(&program, "the water of life"), "{only}");
        petur.says_in(muaddib.personal(), "the sleeper must awaken").await;
        petur.hears_in(muaddib.personal(), "the sleeper must awaken").await;
        assert!(keeps(&program, "the sleeper must awaken"), "{only}");
    }
}

#[tokio::test]
async fn whom_the_application_serves_can_be_changed_by_a_start() {
    let served = Arc::new(Mutex::new(Owners::Any));
    let given = served.clone();
    let world = World::new(move |app| app.owners(given.lock().unwrap().clone()).on(echo)).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let sigrun = world.owner("Sigrún Guðmundsdóttir", "Thor").await;
    sigrun.says("one").await;
    sigrun.hears("one").await;

    world.faults().always(Way::Send, Fault::NotReached);
    sigrun.says("two").await;
    *served.lock().unwrap() = Owners::Only(vec![petur.id()]);
    world.restart().await;
    world.faults().end();
    world.advance(HOUR).await;
    sigrun.says("three").await;
    sigrun.silence().await;
    petur.says("four").await;
    petur.hears("four").await;

    *served.lock().unwrap() = Owners::First;
    world.restart().await;
    sigrun.says("five").await;
    sigrun.silence().await;
    petur.says("six").await;
    petur.hears("six").await;

    *served.lock().unwrap() = Owners::Any;
    world.restart().await;
    sigrun.says("seven").await;
    sigrun.hears("seven").await;
}

#[tokio::test]
async fn an_owner_who_was_refused_can_be_spoken_to_once_they_are_served() {
    async fn report(_: Message, ctx: Ctx) -> Result<()> {
        ctx.to_owner("I am yours now.")
    }
    let served = Arc::new(Mutex::new(Owners::Only(Vec::new())));
    let given = served.clone();
    let world = World::new(move |app| app.owners(given.lock().unwrap().clone()).on(report)).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    petur.hears("I work for somebody else").await;
    *served.lock().unwrap() = Owners::Any;
    world.restart().await;
    petur.says("hello").await;
    petur.hears("I am yours now.").await;
}

#[tokio::test]
async fn an_agent_that_is_removed_says_nothing_any_more() {
    async fn goodbye(_: Unregistered, ctx: Ctx) -> Result<&'static str> {
        ctx.to_owner("Goodbye!")?;
        Ok("Goodbye, all!")
    }
    let world = World::new(|app| app.on(goodbye).on(echo)).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let family = world.thread("Family", [&petur]).await;
    petur.brings_agent_to(&family).await;
    world.faults().always(Way::Send, Fault::NotReached);
    petur.says("one").await;
    petur.says_in(&family, "two").await;
    petur.agent.is_removed().await;
    let before = world.calls(Way::Send).len();
    world.faults().end();
    world.advance(25 * HOUR).await;
    assert_eq!(world.calls(Way::Send).len(), before);
    let outbox = world.first_program().health().await["outbox"].clone();
    assert_eq!((&outbox["waiting"], &outbox["parked"]), (&0.into(), &0.into()), "{outbox}");
}

#[tokio::test]
async fn an_agent_that_is_registered_anew_is_heard_again_and_late_news_of_a_thread_does_not_do_it() {
    let log = Log::default();
    let given = log.clone();
    let world = World::new(move |app| app.on(on_registered).on(listen).with_state(given.clone())).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let (program, agent) = (world.first_program(), petur.agent.id());
    petur.agent.is_removed().await;
    assert_eq!(log.take(), ["registered"]);

    world.delivers(&program, agent, &crate::support::joined(id(9), agent, petur.id())).await;
    world.delivers(&program, agent, &message(id(9), 1, &petur, "too late")).await;
    world.settle().await;
    assert_eq!(log.take(), [""; 0]);

    world.delivers(&program, agent, &registered(petur.id(), id(8))).await;
    world.delivers(&program, agent, &message(id(8), 2, &petur, "hello again")).await;
    world.settle().await;
    assert_eq!(log.take(), ["registered", "hello again"]);
}

#[tokio::test]
async fn a_personal_thread_that_is_given_anew_begins_with_the_two() {
    let world = World::new(|app| app.on(echo)).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let sigrun = world.person("Sigrún Guðmundsdóttir").await;
    let (program, agent, personal) = (world.first_program(), petur.agent.id(), petur.thread().id());
    world.delivers(&program, agent, &message(personal, 7, &sigrun, "and me?")).await;
    petur.says("one").await;
    petur.silence().await;
    let removed = Payload::Unregistered(mewe_protocol::event::Unregistered { owner_id: petur.id() });
    world.delivers(&program, agent, &removed).await;
    world.delivers(&program, agent, &registered(petur.id(), personal)).await;
    petur.says("two").await;
    petur.hears("two").await;
}

#[tokio::test]
async fn while_a_third_is_in_the_personal_thread_nothing_is_heard_or_said_there() {
    let world = World::new(|app| app.on(echo)).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let sigrun = world.person("Sigrún Guðmundsdóttir").await;
    let family = world.thread("Family", [&petur, &sigrun]).await;
    petur.brings_agent_to(&family).await;
    let (program, agent, personal) = (world.first_program(), petur.agent.id(), petur.thread().id());

    world.faults().always(Way::Send, Fault::NotReached);
    petur.says("between us").await;
    let joined = UserJoined { thread_id: personal, user_id: sigrun.id(), user_name: sigrun.name().to_owned() };
    world.delivers(&program, agent, &Payload::UserJoined(joined)).await;
    world.faults().end();
    world.advance(HOUR).await;
    petur.says("can you hear me?").await;
    world.delivers(&program, agent, &message(personal, 7, &sigrun, "and me?")).await;
    world.settle().await;
    petur.silence().await;
    sigrun.says_in(&family, "elsewhere").await;
    sigrun.hears_in(&family, "elsewhere").await;

    let left = UserLeft { thread_id: personal, user_id: sigrun.id(), user_name: sigrun.name().to_owned() };
    world.delivers(&program, agent, &Payload::UserLeft(left)).await;
    petur.says("alone again").await;
    petur.hears("alone again").await;
    petur.silence().await;
}
