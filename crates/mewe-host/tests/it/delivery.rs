//! What is promised to an agent reaches its endpoint: at least once, in order, signed afresh, whatever the endpoint and the
//! host go through meanwhile.

use mewe_protocol::UserId;
use mewe_runtime::{clock::Clock, stop::Stop};
use serde_json::{Value, json};

use crate::{
    support::{Agent, App, Call, Does, World, start},
    wire::registered,
};

const DAY: u64 = 24 * 60 * 60;

/// Moves the clock to the next delivery that is due, and makes it.
async fn next_attempt(world: &World) {
    let due = world.host().next_due().await.unwrap().unwrap();
    if due > world.clock.now() {
        world.clock.set(due);
    }
    world.delivers().await;
}

/// Lets a host that runs beside this go on until the n-th delivery is in this state: a condition, not a pause.
async fn becomes(world: &World, agent: &Agent, n: usize, state: &str) {
    for _ in 0..1000 {
        if world.deliveries(agent).await[n] == state {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{n} never becomes {state}: {:?}", world.deliveries(agent).await);
}

/// The texts of the messages in these calls.
fn texts(calls: &[Call]) -> Vec<String> {
    let text = |call: &Call| {
        let body: Value = mewe_protocol::json::read(call.body.as_bytes()).unwrap();
        body["messageText"].as_str().unwrap().to_owned()
    };
    calls.iter().map(text).collect()
}

/// Pétur says these, one after the other.
async fn says(world: &World, petur: UserId, agent: &Agent, words: &[&str]) {
    for word in words {
        world.says(petur, agent.personal, word).await;
    }
}

/// Does with this message what it says, and takes the others.
fn only(text: &'static str, does: Does) -> impl FnMut(&Call) -> Does + Send + 'static {
    move |call| if call.body.contains(text) { does } else { Does::Answer(200) }
}

#[tokio::test]
async fn each_attempt_is_signed_afresh() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Refuse);
    says(&world, petur, &muaddib, &["Hello"]).await;
    world.delivers().await;
    assert_eq!(world.delivers().await, 0, "it waits for its time");
    world.passes(1);
    world.delivers().await;
    world.passes(DAY);
    world.endpoints.all(Does::Answer(200));
    world.delivers().await;
    world.passes(DAY);
    assert_eq!(world.delivers().await, 0, "it was taken");
    let calls = world.endpoints.take();
    let times: Vec<u64> = calls.iter().map(|call| call.sent_at).collect();
    assert_eq!(times, [1_764_000_000, 1_764_000_001, 1_764_086_401]);
    assert!(calls.iter().all(|call| call.line() == calls[0].line() && call.agent == muaddib.id));
    assert!(calls[0].signature != calls[1].signature && calls[1].signature != calls[2].signature);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 3"]);
}

#[tokio::test]
async fn while_an_endpoint_does_not_answer_everything_waits_in_its_order() {
    let not_answering = [Does::Refuse, Does::Drip, Does::Cut].into_iter();
    let statuses = [301, 302, 307, 308, 401, 403, 404, 405, 420, 429, 502, 503, 504].map(Does::Answer);
    for does in not_answering.chain(statuses) {
        let (world, petur, muaddib) = World::with_muaddib().await;
        world.endpoints.all(does);
        says(&world, petur, &muaddib, &["one", "two", "three"]).await;
        world.delivers().await;
        for _ in 0..9 {
            next_attempt(&world).await;
        }
        let calls = world.endpoints.take();
        assert_eq!(texts(&calls), ["one"; 10], "{does:?}");
        // Where the answer points to is nobody that we know.
        assert!(calls.iter().all(|call| call.url == "https://muaddib.example/webhook"));
        assert_eq!(
            world.deliveries(&muaddib).await[1..],
            ["chat_message retrying 10", "chat_message waiting 0", "chat_message waiting 0"],
            "{does:?}"
        );
        world.endpoints.all(Does::Answer(204));
        says(&world, petur, &muaddib, &["four"]).await;
        next_attempt(&world).await;
        assert_eq!(texts(&world.endpoints.take()), ["one", "two", "three", "four"], "{does:?}");
        assert!(world.host().is_idle().await.unwrap());
    }
}

#[tokio::test]
async fn pauses_grow_to_a_minute_and_no_further() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Answer(503));
    says(&world, petur, &muaddib, &["Hello"]).await;
    world.delivers().await;
    let mut full = 500;
    for attempt in 1..20 {
        let before = world.clock.now().as_millisecond();
        let pause = world.host().next_due().await.unwrap().unwrap().as_millisecond() - before;
        assert!((full / 2..=full).contains(&pause), "after attempt {attempt}: {pause} ms of {full}");
        next_attempt(&world).await;
        full = (full * 2).min(60_000);
    }
}

