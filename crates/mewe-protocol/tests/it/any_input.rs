//! What must hold for every input.

use http::{HeaderMap, HeaderValue};
use mewe_protocol::{
    AgentId, EventName, MessageText, Payload, Reading, Refusal, Signature, UserId, json, mention, message, request,
    webhook,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use crate::support::{AGENT, request_headers, verify_request, verify_webhook, webhook_headers};

/// Any value that survives printing and reading (a float need not, to the last bit).
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[\\x00-\\x1f\\x7f-\\x9f\"\\\\/ ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let key = prop_oneof!["\\PC{0,6}", "[\\x00-\\x1f\\x7f-\\x9f\"\\\\ ]{0,3}"];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The tokens of any JSON text, in spellings that a tree would not keep. Side by side they are the compact text.
fn any_tokens() -> impl Strategy<Value = Vec<String>> {
    let string = "\"( |[^\"\\\\\\x00-\\x1f]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,6}\"";
    let leaf = prop_oneof![
        select(&["null", "true", "false", "-0", "1e2", "1E+999", "0.10"][..]).prop_map(str::to_owned),
        "-?[1-9][0-9]{0,24}(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        string,
    ];
    leaf.prop_map(|leaf| vec![leaf]).prop_recursive(5, 40, 5, move |inner| {
        let array = vec(inner.clone(), 0..5).prop_map(|items| wrapped("[", items, "]"));
        let entry = (string, inner).prop_map(|(key, value)| [vec![key, ":".to_owned()], value].concat());
        prop_oneof![array, vec(entry, 0..5).prop_map(|entries| wrapped("{", entries, "}"))]
    })
}

fn wrapped(open: &str, items: Vec<Vec<String>>, close: &str) -> Vec<String> {
    let mut tokens = vec![open.to_owned()];
    for (at, item) in items.into_iter().enumerate() {
        tokens.extend((at > 0).then(|| ",".to_owned()));
        tokens.extend(item);
    }
    tokens.push(close.to_owned());
    tokens
}

/// The characters that matter to JSON, in any order: seldom JSON, and often nearly.
const NEARLY_JSON: &str =
    "([\\[\\]{},:\" ]|\"a\":|\"\\\\u0061\":|true|null|-|[0-9.eE+]|\\\\u[dD][89cC]00|\\\\n|a|é|\t){0,16}";

/// Text with all that could be taken for a part of a mention.
const NEARLY_MENTIONS: &str =
    "(\\{\\{u_|\\{|\\}|625568bf663e8f63481b04ab|\\{\\{u_625568bf663e8f63481b04ab\\}|u_|@|\u{feff}|[a-zé\n]){0,24}";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_verifies_after_any_indentation(tokens in any_tokens(), spaces in vec("[ \t\r\n]{0,3}", 1..5)) {
        let compact = tokens.concat();
        let mut spaces = spaces.iter().cycle();
        let mut indented: String = tokens.iter().flat_map(|token| [spaces.next().unwrap().as_str(), token]).collect();
        indented.push_str(spaces.next().unwrap());

        prop_assert_eq!(&*json::compact(indented.as_bytes()), compact.as_bytes());
        let signed = request_headers(compact.as_bytes(), Reading::Compact);
        let verified = verify_request(&signed, indented.as_bytes(), Reading::Compact).unwrap();
        prop_assert_eq!(verified.body_hash, request::body_hash(compact.as_bytes()));
        let signed = webhook_headers(indented.as_bytes(), Reading::Compact);
        verify_webhook(&signed, compact.as_bytes(), Reading::Compact).unwrap();
    }

    #[test]
    fn what_we_print_is_compact_and_reads_as_it_was(value in any_value()) {
        let printed = json::print(&value);
        prop_assert_eq!(&*json::compact(&printed), &printed[..]);
        prop_assert_eq!(
            request_headers(&printed, Reading::Compact),
            request_headers(&printed, Reading::Raw),
            "two readings, one signature"
        );
        prop_assert_eq!(json::read::<Value>(&printed).unwrap(), value);
        let control = |c: char| c.is_control();
        prop_assert!(!String::from_utf8(printed).unwrap().contains(control));
    }

    #[test]
    fn any_flipped_bit_of_what_is_signed_is_rejected(body in "\\PC{1,40}", at: prop::sample::Index, bit in 0u8..8) {
        let body = json::print(&body);
        let flipped = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            bytes
        };
        // None where it is no header value any more, and so cannot arrive.
        let with_flipped = |headers: &HeaderMap, name| {
            let value = HeaderValue::from_bytes(&flipped(headers[name].as_bytes())).ok()?;
            let mut headers = headers.clone();
            headers.insert(name, value);
            Some(headers)
        };
        let webhook = webhook_headers(&body, Reading::Compact);
        for name in ["x-event", "x-agent-id", "x-timestamp"] {
            let refused = |headers: HeaderMap| verify_webhook(&headers, &body, Reading::Compact).is_err();
            prop_assert!(with_flipped(&webhook, name).is_none_or(refused), "{name}");
        }
        let request = request_headers(&body, Reading::Compact);
        for name in ["x-app-id", "x-agent-id", "x-timestamp"] {
            let refused = |headers: HeaderMap| verify_request(&headers, &body, Reading::Compact).is_err();
            prop_assert!(with_flipped(&request, name).is_none_or(refused), "{name}");
        }
        let other = flipped(&body);
        if json::compact(&other) != json::compact(&body) {
            prop_assert!(verify_webhook(&webhook, &other, Reading::Compact).is_err());
            prop_assert!(verify_request(&request, &other, Reading::Compact).is_err());
        }
    }

    #[test]
    fn a_mention_is_parsed_as_it_was_rendered(
        id: [u8; 12],
        name in "[^{}\r\n]{0,20}",
        lead in "[^{}\u{feff}@]{0,10}",
        tail in "[^{}\u{feff}]{0,10}",
        dressed: bool,
    ) {
        let user = UserId::from_bytes(id);
        let mark = mention::render(user, &name);
        let source = if dressed { format!("\u{feff}@{mark}\u{feff}") } else { mark };
        let text = format!("{lead}{source}{tail}");
        let found: Vec<_> = mention::segments(&text).filter(|s| matches!(s, mention::Segment::Mention { .. })).collect();
        prop_assert_eq!(found, vec![mention::Segment::Mention { user, name: &name, source: &source }]);
        prop_assert!(mention::mentions(&text, user));
        prop_assert_eq!(mention::plain(&text), format!("{lead}{name}{tail}"));
    }

    #[test]
    fn the_parts_of_a_text_make_it_up_and_plain_mentions_nobody(text in NEARLY_MENTIONS) {
        let whole: String = mention::segments(&text).map(|segment| segment.source().to_owned()).collect();
        prop_assert_eq!(&whole, &text);
        let plain = mention::plain(&text);
        prop_assert!(mention::segments(&plain).all(|segment| matches!(segment, mention::Segment::Text(_))));
        prop_assert_eq!(&mention::plain(&plain), &plain);
    }

    #[test]
    fn any_name_is_rendered_so_that_it_is_one_mention_of_that_user(id: [u8; 12], name in NEARLY_MENTIONS) {
        let user = UserId::from_bytes(id);
        let rendered = mention::render(user, &name);
        let segments: Vec<_> = mention::segments(&rendered).collect();
        prop_assert!(matches!(segments[..], [mention::Segment::Mention { user: found, .. }] if found == user), "{rendered}");
    }

    #[test]
    fn compacting_is_what_a_byte_by_byte_reader_would_keep(bytes in vec(prop_oneof![select(&b"\" \\\n{}a"[..]), any::<u8>()], 0..60)) {
        let (mut in_string, mut escaped) = (false, false);
        let kept: Vec<u8> = bytes.iter().copied().filter(|byte| {
            let keep = in_string || !matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            if !escaped && *byte == b'"' { in_string = !in_string }
            escaped = in_string && !escaped && *byte == b'\\';
            keep
        }).collect();
        let compact = json::compact(&bytes).into_owned();
        prop_assert_eq!(&compact, &kept);
        prop_assert_eq!(&*json::compact(&compact), &compact[..]);
        prop_assert!(json::Compact::new(&bytes).all(|piece| !piece.is_empty()));
        let raw = request_headers(&compact, Reading::Raw);
        verify_request(&raw, &bytes, Reading::Compact).unwrap();
        let stripped = request_headers(&json::stripped(&bytes), Reading::Raw);
        verify_request(&stripped, &bytes, Reading::Stripped).unwrap();
    }

    #[test]
    fn the_strict_reader_calls_json_what_serde_json_calls_json(text in prop_oneof![NEARLY_JSON, any_tokens().prop_map(|t| t.concat())], cut: prop::sample::Index) {
        for text in [&text[..], text.get(..cut.index(text.len() + 1)).unwrap_or("")] {
            let is_json = strictly::<IgnoredAny>(text).is_ok();
            match json::check(text.as_bytes()) {
                Ok(()) => prop_assert!(is_json && unambiguous(text), "{text}"),
                Err(json::ReadError::Malformed(_)) => prop_assert!(is_json && !unambiguous(text), "{text}"),
                Err(json::ReadError::NotJson(_)) => prop_assert!(!is_json, "{text}"),
            }
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop_oneof![vec(any::<u8>(), 0..200), NEARLY_JSON.prop_map(String::into_bytes)], text in "\\PC{0,60}") {
        let _ = (json::compact(&bytes), json::stripped(&bytes));
        let _ = (json::check(&bytes), json::read::<Value>(&bytes), json::read::<message::SendMessage>(&bytes));
        let _ = (message::ReadSent::from_body(&bytes), message::ReadPage::from_body(&bytes));
        let _ = json::read::<mewe_protocol::error::ErrorBody>(&bytes);
        for name in Payload::NAMES.iter().chain(&["personal_agent_renamed"]) {
            let _ = Payload::decode(&name.parse().unwrap(), &bytes);
        }
        for text in [&text[..], &String::from_utf8_lossy(&bytes)] {
            let _ = (text.parse::<AgentId>(), text.parse::<EventName>(), text.parse::<Signature>(), text.parse::<Reading>());
            let _ = text.parse::<MessageText>();
            let _ = (mention::plain(text), mention::mentions(text, AGENT.into()), mention::render(AGENT.into(), text));
        }
    }

    #[test]
    fn no_header_makes_a_door_panic(values in vec(vec(any::<u8>(), 0..40), 5), good in 0usize..5) {
        let mut headers = HeaderMap::new();
        for (name, value) in ["x-event", "x-agent-id", "x-app-id", "x-timestamp", "x-signature"].into_iter().zip(&values) {
            if let Ok(value) = HeaderValue::from_bytes(value) { headers.append(name, value); }
        }
        // One or the other is in order, so that what lies behind it is reached.
        for (at, (name, value)) in (&webhook_headers(b"{}", Reading::Compact)).into_iter().enumerate() {
            if at != good { headers.insert(name, value.clone()); }
        }
        if let Ok(unverified) = webhook::Unverified::from_headers(&headers) {
            let _ = unverified.explain(b"{}", &[crate::support::key()], 300, crate::support::NOW);
        }
        let _ = verify_webhook(&headers, b"{}", Reading::Compact);
        let _ = verify_request(&headers, b"{}", Reading::Compact);
    }

    #[test]
    fn a_page_of_odd_fields_is_read_as_far_as_it_goes(fields in vec(any_tokens().prop_map(|t| t.concat()), 8), number: i64) {
        let names = ["chatMessageId", "id", "userId", "userName", "messageText", "createdAt", "date", "text"];
        let row: Vec<String> = names.iter().zip(&fields).map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let good = format!(r#"{{"id":"60ffe9492f19cd2677b0e2a2","userId":"607595295635495b3c80f6cd","createdAt":{number}}}"#);
        let body = format!(r#"{{"list":[{{{}}},{good}]}}"#, row.join(","));
        let page = message::ReadPage::from_body(body.as_bytes()).unwrap();
        prop_assert_eq!(page.messages.last().unwrap().id.to_string(), "60ffe9492f19cd2677b0e2a2");
        let _ = message::ReadSent::from_body(format!("{{{}}}", row.join(",")).as_bytes());
    }
}

#[test]
fn each_flipped_bit_of_a_signature_is_rejected() {
    let headers = webhook_headers(b"{}", Reading::Compact);
    let good = headers["x-signature"].to_str().unwrap();
    for bit in 0..256 {
        let nibble = u8::from_str_radix(&good[bit / 4..=bit / 4], 16).unwrap() ^ (1 << (bit % 4));
        let flipped = format!("{}{nibble:x}{}", &good[..bit / 4], &good[bit / 4 + 1..]);
        let mut headers = headers.clone();
        headers.insert("x-signature", HeaderValue::from_str(&flipped).unwrap());
        assert_eq!(verify_webhook(&headers, b"{}", Reading::Compact).unwrap_err(), Refusal::Signature, "bit {bit}");
    }
}

/// The whole of `text` as serde_json reads it.
fn strictly<'de, T: Deserialize<'de>>(text: &'de str) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(&mut deserializer)?;
    deserializer.end().map(|()| value)
}

/// Whether `text`, which is JSON, has neither a duplicate key nor a lone surrogate, as another reader sees it.
fn unambiguous(text: &str) -> bool {
    strictly::<Unambiguous>(text).is_ok()
}

struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Kept as text first, since a number may be of any size.
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        if matches!(raw.get().as_bytes()[0], b'-' | b'0'..=b'9') {
            return Ok(Self);
        }
        let mut inner = serde_json::Deserializer::from_str(raw.get());
        inner.deserialize_any(UnambiguousVisitor).map_err(D::Error::custom)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Unambiguous;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Unambiguous, A::Error> {
        while seq.next_element::<Unambiguous>()?.is_some() {}
        Ok(Unambiguous)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unambiguous, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, _)) = map.next_entry::<String, Unambiguous>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom("a duplicate key"));
            }
            keys.push(key);
        }
        Ok(Unambiguous)
    }
}
