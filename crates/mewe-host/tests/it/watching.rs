//! Whoever runs a host sees what came of everything, does it once more, holds it up, tries it, and watches it happen.

use std::collections::VecDeque;

use axum::body::{Body, BodyDataStream};
use futures_util::{FutureExt, StreamExt};
use http::{HeaderName, HeaderValue, Method, Request};
use jiff::SignedDuration;
use mewe_protocol::{AgentId, AppId, Payload, Reading, UnixSeconds, json, request};
use mewe_runtime::stop::Stop;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    support::{Agent, App, Does, World, operator, start},
    wire::{message, registered, unregistered},
};

const DAY: u64 = 24 * 60 * 60;

/// A delivery with all that is known of it.
async fn shown(world: &World, delivery: u32) -> Value {
    world.gets(&format!("/operator/deliveries/{delivery}")).await.is(200).json()
}

fn redelivery(delivery: u32) -> String {
    format!("/operator/deliveries/{delivery}/redeliver")
}

// Attempts.

#[tokio::test]
async fn each_attempt_is_shown_with_its_time_its_status_and_what_was_answered() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let mut script = VecDeque::from([Does::Say(500, "no such user"), Does::Refuse, Does::Say(200, "thanks")]);
    world.endpoints.do_as(move |_| script.pop_front().unwrap());
    let said = world.says(petur, muaddib.personal, "Hello").await;
    for _ in 0..3 {
        assert_eq!(world.delivers().await, 1);
        world.passes(1);
    }
    let row = shown(&world, 2).await;
    assert_eq!(
        row["attemptLog"],
        json!([
            { "number": 1, "at": "2025-11-24T16:00:00.000Z", "tookMs": 0, "status": 500, "error": "it answered 500", "trouble": null, "answer": "no such user" },
            { "number": 2, "at": "2025-11-24T16:00:01.000Z", "tookMs": 0, "status": null, "error": "nothing listens there", "trouble": null, "answer": "" },
            { "number": 3, "at": "2025-11-24T16:00:02.000Z", "tookMs": 0, "status": 200, "error": null, "trouble": null, "answer": "thanks" },
        ])
    );
    let payload = row["payload"].as_str().unwrap();
    let told = format!("personal_chat_message {payload}");
    assert_eq!(told, message(muaddib.personal, said, "Hello", petur));
    assert!(world.endpoints.take().iter().all(|call| call.body == payload), "the very bytes that were sent");
    // Beside that it is the row of the list.
    let mut rest = row.clone();
    rest.as_object_mut().unwrap().retain(|field, _| field != "payload" && field != "attemptLog");
    assert_eq!(world.gets("/operator/deliveries?limit=1").await.json()["deliveries"][0], rest);
    assert_eq!((&rest["state"], &rest["attempts"], &rest["test"]), (&json!("delivered"), &json!(3), &json!(false)));
}

#[tokio::test]
async fn an_attempt_took_as_long_as_its_answer() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Wait);
    world.says(petur, muaddib.personal, "Hello").await;
    let mut delivering = Box::pin(world.delivers());
    assert!(start(&mut delivering).is_pending());
    assert_eq!(shown(&world, 2).await["attemptLog"], json!([]), "it did not end yet");
    world.passes(3);
    world.endpoints.let_one_go();
    delivering.await;
    assert_eq!(shown(&world, 2).await["attemptLog"][0]["tookMs"], 3000);
}

#[tokio::test]
async fn of_an_answer_that_does_not_fit_the_beginning_is_kept() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    for (does, state) in [(Does::Flood(500), "retrying"), (Does::Flood(200), "delivered")] {
        world.endpoints.all(does);
        world.says(petur, muaddib.personal, "Hello").await;
        world.passes(60);
        world.delivers().await;
        let row = shown(&world, 2).await;
        assert_eq!(row["state"], state);
        for attempt in row["attemptLog"].as_array().unwrap() {
            assert_eq!(attempt["answer"], "x".repeat(16 * 1024));
        }
    }
}

