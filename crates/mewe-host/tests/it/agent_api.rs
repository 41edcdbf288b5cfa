//! The signed agent API: its forms, its refusals, and that a signed request is good for one message.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method};
use jiff::Timestamp;
use mewe_protocol::{AgentId, AppId, MessageId, ThreadId, decided, json};
use serde_json::{Value, json};

use crate::support::{Agent, App, NOW, Signed, World, start};

const KIB: usize = 1024;

fn text(words: &str) -> Vec<u8> {
    json::print(&json!({ "text": words }))
}

// Forms.

#[tokio::test]
async fn a_send_is_answered_in_the_form_of_the_wire() {
    let (world, _, muaddib) = World::with_muaddib().await;
    world.clock.advance(Duration::from_millis(7));
    let sent = world.sends(&muaddib, muaddib.personal, "  Maybe yes, maybe not\n").await.is(200);
    let id: MessageId = sent.id("chatMessageId");
    let personal = muaddib.personal;
    assert_eq!(
        sent.text(),
        format!(r#"{{"chatMessageId":"{id}","threadId":"{personal}","createdAt":"2025-11-24T16:00:00.007Z"}}"#)
    );
    assert_eq!(id.unix_seconds(), u32::try_from(NOW).unwrap());
    assert_eq!(sent.headers["content-type"], "application/json");
    assert_eq!(sent.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn a_thread_is_read_in_the_form_of_the_wire_newest_first() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let personal = muaddib.personal;
    let first = world.says(petur, personal, " Hey, \"MuadDib\"/ð\u{7f} ").await;
    world.clock.advance(Duration::from_millis(250));
    let second: MessageId = world.sends(&muaddib, personal, "Hello").await.id("chatMessageId");
    let page = world.reads(&muaddib, personal, "").await.is(200);
    let rows = [
        format!(
            r#"{{"chatMessageId":"{second}","threadId":"{personal}","userId":"{}","userName":"MuadDib","messageText":"Hello","createdAt":"2025-11-24T16:00:00.250Z"}}"#,
            muaddib.id
        ),
        format!(
            r#"{{"chatMessageId":"{first}","threadId":"{personal}","userId":"{petur}","userName":"Pétur Jureksson","messageText":"Hey, \"MuadDib\"/ð\u007f","createdAt":"2025-11-24T16:00:00.000Z"}}"#
        ),
    ];
    assert_eq!(page.text(), format!(r#"{{"messages":[{}],"nextPage":null}}"#, rows.join(",")));
}

#[tokio::test]
async fn the_next_page_leads_to_the_first_message_and_misses_none() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let (sigrun, thor) = (world.sigrun().await, world.app("Thor").await);
    let thor = world.agent(&thor, sigrun, "Thor").await;
    let family = world.thread(&[petur, sigrun]).await;
    world.seat(&muaddib, family).await.created();
    world.seat(&thor, family).await.created();
    let mut expected = Vec::new();
    for n in 0..3 {
        // Two in one millisecond: their ids decide.
        expected.push(world.says(petur, family, &format!("Pétur {n}")).await);
        expected.push(world.says(sigrun, family, &format!("Sigrún {n}")).await);
        expected.push(world.sends(&thor, family, &format!("Thor {n}")).await.id("chatMessageId"));
        world.passes(1);
    }
    // The clock is set back, and what is said then still comes last.
    world.clock.set(Timestamp::from_second(NOW - 200).unwrap());
    expected.push(world.says(sigrun, family, "after all of that").await);
    assert!(expected.is_sorted());
    expected.reverse();

    for limit in 1..=expected.len() + 1 {
        let (mut read, mut pages) = (Vec::new(), 0);
        let mut next = Some(decided::read_path(family, u32::try_from(limit).unwrap()));
        while let Some(path) = next {
            let page = world.calls(&world.signed_read(&muaddib, path)).await.is(200).json();
            let rows = page["messages"].as_array().unwrap();
            assert!(!rows.is_empty() && rows.len() <= limit);
            read.extend(rows.iter().map(|row| row["chatMessageId"].as_str().unwrap().parse::<MessageId>().unwrap()));
            let oldest = read.last().unwrap();
            next = page["nextPage"].as_str().map(str::to_owned);
            if let Some(next) = &next {
                let path = format!("/api/dev/chat/thread/{family}/messages?limit={limit}&beforeId={oldest}");
                assert_eq!(*next, path);
            }
            pages += 1;
        }
        assert_eq!((&read, pages), (&expected, expected.len().div_ceil(limit)), "limit {limit}");
    }
}

#[tokio::test]
async fn fifty_messages_are_a_page_if_nothing_is_asked_for() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    for n in 0..51 {
        world.says(petur, muaddib.personal, &n.to_string()).await;
    }
    let page = world.reads(&muaddib, muaddib.personal, "").await.json();
    assert_eq!(page["messages"].as_array().unwrap().len(), 50);
    let next = page["nextPage"].as_str().unwrap();
    assert!(next.contains("?limit=50&beforeId="), "{next}");
    assert_eq!(world.texts(&muaddib, muaddib.personal).await.len(), 51);
}

#[tokio::test]
async fn who_has_left_is_still_named_beside_what_they_said() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let sigrun = world.sigrun().await;
    let thor = world.agent(&world.app("Thor").await, sigrun, "Thor").await;
    let family = world.thread(&[petur, sigrun]).await;
    world.seat(&muaddib, family).await.created();
    world.seat(&thor, family).await.created();
    world.sends(&thor, family, "Bye").await.is(200);
    world.deletes(&format!("/operator/apps/{}", thor.app)).await.is(204);
    let page = world.reads(&muaddib, family, "").await.json();
    assert_eq!(page["messages"][0]["userName"], "Thor");
}

// Refusals.

#[tokio::test]
async fn what_an_application_may_not_do_its_agents_may_not() {
    let world = World::new().await;
    let petur = world.petur().await;
    let reader = world.agent(&world.app_that_may("Reader", &["user_chats"]).await, petur, "MuadDib").await;
    let writer = world.agent(&world.app_that_may("Writer", &["post_content"]).await, petur, "Thor").await;
    world.reads(&reader, reader.personal, "").await.is(200);
    world.sends(&reader, reader.personal, "Hello").await.is_refused(403, "permission", "post_content");
    world.sends(&writer, writer.personal, "Hello").await.is(200);
    world.reads(&writer, writer.personal, "").await.is_refused(403, "permission", "user_chats");
    // A permission that is given later counts at once.
    let both = json!({ "permissions": ["user_chats", "post_content"] });
    world.patches(&format!("/operator/apps/{}", writer.app), both).await.is(200);
    assert_eq!(world.texts(&writer, writer.personal).await, ["Hello"]);
}

#[tokio::test]
async fn an_agent_neither_reads_nor_writes_where_it_does_not_sit() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let sigrun = world.sigrun().await;
    let family = world.thread(&[petur, sigrun]).await;
    world.says(sigrun, family, "a secret").await;
    for thread in [family, world.agent(&world.app("Thor").await, sigrun, "Thor").await.personal] {
        world.reads(&muaddib, thread, "").await.is_refused(403, "not_in_thread", "");
        world.sends(&muaddib, thread, "Hello").await.is_refused(403, "not_in_thread", "");
    }
    let nowhere = ThreadId::from_bytes([9; 12]);
    world.reads(&muaddib, nowhere, "").await.is_refused(404, "not_found", "threadId");
    world.sends(&muaddib, nowhere, "Hello").await.is_refused(404, "not_found", "threadId");
    // It sat there once: what was said then is closed to it too.
    world.seat(&muaddib, family).await.created();
    assert_eq!(world.texts(&muaddib, family).await, ["a secret"]);
    world.deletes(&format!("/operator/agents/{}/threads/{family}", muaddib.id)).await.is(204);
    world.reads(&muaddib, family, "").await.is_refused(403, "not_in_thread", "");
}

