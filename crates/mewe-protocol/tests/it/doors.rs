//! What is refused, under which word, and what a refusal gives away.

use http::{HeaderMap, HeaderName, HeaderValue};
use mewe_protocol::{ApiKey, Reading, Refusal, UnixSeconds, decided, request, webhook};

use crate::support::{AGENT, APP, NOW, key, request_headers, verify_request, verify_webhook, webhook_headers};

const BODY: &[u8] = b"{}";

/// The word under which a webhook is refused whose header `name` is `value` instead.
fn webhook_with(name: &'static str, value: &[u8]) -> String {
    let mut headers = webhook_headers(BODY, Reading::Compact);
    headers.insert(name, HeaderValue::from_bytes(value).unwrap());
    verify_webhook(&headers, BODY, Reading::Compact).map_or_else(|refusal| refusal.to_string(), |_| "accepted".into())
}

fn request_with(name: &'static str, value: &[u8]) -> String {
    let mut headers = request_headers(BODY, Reading::Compact);
    headers.insert(name, HeaderValue::from_bytes(value).unwrap());
    verify_request(&headers, BODY, Reading::Compact).map_or_else(|refusal| refusal.to_string(), |_| "accepted".into())
}

#[test]
fn a_malformed_id_or_event_name_is_refused_as_header() {
    let no_ids: [&[u8]; 7] = [
        b"",
        b"0202020202020202020202",
        b"02020202020202020202020202",
        b"0202020202020202020202AB",
        b"02020202020202020202020g",
        b" 020202020202020202020202",
        "02020202020202020202020é".as_bytes(),
    ];
    for no_id in no_ids {
        assert_eq!(webhook_with("x-agent-id", no_id), "header");
        assert_eq!(request_with("x-agent-id", no_id), "header");
        assert_eq!(request_with("x-app-id", no_id), "header");
    }
    let long = "e".repeat(65);
    for no_name in ["", "Personal", "a-b", "a:b", "a b", "é", &long] {
        assert_eq!(webhook_with("x-event", no_name.as_bytes()), "header", "{no_name}");
    }
    assert_eq!(webhook_with("x-event", b"group_2_post"), "signature", "this is a name");
    assert_eq!(webhook_with("x-event", "e".repeat(64).as_bytes()), "signature", "64 characters are a name");
}

#[test]
fn an_absent_or_doubled_header_is_refused_as_header_and_named() {
    for name in ["x-event", "x-agent-id", "x-timestamp", "x-signature"] {
        let whole = webhook_headers(BODY, Reading::Compact);
        let (mut absent, mut doubled) = (whole.clone(), whole.clone());
        absent.remove(name);
        doubled.append(HeaderName::from_static(name), whole[name].clone());
        for (headers, fault) in [(absent, "absent"), (doubled, "doubled")] {
            let refusal = webhook::Unverified::from_headers(&headers).unwrap_err();
            assert_eq!(refusal.to_string(), "header");
            assert_eq!(refusal.detail(), format!("header {name} is {fault}"));
        }
    }
    for name in ["x-app-id", "x-agent-id", "x-timestamp", "x-signature"] {
        let whole = request_headers(BODY, Reading::Compact);
        let (mut absent, mut doubled) = (whole.clone(), whole.clone());
        absent.remove(name);
        doubled.append(HeaderName::from_static(name), whole[name].clone());
        for headers in [absent, doubled] {
            assert!(
                matches!(request::Unverified::from_headers(&headers), Err(Refusal::Header { name: n, .. }) if n == name)
            );
        }
    }
}

#[test]
fn a_time_that_is_no_plain_number_is_refused_as_timestamp() {
    let no_times: [&[u8]; 10] = [
        b"",
        b" ",
        b"+1764000000",
        b"-1",
        b"1764000000.0",
        b"1.764e9",
        b"1764000000 ",
        b"0x69243400",
        b"18446744073709551616",
        "１７６４００００００".as_bytes(),
    ];
    for no_time in no_times {
        assert_eq!(webhook_with("x-timestamp", no_time), "timestamp", "{no_time:?}");
        assert_eq!(request_with("x-timestamp", no_time), "timestamp", "{no_time:?}");
    }
}

