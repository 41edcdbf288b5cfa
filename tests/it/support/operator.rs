//! The operator API, spoken to over HTTP as any program does.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request};
use mewe_protocol::json;
use mewe_runtime::{
    clock::SystemClock,
    transport::{HttpTransport, Limits, Transport, TransportError},
};
use serde_json::{Value, json};

/// Somebody with the operator token.
pub(crate) struct Operator {
    url: String,
    token: String,
    http: HttpTransport,
    runtime: tokio::runtime::Runtime,
}

impl Operator {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self {
            url: url.to_owned(),
            token: token.trim().to_owned(),
            http: HttpTransport::new(Arc::new(SystemClock)).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    /// Calls a host that is up; the status, and the body if it has one.
    pub(crate) fn call(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.try_call(method, path, body).unwrap()
    }

    /// Calls a host that may be down, or may go down meanwhile.
    pub(crate) fn try_call(&self, method: Method, path: &str, body: &Value) -> Result<(u16, Value), TransportError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            // Between two calls nobody looks after a connection: one that the host has closed meanwhile would be taken again.
            .header("connection", "close")
            .header("authorization", format!("Bearer {}", self.token));
        let body = if body.is_null() { Vec::new() } else { json::print(body) };
        request = request.header("content-type", "application/json");
        let limits = Limits { timeout: Duration::from_secs(30), max_body: 8 << 20 };
        let call = self.http.call(request.body(Bytes::from(body)).unwrap(), limits);
        let answer = self.runtime.block_on(call)?;
        Ok((answer.status().as_u16(), json::read(answer.body()).unwrap_or_default()))
    }

    /// Makes something; what the host says about it.
    pub(crate) fn makes(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(Method::POST, path, body);
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    }

    pub(crate) fn lists(&self, path: &str) -> Value {
        let (status, answer) = self.call(Method::GET, path, &Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// A person's id.
    pub(crate) fn person(&self, first: &str, last: &str) -> String {
        text(&self.makes("/operator/users", &json!({ "firstName": first, "lastName": last })), "userId")
    }

    /// A thread's id.
    pub(crate) fn thread(&self, name: &str, people: &[&str]) -> String {
        text(&self.makes("/operator/threads", &json!({ "name": name, "participants": people })), "threadId")
    }

    /// An application's id and key.
    pub(crate) fn app(&self, name: &str, webhook: &str) -> (String, String) {
        let app = json!({
            "name": name, "type": "personal_agent", "permissions": ["user_chats", "post_content"], "webhookUrl": webhook
        });
        let app = self.makes("/operator/apps", &app);
        (text(&app, "appId"), text(&app, "apiKey"))
    }

    /// An agent's id, and that of its personal thread.
    pub(crate) fn agent(&self, app: &str, owner: &str, name: &str) -> (String, String) {
        let agent = json!({ "appId": app, "ownerId": owner, "agentName": name });
        let agent = self.makes("/operator/agents", &agent);
        (text(&agent, "agentId"), text(&agent, "personalChatThreadId"))
    }

    /// `user` says `words` in `thread`.
    pub(crate) fn says(&self, user: &str, thread: &str, words: &str) {
        self.makes(&format!("/operator/threads/{thread}/messages"), &json!({ "userId": user, "text": words }));
    }

    /// What was said in a thread, oldest first.
    pub(crate) fn spoken(&self, thread: &str) -> Vec<Spoken> {
        self.try_spoken(thread).unwrap()
    }

    /// What was said in a thread of a host that may be down.
    pub(crate) fn try_spoken(&self, thread: &str) -> Result<Vec<Spoken>, TransportError> {
        let mut spoken = Vec::new();
        let mut path = format!("/operator/threads/{thread}/messages?limit=100");
        loop {
            let (status, page) = self.try_call(Method::GET, &path, &Value::Null)?;
            assert_eq!(status, 200, "{path}: {page}");
            spoken.extend(
                page["messages"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|message| Spoken { user: text(message, "userId"), text: text(message, "messageText") }),
            );
            match page["nextPage"].as_str() {
                Some(next) => next.clone_into(&mut path),
                None => break,
            }
        }
        spoken.reverse();
        Ok(spoken)
    }

    /// The texts of a thread, oldest first.
    pub(crate) fn texts(&self, thread: &str) -> Vec<String> {
        self.spoken(thread).into_iter().map(|spoken| spoken.text).collect()
    }

    /// What `user` said in a thread, oldest first.
    pub(crate) fn said_by(&self, user: &str, thread: &str) -> Vec<String> {
        self.spoken(thread).into_iter().filter(|spoken| spoken.user == user).map(|spoken| spoken.text).collect()
    }

    /// The one row of a list that holds `value` in `field`.
    pub(crate) fn row(&self, noun: &str, field: &str, value: &str) -> Value {
        let list = self.lists(&format!("/operator/{noun}?limit=100"));
        let mut rows = list[noun].as_array().unwrap().iter().filter(|row| row[field] == value);
        let row = rows.next().unwrap_or_else(|| panic!("no {noun} with {field} {value}: {list}"));
        assert_eq!(rows.count(), 0, "more than one {noun} with {field} {value}");
        row.clone()
    }
}

/// A message, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) user: String,
    pub(crate) text: String,
}

pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}")).to_owned()
}
