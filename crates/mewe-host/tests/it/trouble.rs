//! Trouble on purpose: each kind does what it says to those that the seed says, it is counted and marked, and it is over when it
//! is turned off.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use http::Method;
use mewe_protocol::{AgentId, MessageId, Reading, UnixSeconds, UserId, json, webhook};
use mewe_runtime::{clock::Clock, stop::Stop};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Agent, Answer, App, Call, Does, NOW, Signed, World, operator, start};

const TO_AGENT: [&str; 6] = ["deliver_twice", "reorder", "delay", "drop_answer", "wrong_signature", "stale_timestamp"];
const OF_CALLS: [&str; 4] = ["answer_500", "answer_420", "lose_answer", "forget_replays"];

fn path(agent: &Agent) -> String {
    format!("/operator/agents/{}/trouble", agent.id)
}

async fn puts(world: &World, agent: &Agent, setting: Value) -> Answer {
    world.ask(operator(Method::PUT, &path(agent), json::print(&setting))).await
}

/// Sets the switches of an agent, all others off.
async fn trouble(world: &World, agent: &Agent, switches: Value) {
    puts(world, agent, json!({ "switches": switches })).await.is(200);
}

/// How often each kind has touched something, those that did.
async fn touched(world: &World, agent: &Agent) -> Vec<(String, u64)> {
    let plan = world.gets(&path(agent)).await.is(200).json();
    let of = |switch: &Value| (switch["kind"].as_str().unwrap().to_owned(), switch["touched"].as_u64().unwrap());
    plan["switches"].as_array().unwrap().iter().map(of).filter(|(_, touched)| *touched > 0).collect()
}

/// The switches that are on.
async fn on(world: &World, agent: &Agent) -> Vec<String> {
    let plan = world.gets(&path(agent)).await.is(200).json();
    let is_on = |switch: &&Value| switch["every"] != 0 || switch["next"] == true;
    let name = |switch: &Value| switch["kind"].as_str().unwrap().to_owned();
    plan["switches"].as_array().unwrap().iter().filter(is_on).map(name).collect()
}

/// The texts of the messages in these calls.
fn texts(calls: &[Call]) -> Vec<String> {
    let text = |call: &Call| {
        let body: Value = json::read(call.body.as_bytes()).unwrap();
        body["messageText"].as_str().unwrap_or(&call.event).to_owned()
    };
    calls.iter().map(text).collect()
}

async fn says(world: &World, petur: UserId, agent: &Agent, words: &[&str]) {
    for word in words {
        world.says(petur, agent.personal, word).await;
    }
}

async fn says_so_many(world: &World, petur: UserId, agent: &Agent, many: usize) {
    for n in 0..many {
        world.says(petur, agent.personal, &n.to_string()).await;
    }
}

async fn shown(world: &World, delivery: usize) -> Value {
    world.gets(&format!("/operator/deliveries/{delivery}")).await.is(200).json()
}

/// Moves the clock from delivery to delivery until nothing is left to do; all that was taken on the way.
async fn runs_dry(world: &World) -> Vec<Call> {
    for _ in 0..1000 {
        world.delivers().await;
        match world.host().next_due().await.unwrap() {
            None => return world.endpoints.take(),
            Some(due) => world.clock.set(due.max(world.clock.now())),
        }
    }
    panic!("there is no end to it");
}

/// The deliveries that are marked with this kind, by their number, and all of them in the order of the list.
async fn marked(world: &World, agent: &Agent, kind: &str) -> Vec<usize> {
    let list = world.gets(&format!("/operator/deliveries?limit=100&agentId={}", agent.id)).await.json();
    let rows = list["deliveries"].as_array().unwrap().iter().rev();
    let is_marked = |row: &Value| row["trouble"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)));
    rows.enumerate().filter(|(_, row)| is_marked(row)).map(|(n, _)| n).collect()
}

/// Exactly one of each three in a row, and not always the same.
#[track_caller]
fn is_one_of_each_three(marked: &[usize], rows: std::ops::Range<usize>) {
    let blocks: Vec<Vec<usize>> =
        rows.clone().step_by(3).map(|from| (0..3).filter(|n| marked.contains(&(from + n))).collect()).collect();
    assert!(blocks.iter().all(|block| block.len() == 1), "{marked:?} of {rows:?}");
    assert!(blocks.iter().any(|block| *block != blocks[0]), "{marked:?} of {rows:?}");
}

// On the way to the agent.

#[tokio::test]
async fn what_was_taken_is_delivered_a_second_time_in_the_same_row_and_signed_afresh() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "deliver_twice" }])).await;
    says(&world, petur, &muaddib, &["one", "two"]).await;
    // The second ones do not hold up what comes after them.
    assert_eq!(world.delivers().await, 2);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message retrying 1", "chat_message retrying 1"]);
    world.passes(2);
    assert_eq!(world.delivers().await, 2, "within two seconds");
    let calls = world.endpoints.take();
    let mut heard = texts(&calls);
    heard[2..].sort();
    assert_eq!(heard, ["one", "two", "one", "two"]);
    for first in &calls[..2] {
        let again = calls[2..].iter().find(|call| call.line() == first.line()).unwrap();
        assert!(again.sent_at > first.sent_at && again.signature != first.signature);
    }
    // A third time there is not.
    assert_eq!(world.host().next_due().await.unwrap(), None);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 2", "chat_message delivered 2"]);
    let row = shown(&world, 2).await;
    assert_eq!(row["trouble"], json!(["deliver_twice"]));
    let log = &row["attemptLog"];
    assert_eq!((&log[0]["trouble"], &log[1]["trouble"]), (&Value::Null, &json!(["deliver_twice"])));
    assert_eq!(touched(&world, &muaddib).await, [("deliver_twice".to_owned(), 2)]);
}

#[tokio::test]
async fn a_second_delivery_that_fails_is_tried_until_it_is_taken_and_no_further() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "deliver_twice" }])).await;
    let mut answers = [200, 503, 500, 200].into_iter();
    world.endpoints.do_as(move |_| Does::Answer(answers.next().unwrap()));
    says(&world, petur, &muaddib, &["one"]).await;
    assert_eq!(runs_dry(&world).await.len(), 4);
    let log = shown(&world, 2).await["attemptLog"].clone();
    let marks: Vec<&Value> = log.as_array().unwrap().iter().map(|attempt| &attempt["trouble"]).collect();
    let second = json!(["deliver_twice"]);
    assert_eq!(marks, [&Value::Null, &second, &second, &second]);
    assert_eq!(world.deliveries(&muaddib).await[1], "chat_message delivered 4");
    // It was not given up either: whoever asks for it once more gets both again.
    world.endpoints.all(Does::Answer(200));
    world.posts("/operator/deliveries/2/redeliver", json!({})).await.is(202);
    assert_eq!(runs_dry(&world).await.len(), 2);
}