#[test]
fn a_signature_that_is_not_64_hex_digits_is_refused_as_signature() {
    let good = webhook_headers(BODY, Reading::Compact)["x-signature"].to_str().unwrap().to_owned();
    let longer = format!("{good}00");
    let prefixed = format!("0x{}", &good[2..]);
    let no_signatures: [&[u8]; 6] =
        [b"", &good.as_bytes()[..62], longer.as_bytes(), prefixed.as_bytes(), b"\xff", "é".as_bytes()];
    for no_signature in no_signatures {
        assert_eq!(webhook_with("x-signature", no_signature), "signature");
    }
    for too_few in ["", "00", &"00".repeat(31)] {
        assert!(too_few.parse::<mewe_protocol::Signature>().is_err(), "the bytes that are missing are not zero");
    }
    assert_eq!(webhook_with("x-signature", good.to_ascii_uppercase().as_bytes()), "accepted");
}

#[test]
fn what_is_wrong_twice_is_refused_for_what_is_looked_at_first() {
    let mut headers = webhook_headers(BODY, Reading::Compact);
    headers.insert("x-signature", HeaderValue::from_static("00"));
    headers.insert("x-timestamp", HeaderValue::from_static("1"));
    assert_eq!(verify_webhook(&headers, BODY, Reading::Compact).unwrap_err(), Refusal::Timestamp);
    headers.remove("x-event");
    assert!(matches!(verify_webhook(&headers, BODY, Reading::Compact), Err(Refusal::Header { .. })));
}

#[test]
fn the_tolerance_counts_both_ways_and_its_edge_is_in() {
    let unverified = webhook::Unverified::from_headers(&webhook_headers(BODY, Reading::Compact)).unwrap();
    for (now, fits) in [(NOW.0 - 301, false), (NOW.0 - 300, true), (NOW.0 + 300, true), (NOW.0 + 301, false)] {
        let checked = unverified.check_timestamp(UnixSeconds(now), decided::TOLERANCE_SECONDS);
        assert_eq!(checked.is_ok(), fits, "{now}");
        let verified = unverified.clone().verify(BODY.into(), &[key()], Reading::Compact, 300, UnixSeconds(now));
        assert_eq!(verified.is_ok(), fits, "{now}");
    }
}

#[test]
fn leading_zeros_of_a_time_are_signed_as_they_came() {
    let mut headers = webhook_headers(BODY, Reading::Compact);
    headers.insert("x-timestamp", HeaderValue::from_static("001764000000"));
    assert_eq!(verify_webhook(&headers, BODY, Reading::Compact).unwrap_err(), Refusal::Signature);

    // Made outside, over `001764000000:{agent}:personal_chat_message:{}` under the key of these tests.
    let zeros = "fbb1af8575f57d4411c2269f2d2d60377fe7ba39312a3506b147454ea15d7de7";
    headers.insert("x-signature", HeaderValue::from_static(zeros));
    let verified = verify_webhook(&headers, BODY, Reading::Compact).unwrap();
    assert_eq!(verified.sent_at(), NOW, "the number is the same");
}

#[test]
fn any_of_the_keys_verifies_and_none_does_without_one() {
    let headers = webhook_headers(BODY, Reading::Compact);
    let verify = |keys: &[ApiKey]| {
        webhook::Unverified::from_headers(&headers).unwrap().verify(BODY.into(), keys, Reading::Compact, 300, NOW)
    };
    let other = ApiKey::new("another key").unwrap();
    assert!(verify(&[other.clone(), key()]).is_ok());
    assert!(verify(&[key(), other.clone()]).is_ok());
    assert_eq!(verify(&[other]).unwrap_err(), Refusal::Signature);
    assert_eq!(verify(&[]).unwrap_err(), Refusal::Signature);
}

#[test]
fn a_request_is_no_webhook_and_a_webhook_no_request() {
    let mut headers = webhook_headers(BODY, Reading::Compact);
    headers.insert("x-app-id", HeaderValue::from_str(&APP.to_string()).unwrap());
    assert_eq!(verify_request(&headers, BODY, Reading::Compact).unwrap_err(), Refusal::Signature);
    let mut headers = request_headers(BODY, Reading::Compact);
    headers.insert("x-event", HeaderValue::from_static("personal_chat_message"));
    assert_eq!(verify_webhook(&headers, BODY, Reading::Compact).unwrap_err(), Refusal::Signature);
}

