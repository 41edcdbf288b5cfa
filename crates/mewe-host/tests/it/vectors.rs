//! The signature cases of an independent implementation, through the host's own door.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use mewe_protocol::{AgentId, ApiKey, AppId, decided, json, message::SendMessage};
use serde_json::Value;

use crate::support::{Signed, World};

fn cases() -> Vec<Value> {
    let all: Value = json::read(include_bytes!("../../../mewe-protocol/tests/vectors.json")).unwrap();
    let of_requests = |case: &&Value| case["kind"] == "request";
    all["cases"].as_array().unwrap().iter().filter(of_requests).cloned().collect()
}

fn headers(case: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in case["headers"].as_object().unwrap() {
        headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_bytes(value.as_str().unwrap().as_bytes()).unwrap(),
        );
    }
    headers
}

#[tokio::test]
async fn every_request_of_the_vectors_is_judged_as_it_says() {
    let (mut accepted, mut refused) = (0, 0);
    for case in cases() {
        let name = case["name"].as_str().unwrap();
        let header = |name: &str| case["headers"][name].as_str().unwrap_or_default();
        let world = World::new().await;
        world.clock.set(Timestamp::from_second(case["now"].as_i64().unwrap()).unwrap());
        // Whose ids are none is nobody; the application and the agent are there all the same.
        let app = header("X-App-Id").parse().unwrap_or(AppId::from_bytes([1; 12]));
        let agent = header("X-Agent-Id").parse().unwrap_or(AgentId::from_bytes([2; 12]));
        let key = ApiKey::new(case["api_key"].as_str().unwrap()).unwrap();
        let personal = world.host().import(app, &key, agent).await.unwrap();

        let body = case["body"].as_str().unwrap().to_owned();
        let is_send = json::read::<SendMessage>(body.as_bytes()).is_ok();
        let path = decided::send_path(personal);
        let post = Signed { method: Method::POST, path, headers: headers(&case), body: body.clone().into() };
        let answer = world.calls(&post).await;
        if case["verify"] == "accept" {
            accepted += 1;
            if is_send {
                assert_eq!(answer.status, 200, "{name}: {answer:?}");
            } else {
                // Authentic, and no send. Authentic without a body is a read.
                answer.is_refused(400, "invalid", "body");
            }
            if body.is_empty() {
                let get = Signed { method: Method::GET, ..post.at(decided::read_path(personal, 50)) };
                assert_eq!(world.calls(&get).await.is(200).text(), r#"{"messages":[],"nextPage":null}"#, "{name}");
            }
        } else {
            refused += 1;
            assert_eq!((answer.status, answer.code().as_str()), (401, case["why"].as_str().unwrap()), "{name}");
        }
    }
    assert_eq!((accepted, refused), (3, 3));
}