#[tokio::test]
async fn a_read_that_cannot_be_understood_is_refused_by_its_field() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let family = world.thread(&[petur]).await;
    let elsewhere = world.says(petur, family, "elsewhere").await;
    for (query, field) in [
        ("?limit=0".to_owned(), "limit"),
        ("?limit=101".to_owned(), "limit"),
        ("?limit=x".to_owned(), "limit"),
        ("?limit=".to_owned(), "limit"),
        ("?limit=-1".to_owned(), "limit"),
        ("?limit=4294967297".to_owned(), "limit"),
        ("?beforeId=x".to_owned(), "beforeId"),
        (format!("?beforeId={elsewhere}"), "beforeId"),
        (format!("?beforeId={}", MessageId::from_bytes([9; 12])), "beforeId"),
    ] {
        world.reads(&muaddib, muaddib.personal, &query).await.is_refused(400, "invalid", &format!("{field}: "));
    }
    for no_id in ["", "x", "607595295633495b3c80f6c", "607595295633495b3c80f6cg", "%00"] {
        world.reads(&muaddib, no_id, "").await.is_refused(400, "invalid", "threadId: ");
    }
    for limit in [1, 100] {
        world.reads(&muaddib, muaddib.personal, &format!("?limit={limit}")).await.is(200);
    }
}