#[tokio::test]
async fn each_event_is_swapped_with_the_one_after_it() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "reorder" }])).await;
    says(&world, petur, &muaddib, &["one", "two", "three", "four", "five"]).await;
    world.delivers().await;
    assert_eq!(texts(&world.endpoints.take()), ["two", "one", "four", "three"]);
    assert_eq!(world.deliveries(&muaddib).await[5], "chat_message waiting 0");
    world.passes(2);
    assert_eq!(world.delivers().await, 0);
    says(&world, petur, &muaddib, &["six"]).await;
    world.delivers().await;
    assert_eq!(texts(&world.endpoints.take()), ["six", "five"]);
    assert_eq!(marked(&world, &muaddib, "reorder").await, [1, 3, 5], "those that were held");
    let log = shown(&world, 2).await["attemptLog"].clone();
    assert_eq!(log[0]["trouble"], json!(["reorder"]));
    assert_eq!(touched(&world, &muaddib).await, [("reorder".to_owned(), 3)]);
    assert_eq!(world.host().next_due().await.unwrap(), None);
}

#[tokio::test]
async fn an_event_after_which_nothing_comes_goes_out_alone_after_five_seconds() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "reorder", "next": true }])).await;
    says(&world, petur, &muaddib, &["one"]).await;
    world.delivers().await;
    world.passes(4);
    assert_eq!(world.delivers().await, 0);
    assert_eq!(shown(&world, 2).await["dueAt"], "2025-11-24T16:00:05.000Z");
    world.passes(1);
    assert_eq!(world.delivers().await, 1);
    says(&world, petur, &muaddib, &["two"]).await;
    world.delivers().await;
    assert_eq!(texts(&world.endpoints.take()), ["one", "two"]);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 1"; 2]);
}

#[tokio::test]
async fn an_event_that_is_to_be_swapped_waits_until_the_other_one_was_taken() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "reorder", "next": true }])).await;
    let mut answers = [503, 200, 200, 200].into_iter();
    world.endpoints.do_as(move |_| Does::Answer(answers.next().unwrap()));
    says(&world, petur, &muaddib, &["one", "two", "three"]).await;
    assert_eq!(texts(&runs_dry(&world).await), ["two", "two", "one", "three"]);
}

#[tokio::test]
async fn a_delayed_event_is_attempted_when_it_is_so_old_and_what_comes_after_it_waits() {
    for seconds in [1, 2, 10, 90, 360, 3600] {
        let (world, petur, muaddib) = World::with_muaddib().await;
        trouble(&world, &muaddib, json!([{ "kind": "delay", "seconds": seconds }])).await;
        says(&world, petur, &muaddib, &["one"]).await;
        assert_eq!(world.delivers().await, 0);
        world.clock.advance(std::time::Duration::from_millis(500));
        says(&world, petur, &muaddib, &["two"]).await;
        world.clock.advance(std::time::Duration::from_millis(seconds * 1000 - 501));
        assert_eq!(world.delivers().await, 0);
        world.clock.advance(std::time::Duration::from_millis(1));
        assert_eq!(world.delivers().await, 1);
        // They are late by as much each, not the second one by both.
        world.clock.advance(std::time::Duration::from_millis(500));
        assert_eq!(world.delivers().await, 1);
        assert_eq!(texts(&world.endpoints.take()), ["one", "two"]);
        let row = shown(&world, 2).await;
        assert_eq!((&row["attempts"], &row["trouble"]), (&json!(1), &json!(["delay"])), "waiting is no attempt");
        assert_eq!(row["attemptLog"][0]["trouble"], json!(["delay"]));
        assert_eq!(touched(&world, &muaddib).await, [("delay".to_owned(), 2)]);
    }
}

#[tokio::test]
async fn what_is_tried_again_is_not_delayed_again() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "delay", "seconds": 10 }])).await;
    world.endpoints.all(Does::Answer(503));
    says(&world, petur, &muaddib, &["one"]).await;
    world.delivers().await;
    world.passes(10);
    assert_eq!(world.delivers().await, 1);
    world.endpoints.all(Does::Answer(200));
    world.passes(1);
    assert_eq!(world.delivers().await, 1);
    let log = shown(&world, 2).await["attemptLog"].clone();
    assert_eq!((&log[0]["trouble"], &log[1]["trouble"]), (&json!(["delay"]), &Value::Null));
}

#[tokio::test]
async fn what_is_held_on_purpose_is_not_hurried_by_an_endpoint_that_comes_back() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let sigrun = world.sigrun().await;
    let app = App { id: muaddib.app, key: muaddib.key.clone() };
    let other = world.agent(&app, sigrun, "MuadDib").await;
    world.settles().await;
    for switch in [json!({ "kind": "delay", "seconds": 90 }), json!({ "kind": "reorder" })] {
        trouble(&world, &muaddib, json!([switch])).await;
        says(&world, petur, &muaddib, &["held"]).await;
        world.endpoints.all(Does::Refuse);
        says(&world, sigrun, &other, &["tried"]).await;
        world.delivers().await;
        world.endpoints.all(Does::Answer(200));
        world.passes(1);
        assert_eq!(world.delivers().await, 1);
        // Nor by an operator who lets it go on after a pause.
        world.posts(&format!("/operator/agents/{}/pause", muaddib.id), json!({})).await.is(204);
        world.posts(&format!("/operator/agents/{}/resume", muaddib.id), json!({})).await.is(204);
        assert_eq!(world.delivers().await, 0);
        world.passes(90);
        assert_eq!(world.delivers().await, 1);
        assert_eq!(texts(&world.endpoints.take()), ["tried", "tried", "held"]);
    }
}

