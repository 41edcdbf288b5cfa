//! What comes twice is handled once, and what only looks alike is not taken for a duplicate.

use std::time::Duration;

use mewe_agent::{Ctx, Direct, Joined, Left, Mention, Message, Payload, Result, State, UnknownEvent};
use mewe_testkit::{Owner, World};

use crate::support::{Log, echo, id, joined, left, listen, mention, message};

async fn as_mention(m: Mention, log: State<Log>) {
    log.note(format!("mention: {}", m.request()));
}

async fn as_message(m: Message, log: State<Log>) {
    log.note(format!("message: {}", m.request()));
}

async fn world_of_listeners() -> (World, Owner, Log) {
    let log = Log::default();
    let given = log.clone();
    let world = World::new(move |app| app.on(as_mention).on(as_message).with_state(given.clone())).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    (world, petur, log)
}

#[tokio::test]
async fn a_message_and_its_mention_are_handled_once_in_either_order() {
    for mention_first in [true, false] {
        for settles_between in [true, false] {
            let (world, petur, log) = world_of_listeners().await;
            let (program, agent) = (world.first_program(), petur.agent.id());
            let text = format!("{} hello", petur.agent.mention());
            let mut both = [message(id(1), 2, &petur, &text), mention(id(1), 2, &petur, &text)];
            if mention_first {
                both.reverse();
            }
            for event in &both {
                assert_eq!(world.delivers(&program, agent, event).await, 200);
                if settles_between {
                    world.settle().await;
                }
            }
            world.settle().await;
            assert_eq!(log.take(), ["mention: hello"], "{mention_first} {settles_between}");
        }
    }
}

#[tokio::test]
async fn a_redelivery_with_a_fresh_signature_is_not_handled_again() {
    let (world, petur, log) = world_of_listeners().await;
    let event = message(id(1), 2, &petur, "hello");
    for _ in 0..3 {
        assert_eq!(world.delivers(&world.first_program(), petur.agent.id(), &event).await, 200);
        world.advance(Duration::from_secs(60 * 60)).await;
    }
    world.restart().await;
    world.advance(Duration::from_secs(29 * 24 * 60 * 60)).await;
    assert_eq!(world.delivers(&world.first_program(), petur.agent.id(), &event).await, 200);
    world.settle().await;
    assert_eq!(log.take(), ["message: hello"]);
}

#[tokio::test]
async fn a_mention_that_the_text_does_not_show_is_heard_as_one_if_nothing_came_of_the_message() {
    let (world, petur, log) = world_of_listeners().await;
    let (program, agent) = (world.first_program(), petur.agent.id());
    world.delivers(&program, agent, &message(id(1), 2, &petur, "hello @MuadDib")).await;
    world.settle().await;
    for _ in 0..2 {
        world.delivers(&program, agent, &mention(id(1), 2, &petur, "hello @MuadDib")).await;
        world.settle().await;
    }
    assert_eq!(log.take(), ["message: hello @MuadDib", "mention: hello @MuadDib"]);

    world.delivers(&program, agent, &message(id(1), 3, &petur, "again @MuadDib")).await;
    world.delivers(&program, agent, &mention(id(1), 3, &petur, "again @MuadDib")).await;
    world.settle().await;
    assert_eq!(log.take(), ["mention: again @MuadDib"], "it was known before the handler started");
}

#[tokio::test]
async fn a_mention_that_the_text_does_not_show_is_not_answered_a_second_time() {
    let world = World::new(|app| app.on(echo)).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let said = petur.says("hello").await;
    let event = Payload::Mention(mewe_protocol::event::Mention {
        thread_id: petur.thread().id(),
        chat_message_id: said,
        message_text: "hello".to_owned(),
        user_id: petur.id(),
        user_name: None,
    });
    world.delivers(&world.first_program(), petur.agent.id(), &event).await;
    world.settle().await;
    assert_eq!(petur.hears_all().await, ["hello"]);
}

async fn on_joined(_: Joined, log: State<Log>) {
    log.note("joined");
}

/// Says goodbye to nobody: it is gone already.
async fn on_left(_: Left, log: State<Log>) -> &'static str {
    log.note("left");
    "Goodbye!"
}

async fn threads(_: Direct, ctx: Ctx) -> Result<String> {
    Ok(format!("I sit in {} threads.", ctx.threads().await?.len()))
}