#[tokio::test]
async fn of_an_endpoint_that_fails_for_days_the_newest_hundred_attempts_are_kept() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Flood(503));
    world.says(petur, muaddib.personal, "Hello").await;
    for _ in 0..103 {
        assert_eq!(world.delivers().await, 1);
        world.passes(60);
    }
    let row = shown(&world, 2).await;
    let numbers: Vec<u64> =
        row["attemptLog"].as_array().unwrap().iter().map(|attempt| attempt["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (4..=103).collect::<Vec<_>>());
    assert_eq!(row["attempts"], 103);
}

// Once more.

#[tokio::test]
async fn what_was_delivered_is_delivered_once_more_in_the_same_row_and_signed_afresh() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.says(petur, muaddib.personal, "Hello").await;
    world.delivers().await;
    world.passes(5);
    assert_eq!(world.delivers().await, 0);
    let asked = world.posts(&redelivery(2), json!({})).await.is(202).json();
    assert_eq!((&asked["deliveryId"], &asked["state"]), (&json!(2), &json!("retrying")));
    assert_eq!(world.delivers().await, 1);
    assert_eq!(world.delivers().await, 0);
    let calls = world.endpoints.take();
    assert_eq!(calls.iter().map(|call| call.sent_at).collect::<Vec<_>>(), [1_764_000_000, 1_764_000_005]);
    assert_eq!(calls[0].line(), calls[1].line());
    assert_ne!(calls[0].signature, calls[1].signature);
    let row = shown(&world, 2).await;
    let numbers: Vec<&Value> = row["attemptLog"].as_array().unwrap().iter().map(|attempt| &attempt["number"]).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 2"]);
}

#[tokio::test]
async fn what_was_given_up_is_tried_once_more_when_somebody_asks() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Refuse);
    world.says(petur, muaddib.personal, "Hello").await;
    world.delivers().await;
    world.passes(3 * DAY + 1);
    world.delivers().await;
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message given_up 2"]);
    world.endpoints.all(Does::Answer(200));
    world.posts(&redelivery(2), json!({})).await.is(202);
    world.delivers().await;
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 3"]);
}

#[tokio::test]
async fn an_old_event_gets_one_attempt_more_for_each_time_that_somebody_asks() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.says(petur, muaddib.personal, "Hello").await;
    world.delivers().await;
    world.passes(3 * DAY + 1);
    world.endpoints.all(Does::Answer(503));
    for attempts in 2..4 {
        world.posts(&redelivery(2), json!({})).await.is(202);
        assert_eq!(world.delivers().await, 1);
        assert_eq!(world.deliveries(&muaddib).await[1], format!("chat_message given_up {attempts}"));
    }
    assert_eq!(world.host().next_due().await.unwrap(), None);
}

#[tokio::test]
async fn what_waits_for_its_time_is_due_at_once_when_somebody_asks() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.endpoints.all(Does::Refuse);
    world.says(petur, muaddib.personal, "Hello").await;
    world.delivers().await;
    world.endpoints.all(Does::Answer(200));
    assert_eq!(world.delivers().await, 0);
    world.posts(&redelivery(2), json!({})).await.is(202);
    assert_eq!(world.delivers().await, 1);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 2"]);
}

#[tokio::test]
async fn what_is_under_way_or_cancelled_is_not_delivered_once_more() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.says(petur, muaddib.personal, "one").await;
    world.says(petur, muaddib.personal, "two").await;
    world.endpoints.all(Does::Wait);
    let mut delivering = Box::pin(world.delivers());
    assert!(start(&mut delivering).is_pending());
    world.posts(&redelivery(2), json!({})).await.is_refused(409, "conflict", "just now");
    world.deletes(&format!("/operator/apps/{}", muaddib.app)).await.is(204);
    world.posts(&redelivery(3), json!({})).await.is_refused(409, "conflict", "cancelled");
    for nothing in ["99", "0"] {
        let path = format!("/operator/deliveries/{nothing}");
        world.gets(&path).await.is_refused(404, "not_found", "deliveryId");
        world.posts(&format!("{path}/redeliver"), json!({})).await.is_refused(404, "not_found", "deliveryId");
    }
    for wrong in ["-1", "+2", "2.0", "99999999999999999999"] {
        world.gets(&format!("/operator/deliveries/{wrong}")).await.is_refused(400, "invalid", "deliveryId");
    }
}