#[tokio::test]
async fn what_is_held_goes_when_its_switch_is_turned_off_or_somebody_asks_for_it() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    for (switch, other) in [(json!({ "kind": "delay" }), "reorder"), (json!({ "kind": "reorder" }), "delay")] {
        for way in ["put", "delete", "delete all", "redeliver"] {
            trouble(&world, &muaddib, json!([switch])).await;
            let id = world.deliveries(&muaddib).await.len() + 1;
            says(&world, petur, &muaddib, &["held"]).await;
            assert_eq!(world.delivers().await, 0, "{way}");
            // Another switch does not let it go.
            trouble(&world, &muaddib, json!([switch, { "kind": other }])).await;
            trouble(&world, &muaddib, json!([switch])).await;
            assert_eq!(world.delivers().await, 0, "{way}");
            match way {
                "put" => trouble(&world, &muaddib, json!([])).await,
                "delete" => drop(world.deletes(&path(&muaddib)).await.is(204)),
                "delete all" => drop(world.deletes("/operator/trouble").await.is(204)),
                _ => drop(world.posts(&format!("/operator/deliveries/{id}/redeliver"), json!({})).await.is(202)),
            }
            assert_eq!(world.delivers().await, 1, "{way}");
            assert_eq!(texts(&world.endpoints.take()), ["held"]);
        }
    }
    // A switch for the next one only is off by itself, and all off means what it holds, too.
    trouble(&world, &muaddib, json!([{ "kind": "delay", "next": true, "seconds": 3600 }])).await;
    says(&world, petur, &muaddib, &["held"]).await;
    assert_eq!(world.delivers().await, 0);
    assert!(on(&world, &muaddib).await.is_empty());
    world.deletes("/operator/trouble").await.is(204);
    assert_eq!(world.delivers().await, 1);
}

#[tokio::test]
async fn an_answer_that_is_dropped_is_read_and_then_asked_for_again() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "drop_answer", "next": true }])).await;
    world.endpoints.all(Does::Say(200, "thanks"));
    says(&world, petur, &muaddib, &["one", "two"]).await;
    assert_eq!(world.delivers().await, 1, "what comes after it waits");
    let row = shown(&world, 2).await;
    assert_eq!((&row["state"], &row["error"]), (&json!("retrying"), &json!("trouble: the answer was dropped")));
    let attempt = &row["attemptLog"][0];
    assert_eq!((&attempt["status"], &attempt["answer"]), (&json!(200), &json!("thanks")));
    assert_eq!(attempt["error"], "trouble: the answer was dropped");
    assert_eq!(attempt["trouble"], json!(["drop_answer"]));
    assert_eq!(texts(&runs_dry(&world).await), ["one", "one", "two"]);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 2", "chat_message delivered 1"]);
    let row = shown(&world, 2).await;
    assert_eq!((&row["trouble"], &row["error"]), (&json!(["drop_answer"]), &Value::Null));
    assert_eq!(row["attemptLog"][1]["trouble"], Value::Null);
}

#[tokio::test]
async fn an_endpoint_whose_answer_was_dropped_has_not_been_away() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let app = App { id: muaddib.app, key: muaddib.key.clone() };
    let sigrun = world.sigrun().await;
    let other = world.agent(&app, sigrun, "MuadDib").await;
    world.settles().await;
    world.endpoints.do_as(|call| Does::Answer(if call.body.contains("poison") { 500 } else { 200 }));
    says(&world, sigrun, &other, &["poison"]).await;
    for _ in 0..5 {
        world.delivers().await;
        world.passes(60);
    }
    says(&world, petur, &muaddib, &["zero"]).await;
    world.delivers().await;
    let paused_until = world.host().next_due().await.unwrap().unwrap();
    trouble(&world, &muaddib, json!([{ "kind": "drop_answer", "next": true }])).await;
    says(&world, petur, &muaddib, &["one"]).await;
    world.delivers().await;
    world.passes(1);
    world.delivers().await;
    assert_eq!(world.deliveries(&muaddib).await[2], "chat_message delivered 2");
    assert_eq!(world.host().next_due().await.unwrap(), Some(paused_until), "nothing that waited is due at once");
}

#[tokio::test]
async fn an_answer_that_would_be_no_success_is_not_dropped() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    trouble(
        &world,
        &muaddib,
        json!([{ "kind": "drop_answer", "next": true }, { "kind": "deliver_twice", "next": true }]),
    )
    .await;
    for does in [Does::Answer(500), Does::Refuse, Does::Cut] {
        world.endpoints.all(does);
        says(&world, petur, &muaddib, &["one"]).await;
        world.passes(60);
        world.delivers().await;
    }
    assert!(touched(&world, &muaddib).await.is_empty());
    world.endpoints.all(Does::Answer(200));
    runs_dry(&world).await;
    // One attempt is either lost or taken, and only what was taken is taken twice.
    assert_eq!(touched(&world, &muaddib).await, [("deliver_twice".to_owned(), 1), ("drop_answer".to_owned(), 1)]);
}

#[tokio::test]
async fn an_answer_that_is_dropped_for_three_days_ends_in_giving_up() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "drop_answer" }])).await;
    says(&world, petur, &muaddib, &["one"]).await;
    world.delivers().await;
    world.passes(3 * 24 * 60 * 60 + 1);
    world.delivers().await;
    assert_eq!(world.deliveries(&muaddib).await[1], "chat_message given_up 2");
}

#[tokio::test]
async fn one_bit_of_a_wrong_signature_is_another() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.refuse_what_is_not_authentic();
    trouble(&world, &muaddib, json!([{ "kind": "wrong_signature" }])).await;
    says(&world, petur, &muaddib, &["one"]).await;
    let mut bits = BTreeSet::new();
    for _ in 0..20 {
        world.delivers().await;
        world.passes(60);
        let refused = world.endpoints.refused().pop().unwrap();
        let header = |name: &str| refused.headers[name].to_str().unwrap();
        let at = UnixSeconds(header("x-timestamp").parse().unwrap());
        let event = header("x-event").parse().unwrap();
        let right = webhook::sign(&muaddib.key, &event, muaddib.id, at, &refused.body, Reading::Compact);
        let mut expected = http::HeaderMap::new();
        right.apply(&mut expected);
        let bytes =
            |hex: &http::HeaderValue| u128::from_str_radix(hex.to_str().unwrap().get(..32).unwrap(), 16).unwrap();
        let rest =
            |hex: &http::HeaderValue| u128::from_str_radix(hex.to_str().unwrap().get(32..).unwrap(), 16).unwrap();
        let (sent, expected) = (&refused.headers["x-signature"], &expected["x-signature"]);
        let differing = (bytes(sent) ^ bytes(expected), rest(sent) ^ rest(expected));
        assert_eq!(differing.0.count_ones() + differing.1.count_ones(), 1);
        bits.insert(differing);
    }
    assert!(bits.len() > 10, "not always the same bit: {}", bits.len());
    assert_eq!(world.deliveries(&muaddib).await[1], "chat_message retrying 20");
    let row = shown(&world, 2).await;
    assert_eq!((&row["status"], &row["trouble"]), (&json!(401), &json!(["wrong_signature"])));
    assert_eq!(row["attemptLog"][19]["trouble"], json!(["wrong_signature"]));
    trouble(&world, &muaddib, json!([])).await;
    world.delivers().await;
    assert_eq!(world.deliveries(&muaddib).await[1], "chat_message delivered 21");
    assert_eq!(shown(&world, 2).await["attemptLog"][20]["trouble"], Value::Null);
}