#[tokio::test]
async fn an_event_that_is_refused_by_itself_holds_up_the_others_for_three_attempts_and_comes_back() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.do_as(only("poison", Does::Answer(500)));
    says(&world, petur, &muaddib, &["poison", "one", "two"]).await;
    world.delivers().await;
    next_attempt(&world).await;
    assert_eq!(texts(&world.endpoints.take()), ["poison"; 2]);
    next_attempt(&world).await;
    // The endpoint does answer, so the poison is tried once more without a pause.
    assert_eq!(texts(&world.endpoints.take()), ["poison", "one", "two", "poison"]);
    let after_it = ["chat_message retrying 4", "chat_message delivered 1", "chat_message delivered 1"];
    assert_eq!(world.deliveries(&muaddib).await[1..], after_it);
    // It keeps its pauses, however much else is delivered meanwhile.
    let paused_until = world.host().next_due().await.unwrap();
    for word in ["three", "four", "five"] {
        says(&world, petur, &muaddib, &[word]).await;
        world.delivers().await;
        assert_eq!(texts(&world.endpoints.take()), [word]);
        assert_eq!(world.host().next_due().await.unwrap(), paused_until);
    }
    next_attempt(&world).await;
    assert_eq!(texts(&world.endpoints.take()), ["poison"]);
    world.endpoints.all(Does::Answer(200));
    next_attempt(&world).await;
    assert_eq!(texts(&world.endpoints.take()), ["poison"]);
    assert_eq!(world.deliveries(&muaddib).await[1], "chat_message delivered 6");
}

#[tokio::test]
async fn one_agent_does_not_wait_for_another() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let app = App { id: muaddib.app, key: muaddib.key.clone() };
    let sigrun = world.sigrun().await;
    let thor = world.agent(&app, sigrun, "Thor").await;
    world.settles().await;
    let held = muaddib.id;
    world.endpoints.do_as(move |call| Does::Answer(if call.agent == held { 503 } else { 200 }));
    says(&world, petur, &muaddib, &["one", "two"]).await;
    says(&world, sigrun, &thor, &["three", "four"]).await;
    world.delivers().await;
    assert_eq!(world.deliveries(&thor).await[1..], ["chat_message delivered 1", "chat_message delivered 1"]);
    assert_eq!(world.deliveries(&muaddib).await[2], "chat_message waiting 0");
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_left_alone_until_it_has_another_url() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let path = format!("/operator/apps/{}", muaddib.app);
    world.endpoints.all(Does::Answer(410));
    says(&world, petur, &muaddib, &["one", "two"]).await;
    world.delivers().await;
    assert_eq!(texts(&world.endpoints.take()), ["one"]);
    assert_eq!(world.gets(&path).await.json()["disabled"], "the endpoint answered 410");
    // Longer than an event is tried for: waiting here is no attempt.
    for _ in 0..100 {
        world.passes(60 * 60);
        assert_eq!(world.delivers().await, 0);
    }
    // Neither another name nor another permission is another endpoint.
    let permissions = ["user_chats", "post_content"];
    world.patches(&path, json!({ "name": "Thor", "permissions": permissions })).await.is(200);
    assert_eq!(world.delivers().await, 0);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message retrying 1", "chat_message waiting 0"]);
    world.endpoints.nobody_else_heard_anything();

    says(&world, petur, &muaddib, &["three"]).await;
    world.endpoints.all(Does::Answer(200));
    let url = "https://elsewhere.example/webhook";
    world.endpoints.knows(url, &muaddib.key);
    let moved = world.patches(&path, json!({ "webhookUrl": url })).await.is(200).json();
    assert_eq!(moved["disabled"], Value::Null);
    world.delivers().await;
    let calls = world.endpoints.take();
    assert_eq!(texts(&calls), ["one", "two", "three"]);
    assert!(calls.iter().all(|call| call.url == url));
    let all = ["chat_message delivered 2", "chat_message delivered 1", "chat_message delivered 1"];
    assert_eq!(world.deliveries(&muaddib).await[1..], all);
}