#[tokio::test]
async fn what_ended_since_a_time_is_delivered_once_more_in_its_order() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let sigrun = world.sigrun().await;
    let thor = world.agent(&world.app("Thor").await, sigrun, "Thor").await;
    let mut told = vec![registered("MuadDib", petur, "Pétur", muaddib.personal)];
    for word in ["one", "two", "three", "four"] {
        let said = world.says(petur, muaddib.personal, word).await;
        told.push(message(muaddib.personal, said, word, petur));
        world.passes(60);
    }
    world.settles().await;
    let path = format!("/operator/apps/{}/redeliver", muaddib.app);
    for (since, from) in [
        ("2025-11-24T16:02:00Z", 3),
        ("2025-11-24T17:02:00.000+01:00", 3),
        ("2025-11-24T15:00:00Z", 0),
        ("2025-11-24T18:00:00Z", 5),
    ] {
        let asked = world.posts(&path, json!({ "since": since })).await.is(202);
        assert_eq!(asked.text(), format!(r#"{{"redelivered":{}}}"#, 5 - from), "{since}");
        assert_eq!(world.hears(&muaddib).await, told[from..], "{since}");
    }
    // Another application is not concerned.
    assert!(world.endpoints.taken_by(thor.id).is_empty());
    for since in [json!("yesterday"), json!(""), json!("2025-11-24"), json!(7), Value::Null] {
        world.posts(&path, json!({ "since": since })).await.is_refused(400, "invalid", "since");
    }
}

// Held up.

#[tokio::test]
async fn what_is_promised_to_a_paused_agent_waits_and_is_delivered_in_order_when_it_is_resumed() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let app = App { id: muaddib.app, key: muaddib.key.clone() };
    let sigrun = world.sigrun().await;
    let thor = world.agent(&app, sigrun, "Thor").await;
    world.settles().await;
    let (agent, paused) = (format!("/operator/agents/{}", muaddib.id), async || {
        let agents = world.gets("/operator/agents").await.json()["agents"].clone();
        [agents[0]["paused"] == true, agents[1]["paused"] == true]
    });
    for _ in 0..2 {
        world.posts(&format!("{agent}/pause"), json!({})).await.is(204);
        assert_eq!(paused().await, [true, false]);
    }
    let mut told = Vec::new();
    for word in ["one", "two", "three"] {
        let said = world.says(petur, muaddib.personal, word).await;
        told.push(message(muaddib.personal, said, word, petur));
    }
    let said = world.says(sigrun, thor.personal, "Hello").await;
    assert_eq!(world.hears(&thor).await, [message(thor.personal, said, "Hello", sigrun)]);
    // Longer than an event is tried for.
    for _ in 0..100 {
        world.passes(60 * 60);
        assert_eq!(world.delivers().await, 0);
    }
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message waiting 0"; 3]);
    for _ in 0..2 {
        world.posts(&format!("{agent}/resume"), json!({})).await.is(204);
        assert_eq!(paused().await, [false, false]);
    }
    assert_eq!(world.hears(&muaddib).await, told);
    assert_eq!(world.deliveries(&muaddib).await[1..], ["chat_message delivered 1"; 3]);
}

#[tokio::test]
async fn a_paused_agent_that_is_unregistered_hears_of_it() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    world.posts(&format!("/operator/agents/{}/pause", muaddib.id), json!({})).await.is(204);
    let said = world.says(petur, muaddib.personal, "Hello").await;
    assert_eq!(world.delivers().await, 0);
    world.deletes(&format!("/operator/agents/{}", muaddib.id)).await.is(204);
    let told = [message(muaddib.personal, said, "Hello", petur), unregistered(petur)];
    assert_eq!(world.hears(&muaddib).await, told);
}

// Tried.