#[tokio::test]
async fn a_stale_timestamp_is_signed_correctly_for_ten_minutes_ago() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.refuse_what_is_not_authentic();
    trouble(&world, &muaddib, json!([{ "kind": "stale_timestamp", "next": true }])).await;
    says(&world, petur, &muaddib, &["one"]).await;
    world.delivers().await;
    let refused = world.endpoints.refused().pop().unwrap();
    assert_eq!(refused.why.to_string(), "timestamp");
    let then = UnixSeconds(u64::try_from(NOW).unwrap() - 600);
    assert_eq!(refused.headers["x-timestamp"], then.0.to_string());
    let by_then = webhook::Unverified::from_headers(&refused.headers).unwrap();
    let key = muaddib.key.clone();
    assert!(by_then.verify(refused.body, &[key], Reading::Compact, 0, then).is_ok());
    assert_eq!(texts(&runs_dry(&world).await), ["one"]);
    assert_eq!(shown(&world, 2).await["attemptLog"][0]["trouble"], json!(["stale_timestamp"]));
}

// On the way back.

#[tokio::test]
async fn a_call_that_is_answered_500_or_420_stores_nothing_and_is_good_another_time() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let mut noted = 0;
    for (kind, status, code, retry_after) in
        [("answer_500", 500, "internal", None), ("answer_420", 420, "rate_limited", Some("5"))]
    {
        trouble(&world, &muaddib, json!([{ "kind": kind }])).await;
        let body = json::print(&json!({ "text": kind }));
        let signed = world.signed(&muaddib, muaddib.personal, body);
        for _ in 0..2 {
            let refused = world.calls(&signed).await;
            refused.is_refused(status, code, "trouble");
            assert_eq!(refused.headers.get("retry-after").map(|value| value.to_str().unwrap()), retry_after);
        }
        world.reads(&muaddib, muaddib.personal, "").await.is_refused(status, code, "trouble");
        noted += 3;
        for call in &world.noted(noted).await[noted - 3..] {
            assert_eq!(
                (&call["status"], &call["code"], &call["trouble"]),
                (&json!(status), &json!(code), &json!([kind]))
            );
            assert_eq!(call["chatMessageId"], Value::Null);
        }
        world.deletes(&path(&muaddib)).await.is(204);
        world.calls(&signed).await.is(200);
        noted += 1;
        assert_eq!(world.noted(noted).await[noted - 1]["trouble"], Value::Null);
        assert!(touched(&world, &muaddib).await.contains(&(kind.to_owned(), 3)));
    }
    assert_eq!(world.texts(&muaddib, muaddib.personal).await, ["answer_500", "answer_420"]);
}

#[tokio::test]
async fn what_would_be_refused_anyway_is_no_occasion() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let switches = ["answer_500", "lose_answer"].map(|kind| json!({ "kind": kind, "next": true }));
    trouble(&world, &muaddib, json!(switches)).await;
    let forged = world.signed(&muaddib, muaddib.personal, r#"{"text":"Hello"}"#).with_body(r#"{"text":"hello"}"#);
    world.calls(&forged).await.is_refused(401, "signature", "");
    let malformed = world.signed(&muaddib, muaddib.personal, "{}");
    world.calls(&malformed).await.is_refused(400, "invalid", "");
    assert!(touched(&world, &muaddib).await.is_empty());
    world.sends(&muaddib, muaddib.personal, "Hello").await.is(500);
    // Nothing is lost of what was not stored.
    let nowhere = mewe_protocol::ThreadId::from_bytes([9; 12]);
    world.sends(&muaddib, nowhere, "Hello").await.is_refused(404, "not_found", "");
    world.reads(&muaddib, muaddib.personal, "").await.is(200);
    assert_eq!(on(&world, &muaddib).await, ["lose_answer"]);
}

#[tokio::test]
async fn forgotten_replays_are_accepted_while_it_is_on_and_no_longer() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let signed = world.signed(&muaddib, muaddib.personal, r#"{"text":"Hello"}"#);
    world.calls(&signed).await.is(200);
    world.calls(&signed).await.is_refused(401, "replayed", "");
    trouble(&world, &muaddib, json!([{ "kind": "forget_replays" }])).await;
    let later = world.signed(&muaddib, muaddib.personal, r#"{"text":"Bye"}"#);
    let ids: BTreeSet<MessageId> = {
        let mut ids = BTreeSet::new();
        for signed in [&signed, &signed, &later, &later] {
            ids.insert(world.calls(signed).await.is(200).id("chatMessageId"));
        }
        ids
    };
    assert_eq!(ids.len(), 4);
    let calls = world.noted(6).await;
    let marks: Vec<&Value> = calls.iter().map(|call| &call["trouble"]).collect();
    let forgot = json!(["forget_replays"]);
    let expected = [&Value::Null, &Value::Null, &forgot, &forgot, &Value::Null, &forgot];
    assert_eq!(marks, expected, "those that were replays");
    assert_eq!(touched(&world, &muaddib).await, [("forget_replays".to_owned(), 3)]);
    trouble(&world, &muaddib, json!([])).await;
    for signed in [&signed, &later] {
        world.calls(signed).await.is_refused(401, "replayed", "");
    }
    assert_eq!(world.texts(&muaddib, muaddib.personal).await, ["Hello", "Hello", "Hello", "Bye", "Bye"]);
}

/// What comes over a connection until it ends.
async fn over_tcp(address: std::net::SocketAddr, signed: &Signed) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("{} {} HTTP/1.1\r\nhost: localhost\r\n", signed.method, signed.path).into_bytes();
    for (name, value) in &signed.headers {
        request.extend(format!("{name}: {}\r\n", value.to_str().unwrap()).into_bytes());
    }
    request.extend(format!("content-length: {}\r\n\r\n", signed.body.len()).into_bytes());
    request.extend(&signed.body);
    stream.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    loop {
        // A connection that is reset has ended, too.
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return answer,
            Ok(read) => answer.extend(&piece[..read]),
        }
        if answer.ends_with(b"}") {
            return answer;
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_a_stored_message_and_a_connection_that_ends_without_a_byte() {
    let (world, _, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "lose_answer", "next": true }])).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), Stop::new());
    let signed = world.signed(&muaddib, muaddib.personal, r#"{"text":"Hello"}"#);
    let story = async {
        let nothing = over_tcp(address, &signed).await;
        assert_eq!(String::from_utf8_lossy(&nothing), "");
        let call = world.noted(1).await.remove(0);
        assert_eq!((&call["status"], &call["trouble"]), (&json!(200), &json!(["lose_answer"])));
        assert_eq!((&call["code"], &call["cause"]), (&Value::Null, &Value::Null));
        assert_eq!(world.texts(&muaddib, muaddib.personal).await, ["Hello"]);
        // The hard case: what came of it can only be found out.
        let replayed = over_tcp(address, &signed).await;
        assert!(replayed.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&replayed));
        let other = world.signed(&muaddib, muaddib.personal, r#"{"text":"Bye"}"#);
        let answer = over_tcp(address, &other).await;
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
        stop.stop();
    };
    tokio::join!(world.host().serve_on(listener, stop.clone()), story);
}

