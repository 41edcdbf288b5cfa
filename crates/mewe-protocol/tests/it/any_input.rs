//! What must hold for every input.

use http::HeaderMap;
use mewe_protocol::{
    AgentId, ApiKey, AppId, MessageText, Payload, Reading, UnixSeconds, UserId, json, mention, message, request,
    webhook,
};
use proptest::{collection::vec, prelude::*};
use serde_json::Value;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[\\x00-\\x1f\\x7f-\\x9f\"\\\\/ ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The same value with white space wherever it means nothing.
fn indent(compact: &[u8], spaces: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut in_string, mut escaped, mut n) = (false, false, 0);
    let mut space = |out: &mut Vec<u8>| {
        out.push(spaces[n % spaces.len()]);
        n += 1;
    };
    for &byte in compact {
        let structural = !in_string && matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',');
        if structural {
            space(&mut out);
        }
        out.push(byte);
        if structural {
            space(&mut out);
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ => {}
        }
    }
    out
}

fn key() -> ApiKey {
    ApiKey::new("k3y-0nly-for-tests-Ætt-42").unwrap()
}

proptest! {
    #[test]
    fn any_value_verifies_after_any_indentation(value in any_json(), spaces in vec(prop::sample::select(&b" \t\r\n"[..]), 1..5)) {
        let printed = json::print(&value);
        prop_assert_eq!(&*json::compact(&printed), &printed[..], "what we print is compact");
        let (app, agent) = (AppId::from_bytes([1; 12]), AgentId::from_bytes([2; 12]));
        let mut headers = HeaderMap::new();
        request::sign(&key(), app, agent, UnixSeconds(1000), &printed, Reading::Compact).apply(&mut headers);
        let pretty = indent(&printed, &spaces);
        let verified = request::Unverified::from_headers(&headers).unwrap().verify(&pretty, &key(), Reading::Compact, 300, UnixSeconds(1000)).unwrap();
        prop_assert_eq!(verified.body_hash, request::body_hash(&printed));
        let mut raw = HeaderMap::new();
        request::sign(&key(), app, agent, UnixSeconds(1000), &printed, Reading::Raw).apply(&mut raw);
        prop_assert_eq!(headers, raw, "compact and raw give one signature for what we print");
        prop_assert_eq!(json::read::<Value>(&pretty).unwrap(), value);
    }

    #[test]
    fn any_flipped_bit_is_rejected(body in "\\PC{1,40}", at: prop::sample::Index, bit in 0u8..8, part in 0usize..5) {
        let body = json::print(&body);
        let agent = AgentId::from_bytes([2; 12]);
        let event = "personal_chat_message".parse().unwrap();
        let now = UnixSeconds(1_764_000_000);
        let mut headers = HeaderMap::new();
        webhook::sign(&key(), &event, agent, now, &body, Reading::Compact).apply(&mut headers);
        let mut bytes = body.clone();
        let flip = |bytes: &mut [u8]| { let i = at.index(bytes.len()); bytes[i] ^= 1 << bit; };
        let names = ["x-event", "x-agent-id", "x-timestamp", "x-signature"];
        if let Some(name) = names.get(part) {
            let before = headers[*name].clone();
            let mut value = before.as_bytes().to_vec();
            flip(&mut value);
            let Ok(after) = http::HeaderValue::from_bytes(&value) else { return Ok(()) };
            // The signature's hex may be in either case: that flip changes nothing.
            prop_assume!(*name != "x-signature" || !value.eq_ignore_ascii_case(before.as_bytes()));
            headers.insert(*name, after);
        } else {
            flip(&mut bytes);
            prop_assume!(json::compact(&bytes) != json::compact(&body));
        }
        let refused = webhook::Unverified::from_headers(&headers)
            .and_then(|u| u.verify(bytes.into(), &[key()], Reading::Compact, 300, now));
        prop_assert!(refused.is_err());
    }

    #[test]
    fn a_mention_is_parsed_as_it_was_rendered(id: [u8; 12], name in "[^{}\r\n]{0,20}", lead in "[^{}\u{feff}@]{0,10}", tail in "[^{}\u{feff}]{0,10}", dressed: bool) {
        let user = UserId::from_bytes(id);
        let mark = mention::render(user, &name);
        let dressed_mark = if dressed { format!("\u{feff}@{mark}\u{feff}") } else { mark };
        let text = format!("{lead}{dressed_mark}{tail}");
        let found: Vec<_> = mention::segments(&text).filter(|s| matches!(s, mention::Segment::Mention { .. })).collect();
        prop_assert_eq!(found, vec![mention::Segment::Mention { user, name: &name, source: &dressed_mark }]);
        prop_assert!(mention::mentions(&text, user));
        prop_assert_eq!(mention::plain(&text), format!("{lead}{name}{tail}"));
    }

    #[test]
    fn the_parts_of_a_text_make_it_up_and_plain_mentions_nobody(text in "(\\{\\{u_|\\{|\\}|625568bf663e8f63481b04ab|u_|@|\u{feff}|[a-z\n]){0,24}") {
        let whole: String = mention::segments(&text).map(|s| s.source().to_owned()).collect();
        prop_assert_eq!(&whole, &text);
        let is_plain = mention::segments(&mention::plain(&text)).all(|s| matches!(s, mention::Segment::Text(_)));
        prop_assert!(is_plain);
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
        let _ = json::compact(&bytes);
        let _ = json::stripped(&bytes);
        let _ = json::check(&bytes);
        let _ = message::ReadSent::from_body(&bytes);
        let _ = message::ReadPage::from_body(&bytes);
        for name in Payload::NAMES.iter().chain(&["personal_agent_renamed"]) {
            let _ = Payload::decode(&name.parse().unwrap(), &bytes);
        }
        let mut headers = HeaderMap::new();
        for name in ["x-event", "x-agent-id", "x-app-id", "x-timestamp", "x-signature"] {
            if let Ok(value) = http::HeaderValue::from_bytes(&bytes) { headers.append(name, value); }
        }
        let _ = webhook::Unverified::from_headers(&headers);
        let _ = request::Unverified::from_headers(&headers);
        let _ = text.parse::<AgentId>();
        let _ = text.parse::<MessageText>();
        let _ = text.parse::<mewe_protocol::EventName>();
        let _ = text.parse::<mewe_protocol::Signature>();
        let _ = mention::plain(&text);
    }

    /// Nearly JSON: the characters that matter, in any order.
    #[test]
    fn the_strict_reader_accepts_nothing_that_serde_json_does_not(text in "([\\[\\]{},:\" ]|true|null|-|[0-9.eE+]|\\\\u[dD][89cC]00|\\\\n|a){0,14}") {
        let serde = text.parse::<Value>();
        match json::check(text.as_bytes()) {
            Ok(()) => prop_assert!(serde.is_ok(), "{text}"),
            Err(json::ReadError::NotJson(_)) => prop_assert!(serde.is_err() || serde_refuses_range(&text), "{text}"),
            Err(json::ReadError::Malformed(_)) => {}
        }
    }
}

