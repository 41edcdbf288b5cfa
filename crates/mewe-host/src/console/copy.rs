//! A row of the wire to take away: as a command, signed at the moment it is asked for, or as a test vector under a key that
//! everybody knows.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};
use mewe_protocol::{ApiKey, EventName, SignedHeaders, UnixSeconds, json, request, webhook};
use serde_json::{Map, Value};

use super::{
    answer::{Shown, html_response},
    ask::Ask,
    beside,
    guard::Form,
};
use crate::{
    Shared,
    error::ApiError,
    request::Params,
    store::{self, calls::Call, wire::What},
};

/// The key of vectors: published, and good for nothing.
const VECTOR_KEY: &str = "k3y-0nly-for-tests-Ætt-42";

/// What a row holds that can be sent once more.
enum Taken {
    Webhook {
        key: ApiKey,
        url: String,
        event: EventName,
        agent: mewe_protocol::AgentId,
        body: Vec<u8>,
        signed: UnixSeconds,
    },
    Request {
        key: ApiKey,
        call: Box<Call>,
    },
}

/// `attempt`: which one's second it was signed for; else the last one's.
async fn take(shared: &Shared, row: i64, attempt: Option<u32>) -> Result<Taken, ApiError> {
    let gone = || ApiError::not_found("there is no such row, or its application is gone");
    let taken = shared.read(move |c| {
        let row = store::wire::get(c, row)?.ok_or_else(gone)?;
        match row.what {
            What::Delivery { id, .. } => {
                let listed = store::deliveries::get(c, id)?.ok_or_else(gone)?;
                let app = store::apps::get(c, listed.app)?.ok_or_else(gone)?;
                let mut attempts = store::attempts::of_delivery(c, id)?.into_iter().rev();
                let chosen =
                    attempts.find(|one| one.signed.is_some() && attempt.is_none_or(|number| one.number == number));
                let signed = chosen.and_then(|one| one.signed);
                Ok(Taken::Webhook {
                    key: store::apps::key(c, listed.app)?.ok_or_else(gone)?,
                    url: app.webhook_url.to_string(),
                    event: listed.event.parse().map_err(|_| gone())?,
                    agent: listed.agent,
                    body: store::deliveries::payload(c, id)?.ok_or_else(gone)?,
                    signed: signed.map_or_else(|| row.at.into(), |signed| signed.at),
                })
            }
            What::Call { id, .. } => {
                let (_, call) = store::calls::get(c, id)?.ok_or_else(gone)?;
                let app = call.app.ok_or_else(|| ApiError::not_found("the call names no application"))?;
                Ok(Taken::Request { key: store::apps::key(c, app)?.ok_or_else(gone)?, call: Box::new(call) })
            }
        }
    });
    taken.await
}

/// `POST /wire/{row}/curl`: a command that sends it now.
pub(super) async fn curl(State(shared): State<Arc<Shared>>, ask: Ask, params: Params, _form: Form) -> Shown {
    let taken = take(&shared, params.number("row")?, None).await?;
    let now = UnixSeconds::from(shared.seams.clock.now());
    let reading = shared.config.reading;
    let words = match taken {
        Taken::Webhook { key, url, event, agent, body, .. } => {
            command("POST", &url, &webhook::sign(&key, &event, agent, now, &body, reading), &body)
        }
        Taken::Request { key, call } => {
            let incomplete = || ApiError::not_found("the call does not say whose it is");
            let (app, agent) = (call.app.ok_or_else(incomplete)?, call.agent.ok_or_else(incomplete)?);
            let thread = call.thread.ok_or_else(incomplete)?;
            let body = call.body.unwrap_or_default();
            let headers = request::sign(&key, app, agent, now, &body, reading);
            let here = format!("http://{}", ask.host);
            if call.verb == "send" {
                let path = mewe_protocol::decided::SEND_PATH.replace("{threadId}", &thread.to_string());
                command("POST", &format!("{here}{path}"), &headers, &body)
            } else {
                let path = mewe_protocol::decided::read_path(thread, mewe_protocol::decided::PAGE_LIMIT_DEFAULT);
                command("GET", &format!("{here}{path}"), &headers, &body)
            }
        }
    };
    Ok(to_copy(&ask, "As curl, good for five minutes", words))
}

fn command(method: &str, url: &str, headers: &SignedHeaders, body: &[u8]) -> String {
    let mut words = format!("curl -X {method} {}", quoted(url));
    for line in headers.lines() {
        // Writing to a String cannot fail.
        let _ = write!(words, " \\\n  -H {}", quoted(&line));
    }
    if !body.is_empty() {
        let _ = write!(
            words,
            " \\\n  -H 'Content-Type: application/json' \\\n  --data-binary {}",
            quoted(&String::from_utf8_lossy(body))
        );
    }
    words
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `POST /wire/{row}/vector`: a case for a test, under a published key.
pub(super) async fn vector(State(shared): State<Arc<Shared>>, ask: Ask, params: Params, form: Form) -> Shown {
    let attempt = form.get("attempt").and_then(|number| number.parse().ok());
    let taken = take(&shared, params.number("row")?, attempt).await?;
    let key = ApiKey::new(VECTOR_KEY).map_err(|error| ApiError::invalid("key", error))?;
    let reading = shared.config.reading;
    let (kind, name, at, headers, body, base) = match taken {
        Taken::Webhook { event, agent, body, signed, .. } => {
            let headers = webhook::sign(&key, &event, agent, signed, &body, reading);
            let base = webhook::base(&event, agent, signed, &body, reading);
            ("webhook", event.to_string(), signed, headers, body, base)
        }
        Taken::Request { call, .. } => {
            let incomplete = || ApiError::not_found("the call does not say whose it is, or when");
            let (app, agent) = (call.app.ok_or_else(incomplete)?, call.agent.ok_or_else(incomplete)?);
            let at = UnixSeconds(call.signed.ok_or_else(incomplete)?);
            let body = call.body.unwrap_or_default();
            let headers = request::sign(&key, app, agent, at, &body, reading);
            let base = request::base(app, agent, at, &body, reading);
            ("request", call.verb, at, headers, body, base)
        }
    };
    let lines = headers.lines();
    let headers: Map<String, Value> = lines
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let case = serde_json::json!({
        "name": name,
        "kind": kind,
        "api_key": VECTOR_KEY,
        "now": at.0,
        "headers": headers,
        "body": text(&body),
        "verify": "accept",
        "base": text(&base),
    });
    Ok(to_copy(&ask, "As a test vector", text(&json::print(&case))))
}

/// Words for the clipboard: by script as they are, else as a page to copy from.
fn to_copy(ask: &Ask, title: &'static str, words: String) -> Response {
    if ask.fetches {
        let mut response = Response::new(Body::from(words));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        return response;
    }
    html_response(beside::words_page(ask, title, &words))
}