// How often.

#[tokio::test]
async fn every_third_is_one_of_each_three_deliveries_and_the_same_ones_with_the_same_seed() {
    for kind in TO_AGENT {
        let mut all = Vec::new();
        for (seed, times) in [(4711, 2), (4712, 1)] {
            for _ in 0..times {
                let (world, petur, muaddib) = World::with_muaddib().await;
                world.endpoints.refuse_what_is_not_authentic();
                let switches = json!([{ "kind": kind, "every": 3 }]);
                puts(&world, &muaddib, json!({ "seed": seed, "switches": switches })).await.is(200);
                for n in 0..30 {
                    says(&world, petur, &muaddib, &[&n.to_string()]).await;
                    // One by one, so that each is attempted once unless it is touched.
                    runs_dry(&world).await;
                }
                let marked = marked(&world, &muaddib, kind).await;
                // Of the others a further attempt is an occasion, too.
                if ["deliver_twice", "reorder", "delay"].contains(&kind) {
                    is_one_of_each_three(&marked, 1..31);
                    assert_eq!(touched(&world, &muaddib).await, [(kind.to_owned(), 10)]);
                }
                all.push(marked);
            }
        }
        assert_eq!(all[0], all[1], "{kind}");
        assert_ne!(all[0], all[2], "{kind}");
    }
}

#[tokio::test]
async fn every_third_attempt_is_one_of_each_three() {
    for kind in ["drop_answer", "wrong_signature", "stale_timestamp"] {
        let (world, petur, muaddib) = World::with_muaddib().await;
        world.endpoints.refuse_what_is_not_authentic();
        trouble(&world, &muaddib, json!([{ "kind": kind, "every": 3 }])).await;
        says_so_many(&world, petur, &muaddib, 30).await;
        runs_dry(&world).await;
        let mut attempts = Vec::new();
        for delivery in 2..=31 {
            let row = shown(&world, delivery).await;
            attempts.extend(
                row["attemptLog"].as_array().unwrap().iter().map(|attempt| attempt["trouble"] == json!([kind])),
            );
        }
        let marked: Vec<usize> = (0..attempts.len()).filter(|n| attempts[*n]).collect();
        assert_eq!(touched(&world, &muaddib).await, [(kind.to_owned(), u64::try_from(marked.len()).unwrap())]);
        attempts.truncate(attempts.len() / 3 * 3);
        is_one_of_each_three(&marked, 0..attempts.len());
        let states = world.deliveries(&muaddib).await;
        assert!(states.iter().all(|state| state.contains(" delivered ")), "{states:?}");
    }
}

#[tokio::test]
async fn every_third_call_is_one_of_each_three_and_the_same_ones_after_it_was_set_again() {
    for (kind, status) in [("answer_500", 500), ("answer_420", 420)] {
        let (world, _, muaddib) = World::with_muaddib().await;
        let mut all = Vec::new();
        for _ in 0..2 {
            trouble(&world, &muaddib, json!([{ "kind": kind, "every": 3 }])).await;
            let mut befallen = Vec::new();
            for n in 0..30 {
                // Reads and sends are calls alike.
                let answer = if n % 2 == 0 {
                    world.sends(&muaddib, muaddib.personal, &n.to_string()).await
                } else {
                    world.reads(&muaddib, muaddib.personal, "").await
                };
                world.passes(1);
                if answer.status == status {
                    befallen.push(n);
                }
            }
            is_one_of_each_three(&befallen, 0..30);
            all.push(befallen);
        }
        assert_eq!(all[0], all[1]);
    }
    let (world, _, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "lose_answer", "every": 3 }])).await;
    let mut lost = Vec::new();
    for n in 0..30 {
        let signed = world.signed(&muaddib, muaddib.personal, json::print(&json!({ "text": n.to_string() })));
        if goes_unanswered(&world, &signed).await {
            lost.push(n);
        }
        world.passes(1);
    }
    is_one_of_each_three(&lost, 0..30);
    assert_eq!(world.texts(&muaddib, muaddib.personal).await.len(), 30);
}

/// All that the event stream tells of, from its beginning.
async fn stream(world: &World) -> Vec<String> {
    use futures_util::StreamExt;
    use tower::ServiceExt;
    let Ok(answer) = world.host().router().oneshot(operator(Method::GET, "/operator/stream?after=0", "")).await;
    let mut pieces = answer.into_body().into_data_stream();
    let mut all = Vec::new();
    while let Some(piece) = tokio::task::unconstrained(pieces.next()).now_or_never() {
        all.push(String::from_utf8(piece.unwrap().unwrap().to_vec()).unwrap());
    }
    all
}

/// Whether the answer to a send is none.
async fn goes_unanswered(world: &World, signed: &Signed) -> bool {
    use tower::ServiceExt;
    let Ok(answer) = world.host().router().oneshot(signed.request()).await;
    axum::body::to_bytes(answer.into_body(), usize::MAX).await.is_err()
}