fn serde_refuses_range(_: &str) -> bool {
    false
}

#[test]
fn what_two_readers_could_understand_differently_is_malformed() {
    let malformed = |text: &str| matches!(json::check(text.as_bytes()), Err(json::ReadError::Malformed(_)));
    assert!(malformed(r#"{"a":1,"a":2}"#));
    assert!(malformed(r#"{"a":1,"\u0061":2}"#));
    assert!(malformed(r#"["\ud800"]"#));
    assert!(malformed(r#"["\ud800\u0041"]"#));
    assert!(malformed(r#"["\udc00"]"#));
    assert!(malformed(&format!("{}{}", "[".repeat(65), "]".repeat(65))));
    assert!(!malformed(&format!("{}{}", "[".repeat(64), "]".repeat(64))));
    assert!(!malformed(r#"{"a":{"a":1},"b":[{"a":1},{"a":2}],"c":1e999,"d":"\ud83d\ude00"}"#));
    for no_json in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\"}",
        "01",
        "1.",
        "\u{feff}{}",
        "{} {}",
        "'a'",
        "[1 2]",
        "\"\t\"",
        "\"\\x\"",
        "nul",
        "-",
    ] {
        assert!(matches!(json::check(no_json.as_bytes()), Err(json::ReadError::NotJson(_))), "{no_json}");
    }
    assert!(matches!(json::check(b"\"\xff\""), Err(json::ReadError::NotJson(_))));
}

#[test]
fn a_million_brackets_and_twenty_thousand_keys_take_no_stack() {
    assert!(json::check("[".repeat(1_000_000).as_bytes()).is_err());
    let keys: Vec<String> = (0..20_000).map(|n| format!("\"k{n}\":{n}")).collect();
    assert!(json::check(format!("{{{}}}", keys.join(",")).as_bytes()).is_ok());
}

#[test]
fn control_characters_are_printed_as_the_service_prints_them() {
    let printed = json::print("\u{8}\u{c}\n\r\t\u{1}\u{7f}\u{9f}\u{a0}/\"\\é");
    assert_eq!(String::from_utf8(printed).unwrap(), "\"\\b\\f\\n\\r\\t\\u0001\\u007f\\u009f\u{a0}/\\\"\\\\é\"");
}
