//! What comes to the door: who is let in, and what a refusal says.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use mewe_agent::Reading;

use crate::support::{Alone, KEY, NOW, signed};

const MAX_BODY: usize = 256 * 1024;

#[tokio::test]
async fn a_body_of_256_kib_is_taken_and_one_byte_more_is_too_large() {
    let app = Alone::new().await;
    let mut body = br#"{"a":""}"#.to_vec();
    let filler = vec![b'x'; MAX_BODY - body.len()];
    body.splice(6..6, filler);
    assert_eq!(app.post(signed("personal_agent_renamed", &body, Reading::Compact), body.clone()).await.0, 200);
    body.push(b' ');
    let (status, answer) = app.post(signed("personal_agent_renamed", &body, Reading::Compact), body).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (413, Some("too_large")));
}

#[tokio::test]
async fn authentic_bytes_that_are_no_json_are_invalid_and_forged_ones_are_not_authentic() {
    let app = Alone::new().await;
    for body in [&b"\xff\xfe"[..], b"the spice", b"", b"{\"a\":"] {
        for event in ["personal_chat_message", "personal_agent_renamed"] {
            let (status, answer) = app.post(signed(event, body, Reading::Compact), body).await;
            assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("invalid")), "{body:?}");
            let (status, answer) = app.post(signed(event, b"something else", Reading::Compact), body).await;
            assert_eq!((status, answer["error"]["code"].as_str()), (401, Some("signature")), "{body:?}");
        }
    }
}

#[tokio::test]
async fn an_authentic_event_without_its_fields_is_kept_aside_once() {
    let app = Alone::new().await;
    let body = br#"{"threadId":"60ffe9492f19cd2677b0e1b1","messageText":"no id"}"#;
    for _ in 0..2 {
        assert_eq!(app.post(signed("personal_chat_message", body, Reading::Compact), &body[..]).await.0, 200);
    }
    let health = app.health().await;
    assert_eq!(health["malformed"], 1, "{health}");
    assert_eq!(health["webhooks"]["duplicates"], 1, "{health}");
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_in_json() {
    let app = Alone::new().await;
    for (method, path, status, code) in [
        (Method::GET, "/", 404, "not_found"),
        (Method::POST, "/webhook/more", 404, "not_found"),
        (Method::GET, "/webhook", 405, "method_not_allowed"),
        (Method::PUT, "/webhook", 405, "method_not_allowed"),
        (Method::POST, "/health", 405, "method_not_allowed"),
    ] {
        let (found, answer) = app.ask(method.clone(), path, HeaderMap::new(), Bytes::new()).await;
        assert_eq!((found, answer["error"]["code"].as_str()), (status, Some(code)), "{method} {path}");
    }
}

#[tokio::test]
async fn a_header_that_comes_twice_is_refused_even_if_both_say_the_same() {
    let app = Alone::new().await;
    let body = br#"{"a":1}"#;
    let good = signed("personal_agent_renamed", body, Reading::Compact);
    for name in ["x-event", "x-agent-id", "x-timestamp", "x-signature"] {
        let mut headers = good.clone();
        headers.append(name, good[name].clone());
        let (status, answer) = app.post(headers, &body[..]).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (401, Some("header")), "{name}");
    }
    assert_eq!(app.post(good, &body[..]).await.0, 200);
}

#[tokio::test]
async fn a_refusal_tells_the_caller_nothing_and_health_what_would_match() {
    let app = Alone::new().await;
    let body = b"{ \"a\": 1 }";
    let (status, answer) = app.post(signed("personal_agent_renamed", body, Reading::Raw), &body[..]).await;
    assert_eq!(status, 401);
    let words = answer.to_string();
    assert!(!words.contains("raw") && !words.contains("expected"), "{words}");
    let refused = app.health().await["webhooks"]["refused"].clone();
    let [(cause, count)] = refused.as_object().unwrap().iter().collect::<Vec<_>>()[..] else { panic!("{refused}") };
    assert!(cause.contains("signature.payload = raw would match"), "{cause}");
    assert_eq!(count, 1);

    let reads_raw = Alone::with(KEY, NOW, Reading::Raw, |app| app).await;
    assert_eq!(reads_raw.post(signed("personal_agent_renamed", body, Reading::Raw), &body[..]).await.0, 200);
}

#[tokio::test]
async fn headers_are_judged_before_the_body_is_read() {
    let app = Alone::new().await;
    let large = vec![b' '; MAX_BODY + 1];
    let mut headers = signed("personal_agent_renamed", &large, Reading::Compact);
    headers.insert("x-agent-id", HeaderValue::from_static("nobody"));
    let (status, answer) = app.post(headers, large).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (401, Some("header")));
}

#[tokio::test]
async fn what_is_forged_and_late_is_refused_for_being_late() {
    let app = Alone::with(KEY, NOW + 301, Reading::Compact, |app| app).await;
    let (status, answer) = app.post(signed("personal_agent_renamed", b"{}", Reading::Compact), &b"[]"[..]).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (401, Some("timestamp")));
}

#[tokio::test]
async fn what_is_late_is_refused_before_its_body_is_there_and_counted_for_the_clock_if_it_is_that_alone() {
    let app = Alone::with(KEY, NOW + 301, Reading::Compact, |app| app).await;
    let body = br#"{"a":1}"#;
    let never = axum::body::Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let (status, answer) =
        app.ask(Method::POST, "/webhook", signed("personal_agent_renamed", body, Reading::Compact), never).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (401, Some("timestamp")));
    app.post(signed("personal_agent_renamed", body, Reading::Compact), &body[..]).await;
    // It is counted beside the answer.
    for _ in 0..100 {
        let refused = app.health().await["webhooks"]["refused"].clone();
        if refused["timestamp: the signature would match if the clocks agreed"] == 1 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{}", app.health().await);
}