#[tokio::test]
async fn a_send_that_cannot_be_understood_is_refused_by_its_field() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let long = "ð".repeat(10_001);
    for (body, words) in [
        (b"".to_vec(), "not JSON"),
        (b"Hello".to_vec(), "not JSON"),
        (b"{\"text\":\"Hello\"}}".to_vec(), "not JSON"),
        (b"{\"text\":\"\xff\"}".to_vec(), "not UTF-8"),
        (b"[]".to_vec(), "malformed"),
        (br#"{"text":"a","text":"b"}"#.to_vec(), "duplicate key `text`"),
        (br#"{"text":"a","t\u0065xt":"b"}"#.to_vec(), "duplicate key `text`"),
        (br#"{"text":"\ud800"}"#.to_vec(), "surrogate"),
        (b"{}".to_vec(), "`text`"),
        (br#"{"message":"a"}"#.to_vec(), "`text`"),
        (br#"{"text":7}"#.to_vec(), "text: "),
        (br#"{"text":null}"#.to_vec(), "text: "),
        (text(""), "text is empty"),
        (text(" \n\t "), "text is empty"),
        (text(&long), "text is longer than 10000 characters"),
    ] {
        let refused = world.calls(&world.signed(&muaddib, muaddib.personal, body)).await;
        refused.is_refused(400, "invalid", words);
    }
    let no_id = world.calls(&world.signed(&muaddib, "x", text("Hello"))).await;
    no_id.is_refused(400, "invalid", "threadId: ");
    assert_eq!(world.texts(&muaddib, muaddib.personal).await.len(), 0);

    world.sends(&muaddib, muaddib.personal, &long[2..]).await.is(200);
    let more = br#"{ "text" : " as much as there is room for ", "later": [1, {}] }"#.to_vec();
    world.calls(&world.signed(&muaddib, muaddib.personal, more)).await.is(200);
    assert_eq!(world.texts(&muaddib, muaddib.personal).await, [&long[2..], "as much as there is room for"]);
}

#[tokio::test]
async fn a_body_larger_than_256_kib_is_refused_whether_it_says_so_or_not() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let mut body = text("Hello");
    body.resize(256 * KIB, b' ');
    let full = world.signed(&muaddib, muaddib.personal, body.clone());
    body.push(b' ');
    let over = world.signed(&muaddib, muaddib.personal, body.clone());
    world.calls(&over).await.is_refused(413, "too_large", "");
    let pieces = body.chunks(KIB).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)));
    let mut streamed = over.request();
    *streamed.body_mut() = Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()));
    world.ask(streamed).await.is_refused(413, "too_large", "");
    world.calls(&full).await.is(200);
    assert_eq!(world.texts(&muaddib, muaddib.personal).await, ["Hello"]);
}