async fn world_of_threads() -> (World, Owner, Log) {
    let log = Log::default();
    let given = log.clone();
    let world = World::new(move |app| app.on(on_joined).on(on_left).on(threads).with_state(given.clone())).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    (world, petur, log)
}

#[tokio::test]
async fn to_join_to_leave_and_to_join_again_are_three_and_each_delivered_twice_still_three() {
    let (world, petur, log) = world_of_threads().await;
    let (program, agent) = (world.first_program(), petur.agent.id());
    let family = world.thread("Family", [&petur]).await;
    for stays in [true, false, true] {
        let event = if stays {
            petur.brings_agent_to(&family).await;
            joined(family.id(), agent, petur.id())
        } else {
            petur.agent.leaves(&family).await;
            left(family.id(), agent)
        };
        world.delivers(&program, agent, &event).await;
        world.settle().await;
    }
    assert_eq!(log.take(), ["joined", "left", "joined"]);
    assert_eq!(family.said_by(&petur.agent).await, [""; 0], "nobody is left to hear a goodbye");
    assert_eq!(world.calls(mewe_testkit::Way::Send).len(), 0);
}

#[tokio::test]
async fn stale_news_of_leaving_hides_neither_the_thread_nor_the_true_news() {
    let (world, petur, log) = world_of_threads().await;
    let (program, agent) = (world.first_program(), petur.agent.id());
    let family = world.thread("Family", [&petur]).await;
    petur.brings_agent_to(&family).await;
    world.delivers(&program, agent, &left(family.id(), agent)).await;
    petur.says("threads").await;
    petur.hears("I sit in 2 threads").await;

    petur.agent.leaves(&family).await;
    assert_eq!(log.take(), ["joined", "left", "left"]);
    petur.says("threads").await;
    petur.hears("I sit in 1 threads").await;
}

#[tokio::test]
async fn a_message_that_comes_after_the_news_of_leaving_takes_nobody_back_in() {
    let (world, petur, _log) = world_of_threads().await;
    let (program, agent) = (world.first_program(), petur.agent.id());
    let family = world.thread("Family", [&petur]).await;
    petur.brings_agent_to(&family).await;
    petur.agent.leaves(&family).await;
    world.delivers(&program, agent, &message(family.id(), 7, &petur, "you should have heard this")).await;
    petur.says("threads").await;
    petur.hears("I sit in 1 threads").await;
}

#[tokio::test]
async fn an_event_of_an_unknown_name_is_known_again_by_its_body_for_a_day() {
    async fn unknown(event: UnknownEvent, log: State<Log>) {
        log.note(event.json);
    }
    let log = Log::default();
    let given = log.clone();
    let world = World::new(move |app| app.on(unknown).with_state(given.clone())).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let renamed = |name: &str| Payload::Unknown {
        name: "personal_agent_renamed".parse().unwrap(),
        json: format!(r#"{{"agentName":"{name}"}}"#),
    };
    for name in ["Thor", "Thor", "MuadDib", "Thor"] {
        assert_eq!(world.delivers(&world.first_program(), petur.agent.id(), &renamed(name)).await, 200);
        world.settle().await;
    }
    assert_eq!(log.take(), [r#"{"agentName":"Thor"}"#, r#"{"agentName":"MuadDib"}"#]);
    world.advance(Duration::from_secs(25 * 60 * 60)).await;
    world.delivers(&world.first_program(), petur.agent.id(), &renamed("Thor")).await;
    world.settle().await;
    assert_eq!(log.take(), [r#"{"agentName":"Thor"}"#]);
}

#[tokio::test]
async fn two_agents_of_one_application_in_one_thread_each_handle_a_message() {
    let log = Log::default();
    let given = log.clone();
    let world = World::new(move |app| app.on(listen).with_state(given.clone())).await;
    let petur = world.owner("Pétur Jureksson", "MuadDib").await;
    let sigrun = world.owner("Sigrún Guðmundsdóttir", "Thor").await;
    let family = world.thread("Family", [&petur, &sigrun]).await;
    petur.brings_agent_to(&family).await;
    sigrun.brings_agent_to(&family).await;
    petur.says_in(&family, "dinner at six").await;
    assert_eq!(log.take(), ["dinner at six", "dinner at six"]);
}