#[tokio::test]
async fn nobody_waits_for_the_many_agents_of_an_endpoint_that_is_gone() {
    let world = World::new().await;
    let (gone, thor) = (world.app("MuadDib").await, world.app("Thor").await);
    for _ in 0..65 {
        // More than are attempted at once.
        world.agent(&gone, world.petur().await, "MuadDib").await;
    }
    world.endpoints.do_as(only("MuadDib", Does::Answer(410)));
    world.delivers().await;
    world.passes(60 * 60);
    let sigrun = world.sigrun().await;
    let thor = world.agent(&thor, sigrun, "Thor").await;
    assert_eq!(world.hears(&thor).await, [registered("Thor", sigrun, "Sigrún", thor.personal)]);
}

#[tokio::test]
async fn an_endpoint_that_moves_is_tried_at_once_and_the_same_url_again_is_a_move_too() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let path = format!("/operator/apps/{}", muaddib.app);
    for url in ["https://elsewhere.example/webhook", "https://elsewhere.example/webhook"] {
        world.endpoints.all(Does::Refuse);
        says(&world, petur, &muaddib, &["Hello"]).await;
        world.delivers().await;
        for _ in 0..9 {
            next_attempt(&world).await;
        }
        world.endpoints.take();
        world.endpoints.all(Does::Answer(200));
        assert_eq!(world.delivers().await, 0);
        world.endpoints.knows(url, &muaddib.key);
        world.patches(&path, json!({ "webhookUrl": url })).await.is(200);
        assert_eq!(world.delivers().await, 1);
        assert_eq!(world.endpoints.take()[0].url, url);
    }
}

#[tokio::test]
async fn an_endpoint_that_comes_back_gets_what_waits_for_all_its_agents_at_once() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let app = App { id: muaddib.app, key: muaddib.key.clone() };
    let sigrun = world.sigrun().await;
    let second = world.agent(&app, sigrun, "MuadDib").await;
    let thor = world.agent(&world.app("Thor").await, sigrun, "Thor").await;
    world.settles().await;
    world.endpoints.all(Does::Refuse);
    says(&world, petur, &muaddib, &["one", "two"]).await;
    says(&world, sigrun, &second, &["three", "four"]).await;
    says(&world, sigrun, &thor, &["five"]).await;
    world.delivers().await;
    for _ in 0..30 {
        next_attempt(&world).await;
    }
    world.endpoints.take();
    // Only one lane is due when the endpoint is back.
    let due = world.host().next_due().await.unwrap().unwrap();
    world.clock.set(due);
    let list = world.gets("/operator/deliveries?state=retrying").await.json();
    let is_due = |row: &&Value| row["dueAt"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap() <= due;
    assert_eq!(list["deliveries"].as_array().unwrap().iter().filter(is_due).count(), 1);
    let first = list["deliveries"].as_array().unwrap().iter().find(is_due).unwrap();
    let (back, other) = if first["appId"] == muaddib.app.to_string() { (4, 1) } else { (1, 4) };
    world.endpoints.all(Does::Answer(200));
    assert_eq!(world.delivers().await, back);
    // Another application's endpoint has a time of its own.
    next_attempt(&world).await;
    assert_eq!(world.endpoints.take().len(), back + other);
    assert_eq!(world.deliveries(&second).await.len(), 3);
    assert!(world.host().next_due().await.unwrap().is_none());
}

#[tokio::test]
async fn after_three_days_an_event_is_given_up_and_the_next_one_goes_on() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Refuse);
    says(&world, petur, &muaddib, &["old"]).await;
    world.delivers().await;
    world.passes(2 * DAY);
    says(&world, petur, &muaddib, &["young"]).await;
    world.delivers().await;
    world.passes(DAY);
    world.delivers().await;
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message retrying 3", "chat_message waiting 0"]);
    world.passes(60);
    world.delivers().await;
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message given_up 4", "chat_message retrying 1"]);
    world.endpoints.take();
    world.endpoints.all(Does::Answer(200));
    world.passes(DAY);
    world.delivers().await;
    assert_eq!(texts(&world.endpoints.take()), ["young"]);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message given_up 4", "chat_message delivered 2"]);
    let given_up = world.gets("/operator/deliveries?state=given_up").await.json();
    assert_eq!(given_up["deliveries"][0]["error"], "nothing listens there");
}