#[tokio::test]
async fn the_next_one_only_is_one_and_then_the_switch_is_off() {
    for kind in TO_AGENT {
        let (world, petur, muaddib) = World::with_muaddib().await;
        world.endpoints.refuse_what_is_not_authentic();
        trouble(&world, &muaddib, json!([{ "kind": kind, "next": true }])).await;
        assert_eq!(on(&world, &muaddib).await, [kind]);
        says_so_many(&world, petur, &muaddib, 4).await;
        runs_dry(&world).await;
        assert_eq!(marked(&world, &muaddib, kind).await, [1], "{kind}");
        assert_eq!(touched(&world, &muaddib).await, [(kind.to_owned(), 1)]);
        assert!(on(&world, &muaddib).await.is_empty());
        assert_eq!(world.gets("/operator/trouble").await.text(), r#"{"trouble":[],"nextPage":null}"#);
    }
    for kind in &OF_CALLS[..3] {
        let (world, _, muaddib) = World::with_muaddib().await;
        trouble(&world, &muaddib, json!([{ "kind": kind, "next": true }])).await;
        for n in 0..4 {
            let signed = world.signed(&muaddib, muaddib.personal, json::print(&json!({ "text": n.to_string() })));
            let unanswered = goes_unanswered(&world, &signed).await;
            assert_eq!(unanswered, n == 0 && *kind == "lose_answer", "{kind}");
        }
        assert_eq!(touched(&world, &muaddib).await, [((*kind).to_owned(), 1)]);
        assert!(on(&world, &muaddib).await.is_empty());
        let marks: Vec<bool> = world.noted(4).await.iter().map(|call| call["trouble"] == json!([kind])).collect();
        assert_eq!(marks, [true, false, false, false]);
    }
}

// What stays.

#[tokio::test]
async fn marks_and_counts_stay_when_all_is_off() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.refuse_what_is_not_authentic();
    let to_agent = TO_AGENT.map(|kind| json!({ "kind": kind, "every": 2 }));
    trouble(&world, &muaddib, json!(to_agent)).await;
    says_so_many(&world, petur, &muaddib, 10).await;
    runs_dry(&world).await;
    trouble(&world, &muaddib, json!([{ "kind": "answer_500" }])).await;
    world.sends(&muaddib, muaddib.personal, "Hello").await.is(500);
    let calls = world.noted(1).await;
    let (deliveries, counts) = (world.gets("/operator/deliveries").await, touched(&world, &muaddib).await);
    assert_eq!(counts.iter().map(|(kind, _)| kind).collect::<Vec<_>>()[..6], TO_AGENT);
    world.deletes(&path(&muaddib)).await.is(204);
    assert!(on(&world, &muaddib).await.is_empty());
    assert_eq!(world.gets("/operator/deliveries").await.body, deliveries.body);
    assert_eq!(world.noted(1).await, calls);
    assert_eq!(touched(&world, &muaddib).await, counts);
    // What comes now is as it should be.
    says(&world, petur, &muaddib, &["last"]).await;
    assert_eq!(texts(&runs_dry(&world).await), ["last"]);
    assert_eq!(shown(&world, 12).await["trouble"], Value::Null);
    world.sends(&muaddib, muaddib.personal, "Hello").await.is(200);
    assert_eq!(touched(&world, &muaddib).await, counts);
}

#[tokio::test]
async fn a_restart_keeps_the_switches_the_counts_the_order_and_what_is_held() {
    let plain = {
        let (world, petur, muaddib) = World::with_muaddib().await;
        trouble(&world, &muaddib, json!([{ "kind": "deliver_twice", "every": 3 }, { "kind": "delay", "every": 3 }]))
            .await;
        for n in 0..12 {
            says(&world, petur, &muaddib, &[&n.to_string()]).await;
            runs_dry(&world).await;
        }
        (marked(&world, &muaddib, "deliver_twice").await, marked(&world, &muaddib, "delay").await)
    };
    let (mut world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "deliver_twice", "every": 3 }, { "kind": "delay", "every": 3 }])).await;
    for n in 0..12 {
        says(&world, petur, &muaddib, &[&n.to_string()]).await;
        // In each state: held, taken once, at rest.
        while world.delivers().await > 0 || world.host().next_due().await.unwrap().is_some() {
            let before = world.gets(&path(&muaddib)).await.body;
            world.restarts().await;
            assert_eq!(world.gets(&path(&muaddib)).await.body, before);
            assert_eq!(world.delivers().await, 0);
            if let Some(due) = world.host().next_due().await.unwrap() {
                world.clock.set(due);
            }
        }
    }
    let restarted = (marked(&world, &muaddib, "deliver_twice").await, marked(&world, &muaddib, "delay").await);
    assert_eq!(restarted, plain);
}

#[tokio::test]
async fn an_attempt_that_a_crash_ended_is_counted_once_and_what_it_had_befallen_goes_on() {
    let (mut world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.refuse_what_is_not_authentic();
    trouble(
        &world,
        &muaddib,
        json!([{ "kind": "deliver_twice", "next": true }, { "kind": "drop_answer", "next": true }]),
    )
    .await;
    world.endpoints.all(Does::Wait);
    says(&world, petur, &muaddib, &["one"]).await;
    {
        let mut delivering = Box::pin(world.delivers());
        assert!(start(&mut delivering).is_pending());
    }
    world.restarts().await;
    // The answer never came: it could not be dropped.
    assert!(touched(&world, &muaddib).await.is_empty());
    assert_eq!(shown(&world, 2).await["trouble"], Value::Null);
    world.endpoints.all(Does::Answer(200));
    runs_dry(&world).await;
    assert_eq!(touched(&world, &muaddib).await, [("deliver_twice".to_owned(), 1), ("drop_answer".to_owned(), 1)]);
    assert_eq!(world.deliveries(&muaddib).await[1], "chat_message delivered 4");
}

#[tokio::test]
async fn a_mark_is_there_while_an_attempt_is_under_way_and_after_a_crash() {
    let (mut world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "delay", "next": true }])).await;
    says(&world, petur, &muaddib, &["one"]).await;
    assert_eq!(world.delivers().await, 0);
    let mark = json!(["delay"]);
    assert_eq!(shown(&world, 2).await["trouble"], mark, "while it is held");
    world.passes(10);
    // The first attempt fails, the second one, which nothing befalls, is interrupted.
    for does in [Does::Answer(503), Does::Wait] {
        world.endpoints.all(does);
        let mut delivering = Box::pin(world.delivers());
        let ended = start(&mut delivering).is_ready();
        assert_eq!(ended, does != Does::Wait);
        assert_eq!(shown(&world, 2).await["trouble"], mark, "{does:?}");
        world.passes(1);
    }
    world.restarts().await;
    assert_eq!(shown(&world, 2).await["trouble"], mark);
}

#[tokio::test]
async fn all_at_once_every_event_arrives_at_least_once() {
    for seed in 0..8 {
        let (world, petur, muaddib) = World::with_muaddib().await;
        let switches = ["deliver_twice", "reorder", "drop_answer"].map(|kind| json!({ "kind": kind, "every": 3 }));
        puts(&world, &muaddib, json!({ "seed": seed, "switches": switches })).await.is(200);
        for burst in 0..10 {
            for n in 0..5 {
                says(&world, petur, &muaddib, &[&format!("{burst}-{n}")]).await;
            }
            world.delivers().await;
            world.passes(1);
        }
        let calls = runs_dry(&world).await;
        let taken: BTreeSet<String> = texts(&calls).into_iter().collect();
        assert_eq!(taken.len(), 50, "{seed}: {taken:?}");
        assert!(calls.len() > 60 && calls.len() < 200, "{seed}: {}", calls.len());
        let states = world.deliveries(&muaddib).await;
        assert!(states.iter().all(|state| state.contains(" delivered ")), "{states:?}");
        assert!(touched(&world, &muaddib).await.iter().all(|(_, touched)| *touched > 5));
    }
}