#[test]
fn each_reading_verifies_what_it_signed_and_only_that() {
    let body = br#"{ "messageText": "a b" }"#;
    for signed in Reading::ALL {
        for read in Reading::ALL {
            let verified = verify_request(&request_headers(body, signed), body, read);
            assert_eq!(verified.is_ok(), signed == read, "signed {signed}, read {read}");
        }
    }
    let base = |reading| String::from_utf8(request::base(APP, AGENT, NOW, body, reading)).unwrap();
    let start = format!("{APP}:{AGENT}:1764000000:");
    assert_eq!(base(Reading::Compact), format!(r#"{start}{{"messageText":"a b"}}"#));
    assert_eq!(base(Reading::Raw), format!(r#"{start}{{ "messageText": "a b" }}"#));
    assert_eq!(base(Reading::Stripped), format!(r#"{start}{{"messageText":"ab"}}"#));
}

#[test]
fn a_reading_has_the_name_of_its_configuration() {
    for reading in Reading::ALL {
        assert_eq!(reading.to_string().parse(), Ok(reading));
        assert_eq!(mewe_protocol::json::print(&reading), format!("\"{reading}\"").as_bytes());
    }
    assert_eq!(Reading::default(), Reading::Compact);
    assert!("Compact".parse::<Reading>().is_err());
}

#[test]
fn explaining_names_the_reading_the_key_and_the_clock_that_would_match() {
    let keys = [ApiKey::new("another key").unwrap(), key()];
    let body = br#"{ "messageText": "a b" }"#;
    for reading in Reading::ALL {
        let unverified = webhook::Unverified::from_headers(&webhook_headers(body, reading)).unwrap();
        for (off, shift) in [(0, None), (300, None), (3600, Some(-3600)), (-3600, Some(3600))] {
            let now = UnixSeconds(NOW.0.checked_add_signed(off).unwrap());
            let explained = unverified.explain(body, &keys, 300, now);
            assert_eq!(explained.len(), 6, "three readings under two keys");
            let matching: Vec<_> = explained.iter().filter(|e| e.matches).collect();
            assert_eq!(matching.len(), 1);
            assert_eq!((matching[0].reading, matching[0].key, matching[0].shift), (reading, 1, shift));
        }
    }
    let forged = webhook::Unverified::from_headers(&webhook_headers(b"[]", Reading::Compact)).unwrap();
    assert!(forged.explain(body, &keys, 300, NOW).iter().all(|e| !e.matches));
}

#[test]
fn the_headers_are_printed_as_the_page_names_them() {
    let names = |lines: Vec<String>| -> Vec<String> {
        lines.iter().map(|line| line.split_once(": ").unwrap().0.to_owned()).collect()
    };
    let event = "personal_chat_message".parse().unwrap();
    let webhook = webhook::sign(&key(), &event, AGENT, NOW, BODY, Reading::Compact);
    assert_eq!(names(webhook.lines()), ["X-Event", "X-Agent-Id", "X-Timestamp", "X-Signature"]);
    let request = request::sign(&key(), APP, AGENT, NOW, BODY, Reading::Compact);
    assert_eq!(names(request.lines()), ["X-App-Id", "X-Agent-Id", "X-Timestamp", "X-Signature"]);
    assert_eq!(request.lines()[2], "X-Timestamp: 1764000000");
    assert_eq!(request.iter().count(), 4);
}

#[test]
fn a_signature_is_not_in_what_is_printed_for_debugging() {
    let mut headers = HeaderMap::new();
    let event = "personal_chat_message".parse().unwrap();
    let signed = webhook::sign(&key(), &event, AGENT, NOW, BODY, Reading::Compact);
    signed.apply(&mut headers);
    let hex = headers["x-signature"].to_str().unwrap().to_owned();
    let unverified = webhook::Unverified::from_headers(&headers).unwrap();
    let signature: mewe_protocol::Signature = hex.parse().unwrap();
    let printed = format!("{signed:?} {headers:?} {unverified:?} {signature:?}");
    assert!(!printed.contains(&hex) && !printed.contains(&hex[8..60]), "{printed}");
    assert_eq!(signature.masked(), format!("{} •••• {}", &hex[..8], &hex[60..]));
    assert_eq!(signature.to_string(), hex);
}

#[test]
fn a_request_is_known_by_its_compact_body_and_not_by_its_signature() {
    let (compact, pretty) = (br#"{"text":"hi"}"#, br#"{ "text": "hi" }"#);
    let verified = verify_request(&request_headers(compact, Reading::Compact), pretty, Reading::Compact).unwrap();
    assert_eq!(verified.body_hash, request::body_hash(compact));
    assert_ne!(verified.body_hash, request::body_hash(br#"{"text":"h i"}"#));
    assert_eq!((verified.app_id, verified.agent_id, verified.timestamp), (APP, AGENT, NOW));
}

#[test]
fn a_get_signs_the_empty_payload() {
    assert!(request::base(APP, AGENT, NOW, b"", Reading::Compact).ends_with(b":1764000000:"));
    assert!(verify_request(&request_headers(b"", Reading::Compact), b"", Reading::Compact).is_ok());
}
