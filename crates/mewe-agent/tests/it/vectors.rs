//! The door agrees with every webhook of `vectors.json`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use mewe_agent::Reading;
use mewe_protocol::json;
use serde_json::Value;

use crate::support::Alone;

#[tokio::test]
async fn every_webhook_of_the_vectors_is_let_in_or_refused_as_it_says() {
    let all: Value = json::read(include_bytes!("../../../mewe-protocol/tests/vectors.json")).unwrap();
    let mut seen = 0;
    for case in all["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "webhook") {
        let text = |field: &str| case[field].as_str().unwrap_or_else(|| panic!("no {field}: {case}"));
        let app = Alone::with(text("api_key"), case["now"].as_u64().unwrap(), Reading::Compact, |app| app).await;
        let mut headers = HeaderMap::new();
        for (name, value) in case["headers"].as_object().unwrap() {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
        }
        let (status, answer) = app.post(headers, Bytes::copy_from_slice(text("body").as_bytes())).await;
        let name = text("name");
        if text("verify") == "accept" {
            assert!((200..300).contains(&status), "{name}: {status} {answer}");
        } else {
            assert_eq!((status, answer["error"]["code"].as_str()), (401, Some(text("why"))), "{name}");
        }
        seen += 1;
    }
    assert!(seen >= 40, "{seen}");
}