#[tokio::test]
async fn each_kind_at_once_and_every_time_loses_nothing_once_it_is_over() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.refuse_what_is_not_authentic();
    trouble(&world, &muaddib, json!(TO_AGENT.map(|kind| json!({ "kind": kind })))).await;
    says_so_many(&world, petur, &muaddib, 50).await;
    for _ in 0..20 {
        world.delivers().await;
        world.passes(7);
    }
    assert_eq!(world.endpoints.take().len(), 0);
    let refused = world.endpoints.refused();
    assert!(refused.len() > 10 && refused.iter().all(|refused| refused.why.to_string() == "timestamp"));
    world.deletes(&path(&muaddib)).await.is(204);
    let taken: BTreeSet<String> = texts(&runs_dry(&world).await).into_iter().collect();
    assert_eq!(taken.len(), 50);
}

#[tokio::test]
async fn other_agents_are_not_concerned() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let app = App { id: muaddib.app, key: muaddib.key.clone() };
    let sigrun = world.sigrun().await;
    let other = world.agent(&app, sigrun, "MuadDib").await;
    world.settles().await;
    let all = TO_AGENT.iter().chain(&OF_CALLS).map(|kind| json!({ "kind": kind })).collect();
    trouble(&world, &muaddib, Value::Array(all)).await;
    world.endpoints.refuse_what_is_not_authentic();
    says(&world, petur, &muaddib, &["one"]).await;
    says(&world, sigrun, &other, &["two", "three"]).await;
    world.delivers().await;
    assert_eq!(texts(&world.endpoints.take()), ["two", "three"]);
    world.sends(&other, other.personal, "Hello").await.is(200);
    world.sends(&muaddib, muaddib.personal, "Hello").await.is(500);
    assert!(touched(&world, &other).await.is_empty());
    assert!(marked(&world, &other, "deliver_twice").await.is_empty());
}

#[tokio::test]
async fn an_agent_that_was_unregistered_hears_of_it_without_trouble() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "deliver_twice" }, { "kind": "delay", "seconds": 3600 }])).await;
    says(&world, petur, &muaddib, &["held"]).await;
    assert_eq!(world.delivers().await, 0);
    world.deletes(&format!("/operator/agents/{}", muaddib.id)).await.is(204);
    world.gets(&path(&muaddib)).await.is_refused(404, "not_found", "agentId");
    assert_eq!(world.gets("/operator/trouble").await.text(), r#"{"trouble":[],"nextPage":null}"#);
    world.deletes("/operator/trouble").await.is(204);
    assert_eq!(texts(&runs_dry(&world).await), ["held", "personal_agent_unregistered"]);
}

// Where others come.