#[tokio::test]
async fn only_a_2xx_takes_an_event_and_any_2xx_does() {
    for (does, taken) in [
        (Does::Answer(200), true),
        (Does::Answer(202), true),
        (Does::Answer(204), true),
        (Does::Answer(299), true),
        // The status says all; what follows is not wanted anyway.
        (Does::Flood(200), true),
        (Does::Flood(500), false),
        (Does::Flood(302), false),
        (Does::Answer(100), false),
        (Does::Answer(304), false),
        (Does::Answer(400), false),
        (Does::Answer(409), false),
        (Does::Answer(500), false),
        (Does::Answer(599), false),
    ] {
        let (world, petur, muaddib) = World::with_muaddib().await;
        world.endpoints.all(does);
        says(&world, petur, &muaddib, &["Hello"]).await;
        world.delivers().await;
        let state = if taken { "delivered" } else { "retrying" };
        assert_eq!(world.deliveries(&muaddib).await[1], format!("chat_message {state} 1"), "{does:?}");
    }
}

#[tokio::test]
async fn what_was_under_way_when_the_host_died_is_delivered_again_before_what_comes_after_it() {
    let (mut world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Wait);
    says(&world, petur, &muaddib, &["one", "two"]).await;
    {
        let mut delivering = Box::pin(world.host().deliver_due());
        assert!(start(&mut delivering).is_pending());
        assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message in_flight 1", "chat_message waiting 0"]);
        assert!(!world.host().is_idle().await.unwrap());
    }
    // The endpoint has it. The host that sent it will never know.
    assert_eq!(texts(&world.endpoints.take()), ["one"]);
    world.restarts().await;
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message retrying 1", "chat_message waiting 0"]);
    world.passes(1);
    world.endpoints.all(Does::Answer(200));
    world.delivers().await;
    assert_eq!(texts(&world.endpoints.take()), ["one", "two"]);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 2", "chat_message delivered 1"]);
}

#[tokio::test]
async fn what_waits_is_still_there_after_a_restart() {
    let mut world = World::new().await;
    let petur = world.petur().await;
    let muaddib = world.agent(&world.app("MuadDib").await, petur, "MuadDib").await;
    says(&world, petur, &muaddib, &["one"]).await;
    world.restarts().await;
    says(&world, petur, &muaddib, &["two"]).await;
    world.delivers().await;
    let calls = world.endpoints.take();
    assert_eq!(calls[0].line(), registered("MuadDib", petur, "Pétur", muaddib.personal));
    assert_eq!(texts(&calls[1..]), ["one", "two"]);
    world.restarts().await;
    assert_eq!(world.delivers().await, 0);
}

#[tokio::test]
async fn an_answer_that_comes_after_the_application_was_deleted_changes_nothing() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Wait);
    says(&world, petur, &muaddib, &["one", "two"]).await;
    let mut delivering = Box::pin(world.host().deliver_due());
    assert!(start(&mut delivering).is_pending());
    world.deletes(&format!("/operator/apps/{}", muaddib.app)).await.is(204);
    let after = world.deliveries(&muaddib).await;
    assert_eq!(after[1..], ["chat_message cancelled 1", "chat_message cancelled 0", "agent_unregistered cancelled 0"]);
    world.endpoints.let_one_go();
    assert_eq!(delivering.await.unwrap(), 1);
    assert_eq!(world.deliveries(&muaddib).await, after);
    assert_eq!(world.delivers().await, 0);
    assert!(world.host().next_due().await.unwrap().is_none());
}