#[tokio::test]
async fn nobody_waits_for_a_body_whose_headers_are_wrong() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let signed = world.signed(&muaddib, muaddib.personal, text("Hello"));
    let never = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let with = |name: &'static str, value: Option<&str>| {
        let mut request = signed.request();
        *request.body_mut() = never();
        request.headers_mut().remove(name);
        if let Some(value) = value {
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        request
    };
    for name in ["x-app-id", "x-agent-id", "x-timestamp", "x-signature"] {
        world.ask(with(name, None)).await.is_refused(401, "header", name);
        let mut doubled = with(name, Some("0"));
        doubled.headers_mut().append(name, HeaderValue::from_static("0"));
        world.ask(doubled).await.is_refused(401, "header", name);
    }
    let shouted = muaddib.id.to_string().to_uppercase();
    world.ask(with("x-agent-id", Some(&shouted))).await.is_refused(401, "header", "x-agent-id");
    world.ask(with("x-app-id", Some("x"))).await.is_refused(401, "header", "x-app-id");
    for time in ["", "now", "-1", " 1764000000", "1764000000.0", &(NOW - 301).to_string(), &(NOW + 301).to_string()] {
        assert_eq!(world.ask(with("x-timestamp", Some(time))).await.is(401).code(), "timestamp", "{time:?}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_not_waited_for() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let mut request = world.signed(&muaddib, muaddib.personal, text("Hello")).request();
    *request.body_mut() = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let mut asking = Box::pin(world.ask(request));
    world.passes(5);
    assert!(start(&mut asking).is_pending());
    world.passes(10);
    asking.await.is_refused(408, "slow", "");
}

#[tokio::test]
async fn a_signature_is_right_or_it_is_not() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let signed = world.signed(&muaddib, muaddib.personal, text("Hello"));
    let right = signed.headers["x-signature"].to_str().unwrap().to_owned();
    let other = if right.starts_with('0') { "1" } else { "0" };
    for wrong in
        [String::new(), "00".to_owned(), format!("{other}{}", &right[1..]), format!("{right}00"), "x".repeat(64)]
    {
        let mut forged = signed.clone();
        forged.headers.insert("x-signature", wrong.parse().unwrap());
        world.calls(&forged).await.is_refused(401, "signature", "");
    }
    world.calls(&signed.clone().with_body(text("Hello!"))).await.is_refused(401, "signature", "");
    world.calls(&signed.clone().with_body(text("Hel lo"))).await.is_refused(401, "signature", "");
    // A body that nobody signed is not looked at, however wrong it is.
    world.calls(&signed.clone().with_body("Hello")).await.is_refused(401, "signature", "");
    let mut loud = signed;
    loud.headers.insert("x-signature", right.to_uppercase().parse().unwrap());
    world.calls(&loud).await.is(200);
}