#[tokio::test]
async fn a_public_host_refuses_trouble_and_knows_nothing_of_what_was_switched_on_before() {
    let (mut world, petur, muaddib) = World::with_muaddib().await;
    let all: Vec<Value> = TO_AGENT.iter().chain(&OF_CALLS).map(|kind| json!({ "kind": kind })).collect();
    trouble(&world, &muaddib, json!(all)).await;
    says(&world, petur, &muaddib, &["held"]).await;
    assert_eq!(world.delivers().await, 0);
    world.restarts_with(|config| config.public = true).await;
    for (method, path, body) in [
        (Method::GET, "/operator/trouble", ""),
        (Method::DELETE, "/operator/trouble", ""),
        (Method::GET, &path(&muaddib), ""),
        (Method::PUT, &path(&muaddib), r#"{"switches":[]}"#),
        (Method::DELETE, &path(&muaddib), ""),
    ] {
        world.ask(operator(method, path, body)).await.is_refused(409, "conflict", "public");
    }
    says(&world, petur, &muaddib, &["one", "two"]).await;
    world.delivers().await;
    assert_eq!(texts(&world.endpoints.take()), ["held", "one", "two"]);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 1"; 3]);
    let signed = world.signed(&muaddib, muaddib.personal, r#"{"text":"Hello"}"#);
    world.calls(&signed).await.is(200);
    world.calls(&signed).await.is_refused(401, "replayed", "");
    world.reads(&muaddib, muaddib.personal, "").await.is(200);
    assert_eq!(world.host().next_due().await.unwrap(), None);
    // It is only ignored.
    world.restarts_with(|config| config.public = false).await;
    assert_eq!(on(&world, &muaddib).await.len(), 10);
    assert_eq!(touched(&world, &muaddib).await, [("delay".to_owned(), 1)]);
}

// Forms.

#[tokio::test]
async fn the_switches_of_an_agent_are_shown_as_they_can_be_set() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let row = |kind: &str, every: u32, next: bool, seconds: &str, touched: u32| {
        format!(r#"{{"kind":"{kind}","every":{every},"next":{next},"seconds":{seconds},"touched":{touched}}}"#)
    };
    let all = |rows: &[String], seed: u64| {
        format!(r#"{{"agentId":"{}","seed":{seed},"switches":[{}]}}"#, muaddib.id, rows.join(","))
    };
    let mut rows: Vec<String> = TO_AGENT.iter().chain(&OF_CALLS).map(|kind| row(kind, 0, false, "null", 0)).collect();
    rows[2] = row("delay", 0, false, "10", 0);
    assert_eq!(world.gets(&path(&muaddib)).await.is(200).text(), all(&rows, 4711));
    let setting = json!({ "seed": 17, "switches": [
        { "kind": "answer_500", "every": 3 },
        { "kind": "delay", "seconds": 90 },
        { "kind": "reorder", "next": true },
        { "kind": "deliver_twice", "every": 1 },
        { "kind": "forget_replays" },
        { "kind": "lose_answer", "every": 0, "next": false, "seconds": null, "touched": 7, "unheard": "of" },
    ] });
    rows[0] = row("deliver_twice", 1, false, "null", 0);
    rows[1] = row("reorder", 0, true, "null", 0);
    rows[2] = row("delay", 1, false, "90", 0);
    rows[6] = row("answer_500", 3, false, "null", 0);
    rows[9] = row("forget_replays", 1, false, "null", 0);
    let set = puts(&world, &muaddib, setting).await.is(200);
    assert_eq!(set.text(), all(&rows, 17));
    assert_eq!(world.gets(&path(&muaddib)).await.is(200).text(), all(&rows, 17));
    let listed = format!(r#"{{"trouble":[{}],"nextPage":null}}"#, all(&rows, 17));
    assert_eq!(world.gets("/operator/trouble").await.is(200).text(), listed);
    // What is shown can be set.
    assert_eq!(puts(&world, &muaddib, set.json()).await.is(200).text(), all(&rows, 17));
    // What is not given is off, and the seed stays, and so do seconds and counts.
    trouble(&world, &muaddib, json!([{ "kind": "delay" }, { "kind": "deliver_twice" }])).await;
    says(&world, petur, &muaddib, &["Hello"]).await;
    runs_dry(&world).await;
    let mut rows: Vec<String> = TO_AGENT.iter().chain(&OF_CALLS).map(|kind| row(kind, 0, false, "null", 0)).collect();
    rows[0] = row("deliver_twice", 1, false, "null", 1);
    rows[2] = row("delay", 1, false, "90", 1);
    assert_eq!(world.gets(&path(&muaddib)).await.text(), all(&rows, 17));
    world.deletes(&path(&muaddib)).await.is(204);
    rows[0] = row("deliver_twice", 0, false, "null", 1);
    rows[2] = row("delay", 0, false, "90", 1);
    assert_eq!(world.gets(&path(&muaddib)).await.text(), all(&rows, 17));
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_by_its_field_and_changes_nothing() {
    let (world, _, muaddib) = World::with_muaddib().await;
    trouble(&world, &muaddib, json!([{ "kind": "reorder", "every": 3 }])).await;
    let before = world.gets(&path(&muaddib)).await.body;
    for (setting, field) in [
        (json!({ "seed": 1 }), "switches"),
        (json!({ "switches": {} }), "switches"),
        (json!({ "seed": -1, "switches": [] }), "seed"),
        (json!({ "seed": 1.5, "switches": [] }), "seed"),
        (json!({ "seed": "1", "switches": [] }), "seed"),
        (json!({ "seed": 9_007_199_254_740_992_u64, "switches": [] }), "seed"),
        (json!({ "switches": [{}] }), "kind"),
        (
            json!({ "switches": [{ "kind": "delay" }, { "kind": "teleport" }] }),
            "switches[1].kind: must be one of deliver_twice",
        ),
        (json!({ "switches": [{ "kind": "delay" }, { "kind": "delay" }] }), "switches[1].kind: delay is there twice"),
        (json!({ "switches": [{ "kind": "delay", "every": -1 }] }), "every"),
        (json!({ "switches": [{ "kind": "delay", "every": 1001 }] }), "switches[0].every: "),
        (json!({ "switches": [{ "kind": "delay", "every": 1, "next": true }] }), "switches[0].next: "),
        (json!({ "switches": [{ "kind": "delay", "seconds": 0 }] }), "switches[0].seconds: "),
        (json!({ "switches": [{ "kind": "delay", "seconds": 3601 }] }), "switches[0].seconds: "),
        (json!({ "switches": [{ "kind": "reorder", "seconds": 1 }] }), "switches[0].seconds: "),
        (json!({ "switches": [{ "kind": "forget_replays", "every": 3 }] }), "switches[0].every: "),
        (json!({ "switches": [{ "kind": "forget_replays", "next": true }] }), "switches[0].every: "),
    ] {
        puts(&world, &muaddib, setting).await.is_refused(400, "invalid", field);
    }
    let nobody = Agent { id: AgentId::from_bytes([9; 12]), ..muaddib.clone() };
    world.gets(&path(&nobody)).await.is_refused(404, "not_found", "agentId");
    puts(&world, &nobody, json!({ "switches": [] })).await.is_refused(404, "not_found", "agentId");
    world.deletes(&path(&nobody)).await.is_refused(404, "not_found", "agentId");
    assert_eq!(world.gets(&path(&muaddib)).await.body, before);
    puts(&world, &muaddib, json!({ "seed": 9_007_199_254_740_991_u64, "switches": [] })).await.is(200);
}

#[tokio::test]
async fn all_agents_in_trouble_are_listed_by_pages_and_helped_out_at_once() {
    let world = World::new().await;
    let app = world.app("MuadDib").await;
    let mut agents = Vec::new();
    for n in 0..5 {
        let owner = world.person(&format!("Owner {n}"), "Jureksson").await;
        agents.push(world.agent(&app, owner, "MuadDib").await);
    }
    for agent in &agents[1..] {
        trouble(&world, agent, json!([{ "kind": "answer_500" }])).await;
    }
    trouble(&world, &agents[2], json!([])).await;
    let expected: Vec<String> = [1, 3, 4].map(|n: usize| agents[n].id.to_string()).into();
    for limit in 1..=4 {
        let (mut rows, mut next) = (Vec::new(), Some(format!("/operator/trouble?limit={limit}")));
        while let Some(path) = next {
            let page = world.gets(&path).await.is(200).json();
            let on_page = page["trouble"].as_array().unwrap();
            assert!(!on_page.is_empty() && on_page.len() <= limit);
            rows.extend(on_page.iter().map(|row| row["agentId"].as_str().unwrap().to_owned()));
            next = page["nextPage"].as_str().map(str::to_owned);
        }
        assert_eq!(rows, expected, "limit {limit}");
    }
    world.gets("/operator/trouble?limit=0").await.is_refused(400, "invalid", "limit");
    world.deletes("/operator/trouble").await.is(204);
    for agent in &agents {
        assert!(on(&world, agent).await.is_empty());
        world.sends(agent, agent.personal, "Hello").await.is(200);
    }
}

#[tokio::test]
async fn whoever_watches_is_told_when_a_switch_is_set_and_when_it_touches_something() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let events = async || {
        let told = stream(&world).await;
        let told = told.iter().filter(|piece| piece.contains("event: trouble\n"));
        told.map(|piece| piece.split_once("data: ").unwrap().1.trim().to_owned()).collect::<Vec<_>>()
    };
    let told = format!(r#"{{"agentId":"{}"}}"#, muaddib.id);
    trouble(&world, &muaddib, json!([{ "kind": "delay" }, { "kind": "wrong_signature", "next": true }])).await;
    assert_eq!(events().await, [told.as_str(); 1]);
    world.endpoints.refuse_what_is_not_authentic();
    says(&world, petur, &muaddib, &["one"]).await;
    runs_dry(&world).await;
    assert_eq!(events().await, [told.as_str(); 3]);
    world.deletes(&path(&muaddib)).await.is(204);
    assert_eq!(events().await, [told.as_str(); 4]);
    // Only those that are in trouble are helped out of it.
    world.deletes("/operator/trouble").await.is(204);
    assert_eq!(events().await, [told.as_str(); 4]);
}