#[tokio::test]
async fn each_of_the_eight_events_is_delivered_as_a_test_and_nothing_happened() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let path = format!("/operator/agents/{}/test-event", muaddib.id);
    for name in Payload::NAMES {
        let made = world.posts(&path, json!({ "event": name })).await.is(201).json();
        world.delivers().await;
        let calls = world.endpoints.take();
        // The endpoint has verified the signature and the form.
        assert_eq!(calls.iter().map(|call| (&*call.event, call.agent)).collect::<Vec<_>>(), [(name, muaddib.id)]);
        let row = world.gets(&format!("/operator/deliveries/{}", made["deliveryId"])).await.is(200).json();
        assert_eq!((&row["test"], &row["event"], &row["state"]), (&json!(true), &json!(name), &json!("delivered")));
        assert_eq!(row["payload"], calls[0].body);
        // A third in its personal thread would silence an agent.
        let in_personal = calls[0].body.contains(&muaddib.personal.to_string());
        assert_eq!(in_personal, !(name.ends_with("_chat") || name.ends_with("unregistered")), "{name}");
    }
    for wrong in ["personal_chat_reaction", "", "PERSONAL_CHAT_MESSAGE", "message"] {
        world.posts(&path, json!({ "event": wrong })).await.is_refused(400, "invalid", "event");
    }
    assert_eq!(world.deliveries(&muaddib).await.len(), 9);
    let messages = world.gets(&format!("/operator/threads/{}/messages", muaddib.personal)).await;
    assert_eq!(messages.text(), r#"{"messages":[],"nextPage":null}"#);
    assert_eq!(world.gets("/operator/agents").await.json()["agents"].as_array().unwrap().len(), 1);
}

// Calls.

#[tokio::test]
async fn a_send_and_a_read_are_noted_with_what_came_of_them() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let sent = world.sends(&muaddib, muaddib.personal, "Hello").await.is(200).json();
    world.noted(1).await;
    world.passes(1);
    world.reads(&muaddib, muaddib.personal, "").await.is(200);
    let calls = world.noted(2).await;
    let expected = |n: u32, verb: &str, message: &Value, at: &str| {
        json!({
            "callId": n, "verb": verb, "appId": muaddib.app, "agentId": muaddib.id, "threadId": muaddib.personal,
            "chatMessageId": message, "status": 200, "code": null, "cause": null, "trouble": null, "at": at, "tookMs": 0,
        })
    };
    assert_eq!(calls[0], expected(1, "send", &sent["chatMessageId"], "2025-11-24T16:00:00.000Z"));
    assert_eq!(calls[1], expected(2, "read", &Value::Null, "2025-11-24T16:00:01.000Z"));
}

#[tokio::test]
async fn a_refused_call_is_noted_with_its_cause_and_with_what_would_have_let_it_in() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let body = r#"{ "text": "Hello" }"#;
    let with = |app: AppId, agent: AgentId, seconds: u64, reading: Reading| {
        let mut signed = world.signed(&muaddib, muaddib.personal, body);
        request::sign(&muaddib.key, app, agent, UnixSeconds(seconds), body.as_bytes(), reading)
            .apply(&mut signed.headers);
        signed
    };
    let (app, agent, now, compact) = (muaddib.app, muaddib.id, world.second(), Reading::Compact);
    let nobody = AgentId::from_bytes([9; 12]);
    let unsigned = {
        let mut signed = with(app, agent, now, compact);
        signed.headers.remove("x-signature");
        signed
    };
    for (n, (signed, code, cause)) in [
        (with(app, agent, now, Reading::Raw), "signature", "signature: signature.payload = raw would match"),
        (with(app, agent, now, compact).with_body("{}"), "signature", "signature"),
        (
            with(app, agent, now - 301, compact),
            "timestamp",
            "timestamp: the signature would match if the clocks agreed",
        ),
        (with(app, agent, now + 301, compact).with_body("{}"), "timestamp", "timestamp"),
        (with(AppId::from_bytes([9; 12]), agent, now, compact), "unknown_app", "this host does not know"),
        (with(app, nobody, now, compact), "unknown_agent", "none of this application"),
        (unsigned, "header", "x-signature"),
    ]
    .into_iter()
    .enumerate()
    {
        let refused = world.calls(&signed).await.is(401);
        assert_eq!(refused.code(), code);
        // What would match is nothing for whoever asked.
        assert!(!refused.text().contains("would match"), "{}", refused.text());
        let call = world.noted(n + 1).await.pop().unwrap();
        assert_eq!((&call["status"], &call["code"]), (&json!(401), &json!(code)), "{call}");
        assert!(call["cause"].as_str().unwrap().contains(cause), "{cause}: {call}");
        assert_eq!(call["chatMessageId"], Value::Null);
        let claimed = |name: &str| signed.headers.get("x-signature").map(|_| signed.headers[name].to_str().unwrap());
        assert_eq!((&call["appId"], &call["agentId"]), (&json!(claimed("x-app-id")), &json!(claimed("x-agent-id"))));
    }
}

// Forgotten.