#[tokio::test]
async fn who_is_not_known_is_told_which_of_the_two_it_is() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let thor = world.agent(&world.app("Thor").await, petur, "Thor").await;
    let unknown_app = Agent { app: AppId::from_bytes([9; 12]), ..muaddib.clone() };
    let unknown = Agent { id: AgentId::from_bytes([9; 12]), ..muaddib.clone() };
    let of_another = Agent { id: thor.id, ..muaddib.clone() };
    let person = Agent { id: AgentId::from_bytes(*petur.as_bytes()), ..muaddib.clone() };
    let both = |agent: Agent, code: &'static str| {
        let world = &world;
        async move {
            world.sends(&agent, agent.personal, "Hello").await.is_refused(401, code, "");
            world.reads(&agent, agent.personal, "").await.is_refused(401, code, "");
        }
    };
    both(unknown_app, "unknown_app").await;
    both(unknown, "unknown_agent").await;
    both(of_another, "unknown_agent").await;
    both(person, "unknown_agent").await;
    // Whoever lacks the key learns nothing about agents.
    let guess = Agent { key: thor.key.clone(), ..muaddib.clone() };
    both(guess, "signature").await;
    world.deletes(&format!("/operator/agents/{}", muaddib.id)).await.is(204);
    both(muaddib, "unknown_agent").await;
    world.deletes(&format!("/operator/apps/{}", thor.app)).await.is(204);
    both(thor, "unknown_app").await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_json() {
    let (world, _, muaddib) = World::with_muaddib().await;
    for path in ["/api", "/api/dev/chat", "/operator", "/operator/nothing", "/health/"] {
        world.gets(path).await.is_refused(404, "not_found", "");
    }
    for (method, path, allowed) in [
        (Method::GET, decided::send_path(muaddib.personal), "POST"),
        (Method::POST, decided::read_path(muaddib.personal, 1), "GET,HEAD"),
        (Method::DELETE, decided::read_path(muaddib.personal, 1), "GET,HEAD"),
        (Method::POST, "/health".to_owned(), "GET,HEAD"),
    ] {
        let signed = world.signs(&muaddib, method, path, Bytes::new());
        let answer = world.calls(&signed).await;
        answer.is_refused(405, "method_not_allowed", "Allow");
        assert_eq!(answer.headers["allow"], allowed);
    }
    let health = world.gets("/health").await.is(200);
    assert_eq!(health.text(), r#"{"status":"ok"}"#);
}

#[tokio::test]
async fn signed_routes_answer_under_any_name() {
    let (world, _, muaddib) = World::with_muaddib().await;
    for host in ["tunnel.example", "10.0.0.1:80", "evil.example", ""] {
        let mut send = world.signed(&muaddib, muaddib.personal, text(&format!("under {host:?}")));
        send.headers.insert("host", host.parse().unwrap());
        send.headers.insert("origin", "https://evil.example".parse().unwrap());
        world.calls(&send).await.is(200);
        let mut read = world.signed_read(&muaddib, decided::read_path(muaddib.personal, 1));
        read.headers.insert("host", host.parse().unwrap());
        world.calls(&read).await.is(200);
    }
}

// Once.

#[tokio::test]
async fn a_signed_send_is_good_for_one_message_wherever_it_goes_and_however_it_is_written() {
    let (mut world, petur, muaddib) = World::with_muaddib().await;
    let family = world.thread(&[petur]).await;
    world.seat(&muaddib, family).await.created();
    let signed = world.signed(&muaddib, muaddib.personal, text("Hello"));
    world.calls(&signed).await.is(200);
    let again: [Signed; 4] = [
        signed.clone(),
        signed.clone().at(decided::send_path(family)),
        signed.clone().with_body("{\n\t\"text\" : \"Hello\"\r\n}"),
        // It is known by what was signed, not by how the signature is spelled.
        {
            let mut shouted = signed.clone();
            let upper = shouted.headers["x-signature"].to_str().unwrap().to_uppercase();
            shouted.headers.insert("x-signature", upper.parse().unwrap());
            shouted
        },
    ];
    for replay in &again {
        world.calls(replay).await.is_refused(401, "replayed", "");
    }
    // Whether there is such a thread makes no difference to a replay.
    let nowhere = signed.clone().at(decided::send_path(ThreadId::from_bytes([9; 12])));
    world.calls(&nowhere).await.is_refused(401, "replayed", "");
    world.restarts().await;
    for replay in &again {
        world.calls(replay).await.is_refused(401, "replayed", "");
    }
    assert_eq!(world.texts(&muaddib, muaddib.personal).await, ["Hello"]);
    assert_eq!(world.texts(&muaddib, family).await.len(), 0);
    // Another second, or other words, are another request.
    world.sends(&muaddib, muaddib.personal, "Hello!").await.is(200);
    world.passes(1);
    world.sends(&muaddib, muaddib.personal, "Hello").await.is(200);
    assert_eq!(world.texts(&muaddib, muaddib.personal).await, ["Hello", "Hello!", "Hello"]);
}

#[tokio::test]
async fn two_agents_may_say_the_same_in_the_same_second() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let app = App { id: muaddib.app, key: muaddib.key.clone() };
    let other = world.agent(&app, world.sigrun().await, "MuadDib").await;
    world.sends(&muaddib, muaddib.personal, "Hello").await.is(200);
    world.sends(&other, other.personal, "Hello").await.is(200);
}

