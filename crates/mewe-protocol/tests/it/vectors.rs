//! Both sides of the wire must agree with every case of `vectors.json`.

use http::{HeaderMap, HeaderName, HeaderValue};
use mewe_protocol::{ApiKey, Reading, UnixSeconds, json, request, webhook};
use serde_json::Value;

fn cases() -> Vec<Value> {
    let text = include_bytes!("../vectors.json");
    let all: Value = json::read(text).unwrap();
    all["cases"].as_array().unwrap().clone()
}

fn headers(case: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in case["headers"].as_object().unwrap() {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    headers
}

#[test]
fn every_case_of_the_vectors_is_judged_as_it_says() {
    let cases = cases();
    assert!(cases.len() >= 47);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let body = case["body"].as_str().unwrap().as_bytes();
        let key = ApiKey::new(case["api_key"].as_str().unwrap()).unwrap();
        let now = UnixSeconds(case["now"].as_u64().unwrap());
        let headers = headers(case);
        let result = match case["kind"].as_str().unwrap() {
            "webhook" => webhook::Unverified::from_headers(&headers).and_then(|unverified| {
                unverified
                    .verify(body.to_vec().into(), std::slice::from_ref(&key), Reading::Compact, 300, now)
                    .map(|v| webhook::base(v.event_name(), v.agent_id(), v.sent_at(), body, Reading::Compact))
            }),
            "request" => request::Unverified::from_headers(&headers).and_then(|unverified| {
                unverified
                    .verify(body, &key, Reading::Compact, 300, now)
                    .map(|v| request::base(v.app_id, v.agent_id, v.timestamp, body, Reading::Compact))
            }),
            other => panic!("{name}: kind {other}"),
        };
        if case["verify"] == "accept" {
            assert_eq!(String::from_utf8(result.expect(name)).unwrap(), case["base"].as_str().unwrap(), "{name}");
            assert_eq!(&*json::compact(body), case["compact"].as_str().unwrap().as_bytes(), "{name}");
        } else {
            let refusal = result.expect_err(name);
            if let Some(why) = case["why"].as_str() {
                assert_eq!(refusal.to_string(), why, "{name}");
            }
        }
    }
}

#[test]
fn every_known_event_of_the_vectors_decodes_and_prints_the_same_bytes_again() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case["name"].as_str().unwrap().starts_with("seed/")) {
        let name = case["headers"]["X-Event"].as_str().unwrap().parse().unwrap();
        let payload = mewe_protocol::Payload::decode(&name, case["body"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(payload.name(), name);
        assert_eq!(String::from_utf8(payload.to_json()).unwrap(), case["compact"].as_str().unwrap());
        seen += 1;
    }
    assert_eq!(seen, 8);
}