#[tokio::test]
async fn attempts_calls_and_what_was_told_of_them_are_kept_for_as_long_as_is_set() {
    let world = World::with(|config| config.keep_attempts = SignedDuration::from_hours(2)).await;
    let petur = world.petur().await;
    let muaddib = world.agent(&world.app("MuadDib").await, petur, "MuadDib").await;
    world.reads(&muaddib, muaddib.personal, "").await.is(200);
    world.noted(1).await;
    world.delivers().await;
    world.passes(2 * 60 * 60);
    world.tidies_up().await;
    world.noted(1).await;
    assert_eq!(shown(&world, 1).await["attemptLog"].as_array().unwrap().len(), 1);
    let before = Watching::new(&world, "?after=0", None).await.now();
    assert_ne!(before[0].kind, "gap");
    world.passes(1);
    let younger = world.says(petur, muaddib.personal, "younger").await.to_string();
    world.tidies_up().await;
    world.noted(0).await;
    let row = shown(&world, 1).await;
    assert_eq!((&row["attemptLog"], &row["attempts"], &row["state"]), (&json!([]), &json!(1), &json!("delivered")));

    // Whoever missed something is told that they did.
    let events = Watching::new(&world, "?after=0", None).await.now();
    assert_eq!((events[0].kind.as_str(), events[0].id), ("gap", None));
    assert_eq!((events[1].kind.as_str(), &events[1].data["chatMessageId"]), ("message", &json!(younger)));
    let last_before = before.last().unwrap().id.unwrap();
    let nothing_missed = Watching::new(&world, &format!("?after={last_before}"), None).await.now();
    assert_eq!(nothing_missed, events[1..]);
    let one_missed = Watching::new(&world, &format!("?after={}", last_before - 1), None).await.now();
    assert_eq!(one_missed, events);
}

// Watched.

/// Somebody who watches the host.
struct Watching {
    pieces: BodyDataStream,
}

#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: Option<i64>,
    kind: String,
    data: Value,
}

fn watching(query: &str, last: Option<&str>) -> Request<Body> {
    let mut request = operator(Method::GET, &format!("/operator/stream{query}"), "");
    if let Some(last) = last {
        let name = HeaderName::from_static("last-event-id");
        request.headers_mut().insert(name, HeaderValue::from_str(last).unwrap());
    }
    request
}

impl Watching {
    /// `last`: the header Last-Event-ID.
    async fn new(world: &World, query: &str, last: Option<&str>) -> Self {
        let Ok(answer) = world.host().router().oneshot(watching(query, last)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self { pieces: answer.into_body().into_data_stream() }
    }

    async fn piece(&mut self) -> Option<String> {
        let piece = self.pieces.next().await?.unwrap();
        Some(String::from_utf8(piece.to_vec()).unwrap())
    }

    /// What comes next; it waits for that.
    async fn next(&mut self) -> Option<Event> {
        self.piece().await.map(|piece| event(&piece))
    }

    /// All that is there now.
    fn now(&mut self) -> Vec<Event> {
        let mut all = Vec::new();
        while let Some(event) = tokio::task::unconstrained(self.next()).now_or_never() {
            all.push(event.unwrap());
        }
        all
    }
}

/// An event, which is of exactly the promised form.
fn event(piece: &str) -> Event {
    let lines: Vec<&str> = piece.strip_suffix("\n\n").unwrap().split('\n').collect();
    let (id, kind, data) = match lines[..] {
        [id, kind, data] => (id.strip_prefix("id: ").unwrap().parse().ok(), kind, data),
        [kind, data] => (None, kind, data),
        _ => panic!("{piece:?}"),
    };
    let kind = kind.strip_prefix("event: ").unwrap().to_owned();
    let data = json::read(data.strip_prefix("data: ").unwrap().as_bytes()).unwrap();
    Event { id, kind, data }
}

#[track_caller]
fn one_after_the_other(events: &[Event]) {
    let ids: Vec<i64> = events.iter().map(|event| event.id.unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a + 1 == *b), "{ids:?}");
}