#[tokio::test]
async fn the_operator_finds_deliveries_by_their_state() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let thor = world.agent(&world.app("Thor").await, petur, "Thor").await;
    world.settles().await;
    let texts_in = async |state: &str| {
        let list = world.gets(&format!("/operator/deliveries?state={state}")).await.is(200).json();
        let rows = list["deliveries"].as_array().unwrap().iter();
        let rows = rows.filter(|row| !row["chatMessageId"].is_null());
        rows.map(|row| row["agentId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (m, t) = (muaddib.id.to_string(), thor.id.to_string());
    says(&world, petur, &muaddib, &["taken"]).await;
    world.delivers().await;
    world.endpoints.all(Does::Refuse);
    says(&world, petur, &muaddib, &["given up"]).await;
    world.passes(4 * DAY);
    world.delivers().await;
    says(&world, petur, &muaddib, &["again"]).await;
    world.delivers().await;
    world.endpoints.all(Does::Wait);
    says(&world, petur, &thor, &["now", "then"]).await;
    let mut delivering = Box::pin(world.host().deliver_due());
    assert!(start(&mut delivering).is_pending());
    for (state, agents) in [
        ("delivered", vec![&m]),
        ("given_up", vec![&m]),
        ("retrying", vec![&m]),
        ("in_flight", vec![&t]),
        ("waiting", vec![&t]),
        ("cancelled", vec![]),
    ] {
        assert_eq!(texts_in(state).await.iter().collect::<Vec<_>>(), agents, "{state}");
    }
    world.deletes(&format!("/operator/apps/{}", thor.app)).await.is(204);
    assert_eq!(texts_in("cancelled").await, [t.clone(), t]);
}

#[tokio::test]
async fn what_ended_a_month_ago_is_removed_and_what_did_not_end_is_not() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let thor = world.agent(&world.app("Thor").await, petur, "Thor").await;
    world.endpoints.all(Does::Refuse);
    says(&world, petur, &thor, &["cancelled"]).await;
    world.deletes(&format!("/operator/apps/{}", thor.app)).await.is(204);
    world.endpoints.do_as(only("never", Does::Answer(410)));
    says(&world, petur, &muaddib, &["taken", "never"]).await;
    world.passes(30 * DAY);
    world.tidies_up().await;
    let all = ["agent_registered delivered 1", "chat_message delivered 1", "chat_message retrying 1"];
    // Delivered only when the host was tidied up.
    assert_eq!(world.deliveries(&muaddib).await, all);
    assert_eq!(world.deliveries(&thor).await.len(), 3);
    world.passes(1);
    world.tidies_up().await;
    assert_eq!(world.deliveries(&muaddib).await, all[1..]);
    assert_eq!(world.deliveries(&thor).await.len(), 0);
    world.passes(30 * DAY);
    world.tidies_up().await;
    assert_eq!(world.deliveries(&muaddib).await, all[2..]);
    assert_eq!(world.texts(&muaddib, muaddib.personal).await, ["taken", "never"]);
}

#[tokio::test]
async fn a_running_host_delivers_what_comes_and_comes_back_to_what_failed() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let stop = Stop::new();
    let story = async {
        says(&world, petur, &muaddib, &["one"]).await;
        becomes(&world, &muaddib, 1, "chat_message delivered 1").await;
        world.endpoints.all(Does::Refuse);
        says(&world, petur, &muaddib, &["two", "three"]).await;
        becomes(&world, &muaddib, 2, "chat_message retrying 1").await;
        world.endpoints.all(Does::Answer(200));
        world.passes(1);
        becomes(&world, &muaddib, 3, "chat_message delivered 1").await;
        stop.stop();
    };
    tokio::join!(world.host().run(stop.clone()), story);
    assert_eq!(texts(&world.endpoints.take()), ["one", "two", "two", "three"]);
}

#[tokio::test]
async fn an_attempt_that_broke_the_program_is_made_again() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let stop = Stop::new();
    world.endpoints.all(Does::Panic);
    let story = async {
        says(&world, petur, &muaddib, &["one", "two"]).await;
        becomes(&world, &muaddib, 1, "chat_message retrying 1").await;
        world.endpoints.all(Does::Answer(200));
        world.passes(1);
        becomes(&world, &muaddib, 2, "chat_message delivered 1").await;
        stop.stop();
    };
    tokio::join!(world.host().run(stop.clone()), story);
    assert_eq!(texts(&world.endpoints.take()), ["one", "one", "two"]);
    assert_eq!(world.deliveries(&muaddib).await[1], "chat_message delivered 2");
}

#[tokio::test]
async fn a_host_that_is_stopped_lets_what_is_under_way_come_to_its_end() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let stop = Stop::new();
    world.endpoints.all(Does::Wait);
    says(&world, petur, &muaddib, &["one", "two"]).await;
    let story = async {
        becomes(&world, &muaddib, 1, "chat_message in_flight 1").await;
        stop.stop();
        tokio::task::yield_now().await;
        world.endpoints.let_one_go();
    };
    tokio::join!(world.host().run(stop.clone()), story);
    assert_eq!(texts(&world.endpoints.take()), ["one"]);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 1", "chat_message waiting 0"]);
}
