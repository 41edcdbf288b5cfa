//! What the stories share.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use jiff::Timestamp;
use mewe_agent::{
    Account, AgentId, ApiKey, App, AppBuilder, Ctx, Executor, Message, MessageId, Payload, Reading, Seams, State,
    StoreOptions, ThreadId, UserId,
};
use mewe_protocol::{EventName, UnixSeconds, json, webhook};
use mewe_runtime::{
    BoxFuture,
    clock::VirtualClock,
    random::SeededRandom,
    spawn::TokioSpawn,
    transport::{Limits, Transport, TransportError},
};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) const KEY: &str = "a key that only these tests know";
pub(crate) const AGENT: &str = "607595295633495b3c80f6cf";
pub(crate) const NOW: u64 = 1_764_000_000;

/// An application without a host: only its door is looked at.
pub(crate) struct Alone {
    app: App,
    _dir: TempDir,
}

impl Alone {
    pub(crate) async fn new() -> Self {
        Self::with(KEY, NOW, Reading::Compact, |app| app).await
    }

    pub(crate) async fn with(
        key: &str,
        now: u64,
        reading: Reading,
        make: impl FnOnce(AppBuilder) -> AppBuilder,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = "http://127.0.0.1:1".parse().unwrap();
        let account = Account::new(host, "6710c0ffee0123456789abcd".parse().unwrap(), ApiKey::new(key).unwrap());
        let seams = Seams {
            clock: Arc::new(VirtualClock::new(Timestamp::from_second(i64::try_from(now).unwrap()).unwrap())),
            random: Arc::new(SeededRandom::new(1)),
            spawn: Arc::new(TokioSpawn),
            transport: Arc::new(Nowhere),
        };
        let options = StoreOptions { executor: Executor::Inline, readers: 1, max_bytes: None };
        let builder = App::builder(account.reading(reading)).data_dir(dir.path()).store(options).seams(seams);
        Self { app: make(builder).build().await.unwrap(), _dir: dir }
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: impl Into<Body>,
    ) -> (u16, Value) {
        let mut request = Request::new(body.into());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        *request.headers_mut() = headers;
        let Ok(answer) = self.app.router().oneshot(request).await;
        let status = answer.status().as_u16();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, json::read(&bytes).unwrap())
    }

    pub(crate) async fn post(&self, headers: HeaderMap, body: impl Into<Bytes>) -> (u16, Value) {
        self.ask(Method::POST, "/webhook", headers, body.into()).await
    }

    pub(crate) async fn health(&self) -> Value {
        self.ask(Method::GET, "/health", HeaderMap::new(), Bytes::new()).await.1
    }
}

/// What a host signs for these bytes, read in this way.
pub(crate) fn signed(event: &str, body: &[u8], reading: Reading) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let event: EventName = event.parse().unwrap();
    let key = ApiKey::new(KEY).unwrap();
    webhook::sign(&key, &event, AGENT.parse().unwrap(), UnixSeconds(NOW), body, reading).apply(&mut headers);
    headers
}

struct Nowhere;

impl Transport for Nowhere {
    fn call(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async { Err(TransportError::Connect("there is no host".to_owned())) })
    }
}

/// What handlers were told, in the order in which they were.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn note(&self, words: impl Into<String>) {
        self.0.lock().unwrap().push(words.into());
    }

    /// All notes since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Notes each message's text.
pub(crate) async fn listen(message: Message, log: State<Log>) {
    log.note(message.plain());
}

/// Repeats what it hears.
pub(crate) async fn echo(message: Message, ctx: Ctx) {
    ctx.reply(message.request());
}

/// The n-th id of its kind, made in the world's first second.
pub(crate) fn id<K>(n: u8) -> mewe_protocol::Id<K> {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&u32::try_from(NOW).unwrap().to_be_bytes());
    bytes[4] = 0xee;
    bytes[11] = n;
    mewe_protocol::Id::from_bytes(bytes)
}

/// A message as a host would deliver it.
pub(crate) fn message(thread: ThreadId, n: u8, author: impl Into<UserId>, text: &str) -> Payload {
    let chat_message_id: MessageId = id(n);
    Payload::Message(mewe_protocol::event::Message {
        thread_id: thread,
        chat_message_id,
        message_text: text.to_owned(),
        user_id: author.into(),
    })
}

/// The news that the same message mentions the agent.
pub(crate) fn mention(thread: ThreadId, n: u8, author: impl Into<UserId>, text: &str) -> Payload {
    Payload::Mention(mewe_protocol::event::Mention {
        thread_id: thread,
        chat_message_id: id(n),
        message_text: text.to_owned(),
        user_id: author.into(),
        user_name: None,
    })
}

/// An agent's registration with this owner.
pub(crate) fn registered(owner: UserId, personal: ThreadId) -> Payload {
    Payload::Registered(mewe_protocol::event::Registered {
        agent_name: "MuadDib".to_owned(),
        owner_id: owner,
        owner_first_name: "Pétur".to_owned(),
        personal_chat_thread_id: personal,
    })
}

/// The news that an agent was added to a thread.
pub(crate) fn joined(thread: ThreadId, agent: AgentId, owner: UserId) -> Payload {
    Payload::AgentJoined(mewe_protocol::event::AgentJoined {
        thread_id: thread,
        agent_id: agent,
        agent_name: "MuadDib".to_owned(),
        owner_id: owner,
        owner_name: "Pétur Jureksson".to_owned(),
    })
}

/// The news that an agent was removed from a thread.
pub(crate) fn left(thread: ThreadId, agent: AgentId) -> Payload {
    Payload::AgentLeft(mewe_protocol::event::AgentLeft { thread_id: thread, agent_id: agent })
}

/// Lets a future go as far as it gets by itself.
pub(crate) fn start<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