/// Some of everything happens.
async fn some_of_everything(world: &World, petur: mewe_protocol::UserId, muaddib: &Agent) {
    let family = world.thread(&[petur]).await;
    world.seat(muaddib, family).await.created();
    world.says(petur, family, "Hey,\r\n\u{2028}MuadDib").await;
    world.endpoints.all(Does::Say(503, "later"));
    world.delivers().await;
    world.endpoints.all(Does::Answer(200));
    world.passes(1);
    world.delivers().await;
    let before = world.gets("/operator/calls?limit=100").await.json()["calls"].as_array().unwrap().len();
    world.sends(muaddib, family, "Hello").await.is(200);
    world.noted(before + 1).await;
    world.deletes(&format!("/operator/agents/{}/threads/{family}", muaddib.id)).await.is(204);
    world.delivers().await;
}

#[tokio::test]
async fn what_happens_is_told_as_it_happens_with_the_rows_that_the_lists_show() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let mut watching = Watching::new(&world, "", None).await;
    assert!(watching.now().is_empty(), "what was before is not asked for");
    let mut all = Vec::new();
    let mut sees = |kinds: &[&str]| {
        let events = watching.now();
        assert_eq!(events.iter().map(|event| &*event.kind).collect::<Vec<_>>(), kinds);
        all.extend(events.iter().cloned());
        events
    };

    let family = world.thread(&[petur]).await;
    let joined = json!({ "threadId": family, "userId": petur, "joined": true });
    assert_eq!(sees(&["membership"])[0].data, joined);
    world.seat(&muaddib, family).await.created();
    let mut events = sees(&["membership", "delivery"]);
    events.sort_by_key(|event| event.kind.clone());
    assert_eq!(events[0].data["state"], "waiting");
    assert_eq!(events[1].data["userId"], muaddib.id.to_string());

    let said = world.speaks(petur, family, "Hey,\r\n\u{2028}MuadDib").await.is(201).json();
    assert_eq!(sees(&["message", "delivery"])[0].data, said);
    world.endpoints.all(Does::Say(503, "later"));
    world.delivers().await;
    let failed = sees(&["delivery", "delivery"]).pop().unwrap().data;
    // Without what was answered: for days it may be much, each time again.
    let mut row = shown(&world, 2).await;
    assert_eq!(row["attemptLog"][0].as_object_mut().unwrap().remove("answer"), Some(json!("later")));
    assert_eq!(failed, row);
    world.endpoints.all(Does::Wait);
    world.passes(1);
    let mut delivering = Box::pin(world.delivers());
    assert!(start(&mut delivering).is_pending());
    assert_eq!(sees(&["delivery"])[0].data["state"], "in_flight");
    world.endpoints.all(Does::Answer(200));
    world.endpoints.let_one_go();
    delivering.await;
    let delivered = sees(&["delivery"; 3]);
    assert!(delivered.iter().all(|event| event.data["state"] == "delivered"), "{delivered:#?}");

    world.reads(&muaddib, family, "").await.is(200);
    let call = world.noted(1).await.remove(0);
    assert_eq!(sees(&["call"])[0].data, call);
    world.deletes(&format!("/operator/threads/{family}/participants/{petur}")).await.is(204);
    let left = watching.now();
    let gone = left.iter().filter(|event| event.kind == "membership").map(|event| event.data["joined"].clone());
    assert_eq!(gone.collect::<Vec<_>>(), [false, false], "Pétur, and MuadDib along with him");
    all.extend(left);
    one_after_the_other(&all);
}

#[tokio::test]
async fn whoever_comes_back_gets_exactly_what_was_missed_after_a_restart_too() {
    let (mut world, petur, muaddib) = World::with_muaddib().await;
    some_of_everything(&world, petur, &muaddib).await;
    let all = Watching::new(&world, "?after=0", None).await.now();
    one_after_the_other(&all);
    assert_eq!(all[0].id, Some(1));
    for kind in ["message", "delivery", "call", "membership"] {
        assert!(all.iter().any(|event| event.kind == kind), "{kind}");
    }
    for _ in 0..2 {
        for (n, last) in all.iter().enumerate() {
            let (id, missed) = (last.id.unwrap().to_string(), &all[n + 1..]);
            assert_eq!(Watching::new(&world, &format!("?after={id}"), None).await.now(), missed);
            // What a browser knows is newer than the address it began with.
            assert_eq!(Watching::new(&world, "?after=0", Some(&id)).await.now(), missed);
        }
        world.restarts().await;
    }
    // The ids go on where they were.
    let last = all.last().unwrap().id.unwrap();
    world.says(petur, muaddib.personal, "Hello").await;
    let more = Watching::new(&world, &format!("?after={last}"), None).await.now();
    assert_eq!((more[0].id, more[0].kind.as_str()), (Some(last + 1), "message"));
    // An id that was never given is of another host: there is nothing to catch up with.
    assert!(Watching::new(&world, "?after=4000000000", None).await.now().is_empty());
}