#[tokio::test]
async fn a_request_that_was_refused_can_be_made_again() {
    let (world, petur, muaddib) = World::with_muaddib().await;
    let family = world.thread(&[petur]).await;
    let signed = world.signed(&muaddib, family, text("Hello"));
    world.calls(&signed).await.is_refused(403, "not_in_thread", "");
    world.calls(&signed.clone().at(decided::send_path(ThreadId::from_bytes([9; 12])))).await.is(404);
    world.calls(&signed.clone().at("/api/dev/chat/thread/x/message")).await.is(400);
    world.seat(&muaddib, family).await.created();
    let app = format!("/operator/apps/{}", muaddib.app);
    world.patches(&app, json!({ "permissions": [] })).await.is(200);
    world.calls(&signed).await.is_refused(403, "permission", "post_content");
    world.patches(&app, json!({ "permissions": ["user_chats", "post_content"] })).await.is(200);
    world.calls(&signed).await.is(200);
    world.calls(&signed).await.is_refused(401, "replayed", "");
    assert_eq!(world.texts(&muaddib, family).await, ["Hello"]);
}

#[tokio::test]
async fn the_same_read_may_be_made_again() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let read = world.signed_read(&muaddib, decided::read_path(muaddib.personal, 1));
    for _ in 0..3 {
        world.calls(&read).await.is(200);
    }
}

#[tokio::test]
async fn a_replay_is_remembered_for_two_tolerances_and_refused_for_its_time_after_that() {
    let (mut world, _, muaddib) = World::with_muaddib().await;
    let signed = world.signed(&muaddib, muaddib.personal, text("Hello"));
    world.calls(&signed).await.is(200);
    let back = |world: &World| world.clock.set(Timestamp::from_second(NOW).unwrap());
    // To the very second, and with a clock that was ahead.
    world.passes(600);
    world.tidies_up().await;
    world.calls(&signed).await.is_refused(401, "timestamp", "");
    back(&world);
    world.calls(&signed).await.is_refused(401, "replayed", "");
    world.passes(601);
    world.tidies_up().await;
    world.calls(&signed).await.is_refused(401, "timestamp", "");
    // What is forgotten is not good again because the clock was set back.
    back(&world);
    world.calls(&signed).await.is_refused(401, "timestamp", "");
    world.restarts().await;
    world.tidies_up().await;
    world.calls(&signed).await.is_refused(401, "timestamp", "");
    // Its second is over for good; the next one is not.
    world.sends(&muaddib, muaddib.personal, "in that second").await.is_refused(401, "timestamp", "");
    world.passes(1);
    world.sends(&muaddib, muaddib.personal, "in the next").await.is(200);
    assert_eq!(world.texts(&muaddib, muaddib.personal).await, ["Hello", "in the next"]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_make_the_host_forget_sooner_or_later() {
    let (world, _, muaddib) = World::with_muaddib().await;
    let signed = world.signed(&muaddib, muaddib.personal, text("Hello"));
    world.calls(&signed).await.is(200);
    world.clock.set(Timestamp::from_second(NOW - 250).unwrap());
    world.tidies_up().await;
    world.calls(&signed).await.is_refused(401, "replayed", "");
    // Signed by the clock that was set back, and within the tolerance of both.
    let early = world.signed(&muaddib, muaddib.personal, text("early"));
    world.calls(&early).await.is(200);
    world.tidies_up().await;
    world.calls(&early).await.is_refused(401, "replayed", "");
}

#[tokio::test]
async fn a_host_without_replay_memory_takes_a_request_twice() {
    let world = World::with(|config| config.replay_memory = false).await;
    let muaddib = world.agent(&world.app("MuadDib").await, world.petur().await, "MuadDib").await;
    let signed = world.signed(&muaddib, muaddib.personal, text("Hello"));
    let first: Value = world.calls(&signed).await.is(200).json();
    let second = world.calls(&signed).await.is(200).json();
    assert_ne!(first["chatMessageId"], second["chatMessageId"]);
    assert_eq!(world.texts(&muaddib, muaddib.personal).await, ["Hello", "Hello"]);
}