#[tokio::test]
async fn all_who_watch_see_the_same() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let mut one = Watching::new(&world, "", None).await;
    let mut other = Watching::new(&world, "", None).await;
    some_of_everything(&world, petur, &muaddib).await;
    let seen = one.now();
    assert!(!seen.is_empty());
    assert_eq!(other.now(), seen);
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_much_happens_while_it_is_read() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let mut watching = Watching::new(&world, "", None).await;
    let (mut said, mut events) = (Vec::new(), Vec::new());
    for n in 0..500 {
        said.push(world.says(petur, muaddib.personal, &n.to_string()).await.to_string());
        // Slower than it happens, and in the middle of what was read at once.
        if n % 3 == 2 {
            events.push(watching.next().await.unwrap());
        }
    }
    events.extend(watching.now());
    one_after_the_other(&events);
    let told = events.iter().filter(|event| event.kind == "message");
    let told: Vec<&str> = told.map(|event| event.data["chatMessageId"].as_str().unwrap()).collect();
    assert_eq!(told, said);
    assert_eq!(events.len(), 1000, "a message and its delivery each");
}

#[tokio::test]
async fn whoever_waits_is_woken_by_what_happens_and_hears_that_the_host_is_there_when_nothing_does() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let mut watching = Watching::new(&world, "", None).await;
    let mut next = Box::pin(watching.piece());
    assert!(start(&mut next).is_pending());
    world.passes(14);
    assert!(start(&mut next).is_pending());
    world.passes(1);
    assert_eq!(next.await.unwrap(), ": still there\n\n");
    let (event, _) = tokio::join!(watching.next(), world.says(petur, muaddib.personal, "Hello"));
    assert_eq!(event.unwrap().kind, "message");
}

#[tokio::test]
async fn an_attempt_that_came_to_no_end_is_told_at_once() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let mut watching = Watching::new(&world, "", None).await;
    world.endpoints.all(Does::Panic);
    world.says(petur, muaddib.personal, "Hello").await;
    let stop = Stop::new();
    let mut running = Box::pin(world.host().run(stop.clone()));
    let mut states = Vec::new();
    for _ in 0..1000 {
        assert!(start(&mut running).is_pending());
        tokio::task::yield_now().await;
        let told = watching.now();
        states
            .extend(told.into_iter().filter(|event| event.kind == "delivery").map(|event| event.data["state"].clone()));
        if states.last().is_some_and(|state| state == "retrying") {
            break;
        }
    }
    assert_eq!(states.last().unwrap(), "retrying", "{states:?}");
    stop.stop();
    running.await;
}

#[tokio::test]
async fn what_is_no_id_of_an_event_is_refused_by_its_name() {
    let world = World::new().await;
    for wrong in ["x", "-1", "1.5", ""] {
        world.ask(watching(&format!("?after={wrong}"), None)).await.is_refused(400, "invalid", "after");
        world.ask(watching("?after=0", Some(wrong))).await.is_refused(400, "invalid", "Last-Event-ID");
    }
}

#[tokio::test]
async fn sixty_four_watch_at_once_and_the_next_one_when_one_of_them_has_gone() {
    let world = World::new().await;
    let mut all = Vec::new();
    for _ in 0..64 {
        all.push(Watching::new(&world, "", None).await);
    }
    world.ask(watching("", None)).await.is_refused(503, "busy", "watch");
    all.pop();
    Watching::new(&world, "", None).await;
}

#[tokio::test]
async fn watching_ends_with_the_host() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let mut watching = Watching::new(&world, "", None).await;
    let stop = Stop::new();
    let mut running = Box::pin(world.host().run(stop.clone()));
    assert!(start(&mut running).is_pending());
    world.says(petur, muaddib.personal, "Hello").await;
    assert_eq!(watching.next().await.unwrap().kind, "message");
    watching.now();
    let mut next = Box::pin(watching.next());
    assert!(start(&mut next).is_pending());
    stop.stop();
    running.await;
    assert_eq!(next.await, None);
}
