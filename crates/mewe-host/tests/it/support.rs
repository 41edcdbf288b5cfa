//! What the stories share: a host on a held clock, its people and agents, and the endpoints that its webhooks go to.

use std::{
    collections::BTreeMap,
    fmt::Display,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use jiff::Timestamp;
use mewe_host::{Host, HostConfig};
use mewe_protocol::{
    AgentId, ApiKey, AppId, Id, MessageId, Reading, Refusal, ThreadId, UnixSeconds, UserId, decided, json, request,
    webhook,
};
use mewe_runtime::{
    BoxFuture, Seams,
    clock::{Clock, VirtualClock},
    random::SeededRandom,
    spawn::TokioSpawn,
    stop::Stop,
    transport::{Limits, Transport, TransportError},
};
use mewe_store::{Executor, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tower::ServiceExt;

/// The second in which every story begins.
pub(crate) const NOW: i64 = 1_764_000_000;
pub(crate) const TOKEN: &str = "a-token-for-tests-only";

/// A host, its clock, and the endpoints it calls.
pub(crate) struct World {
    host: Option<Host>,
    config: HostConfig,
    seams: Seams,
    pub(crate) clock: VirtualClock,
    pub(crate) endpoints: Endpoints,
    _dir: TempDir,
}

/// An application, as its developer knows it.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) id: AppId,
    pub(crate) key: ApiKey,
}

/// An agent, as its application knows it.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) personal: ThreadId,
    pub(crate) app: AppId,
    pub(crate) key: ApiKey,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(set_up: impl FnOnce(&mut HostConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = HostConfig::new(dir.path(), TOKEN);
        config.store = Options { executor: Executor::Inline, readers: 1, max_bytes: None };
        set_up(&mut config);
        let clock = VirtualClock::new(Timestamp::from_second(NOW).unwrap());
        let endpoints = Endpoints::new(clock.clone());
        let seams = Seams {
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(7)),
            spawn: Arc::new(TokioSpawn),
            transport: Arc::new(endpoints.clone()),
        };
        let host = Some(Host::open(config.clone(), seams.clone()).await.unwrap());
        Self { host, config, seams, clock, endpoints, _dir: dir }
    }

    /// A world in which Pétur has MuadDib, of an application that may do everything, and which has told of it.
    pub(crate) async fn with_muaddib() -> (Self, UserId, Agent) {
        let world = Self::new().await;
        let petur = world.petur().await;
        let app = world.app("MuadDib").await;
        let muaddib = world.agent(&app, petur, "MuadDib").await;
        world.settles().await;
        (world, petur, muaddib)
    }

    pub(crate) fn host(&self) -> &Host {
        self.host.as_ref().unwrap()
    }

    /// The process ends, whatever it was about, and another one opens the same files.
    pub(crate) async fn restarts(&mut self) {
        self.host = None;
        self.host = Some(Host::open(self.config.clone(), self.seams.clone()).await.unwrap());
    }

    /// As [`World::restarts`], with other settings.
    pub(crate) async fn restarts_with(&mut self, set_up: impl FnOnce(&mut HostConfig)) {
        set_up(&mut self.config);
        self.restarts().await;
    }

    pub(crate) fn passes(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// What the clock shows, in unix seconds.
    pub(crate) fn second(&self) -> u64 {
        UnixSeconds::from(self.clock.now()).0
    }

    // What an operator does.

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let Ok(answer) = self.host().router().oneshot(request).await;
        let (parts, body) = answer.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn gets(&self, path: &str) -> Answer {
        self.ask(operator(Method::GET, path, Bytes::new())).await
    }

    pub(crate) async fn posts(&self, path: &str, body: Value) -> Answer {
        self.ask(operator(Method::POST, path, json::print(&body))).await
    }

    pub(crate) async fn patches(&self, path: &str, body: Value) -> Answer {
        self.ask(operator(Method::PATCH, path, json::print(&body))).await
    }

    pub(crate) async fn deletes(&self, path: &str) -> Answer {
        self.ask(operator(Method::DELETE, path, Bytes::new())).await
    }

    pub(crate) async fn petur(&self) -> UserId {
        self.person("Pétur", "Jureksson").await
    }

    pub(crate) async fn sigrun(&self) -> UserId {
        self.person("Sigrún", "Guðmundsdóttir").await
    }

    pub(crate) async fn person(&self, first: &str, last: &str) -> UserId {
        let made = self.posts("/operator/users", json!({ "firstName": first, "lastName": last })).await;
        made.created().id("userId")
    }

    /// An application with both permissions, whose endpoint is known by its name.
    pub(crate) async fn app(&self, name: &str) -> App {
        self.app_that_may(name, &["user_chats", "post_content"]).await
    }

    pub(crate) async fn app_that_may(&self, name: &str, permissions: &[&str]) -> App {
        let url = format!("https://{}.example/webhook", name.to_lowercase());
        let body =
            json!({ "name": name, "type": "personal_agent", "permissions": permissions, "webhookUrl": url.clone() });
        let made = self.posts("/operator/apps", body).await;
        let key = ApiKey::new(made.created().json()["apiKey"].as_str().unwrap()).unwrap();
        self.endpoints.knows(&url, &key);
        App { id: made.id("appId"), key }
    }

    pub(crate) async fn agent(&self, app: &App, owner: UserId, name: &str) -> Agent {
        let body = json!({ "appId": app.id, "ownerId": owner, "agentName": name });
        let made = self.posts("/operator/agents", body).await;
        let (id, personal) = (made.created().id("agentId"), made.id("personalChatThreadId"));
        Agent { id, personal, app: app.id, key: app.key.clone() }
    }

    pub(crate) async fn thread(&self, people: &[UserId]) -> ThreadId {
        self.posts("/operator/threads", json!({ "participants": people })).await.created().id("threadId")
    }

    pub(crate) async fn seat(&self, agent: &Agent, thread: ThreadId) -> Answer {
        self.posts(&format!("/operator/agents/{}/threads", agent.id), json!({ "threadId": thread })).await
    }

    pub(crate) async fn says(&self, user: impl Display, thread: ThreadId, text: &str) -> MessageId {
        self.speaks(user, thread, text).await.created().id("chatMessageId")
    }

    pub(crate) async fn speaks(&self, user: impl Display, thread: ThreadId, text: &str) -> Answer {
        let body = json!({ "userId": user.to_string(), "text": text });
        self.posts(&format!("/operator/threads/{thread}/messages"), body).await
    }

    /// The deliveries to an agent as the operator sees them, oldest first: `event state attempts`.
    pub(crate) async fn deliveries(&self, agent: &Agent) -> Vec<String> {
        let list = self.gets(&format!("/operator/deliveries?limit=100&agentId={}", agent.id)).await.json();
        let rows = list["deliveries"].as_array().unwrap().iter().rev();
        let line = |row: &Value| {
            let event = row["event"].as_str().unwrap().trim_start_matches("personal_").to_owned();
            format!("{event} {} {}", row["state"].as_str().unwrap(), row["attempts"])
        };
        rows.map(line).collect()
    }

    /// Waits until so many calls of agents were noted, which happens beside them; the rows, oldest first.
    pub(crate) async fn noted(&self, count: usize) -> Vec<Value> {
        for _ in 0..1000 {
            let mut list = self.gets("/operator/calls?limit=100").await.json();
            let rows = list["calls"].as_array_mut().unwrap();
            if rows.len() >= count {
                assert_eq!(rows.len(), count, "{rows:#?}");
                rows.reverse();
                return std::mem::take(rows);
            }
            tokio::task::yield_now().await;
        }
        panic!("there are never {count} calls: {}", self.gets("/operator/calls").await.text());
    }

    // What an agent does.

    /// A send of this body, signed now.
    pub(crate) fn signed(&self, agent: &Agent, thread: impl Display, body: impl Into<Bytes>) -> Signed {
        let path = decided::SEND_PATH.replace("{threadId}", &thread.to_string());
        self.signs(agent, Method::POST, path, body.into())
    }

    /// A read, signed now. `path`: the path and query.
    pub(crate) fn signed_read(&self, agent: &Agent, path: impl Into<String>) -> Signed {
        self.signs(agent, Method::GET, path.into(), Bytes::new())
    }

    pub(crate) fn signs(&self, agent: &Agent, method: Method, path: String, body: Bytes) -> Signed {
        let mut headers = HeaderMap::new();
        let at = UnixSeconds(self.second());
        request::sign(&agent.key, agent.app, agent.id, at, &body, Reading::Compact).apply(&mut headers);
        Signed { method, path, headers, body }
    }

    pub(crate) async fn calls(&self, signed: &Signed) -> Answer {
        self.ask(signed.request()).await
    }

    pub(crate) async fn sends(&self, agent: &Agent, thread: ThreadId, text: &str) -> Answer {
        let body = json::print(&json!({ "text": text }));
        self.calls(&self.signed(agent, thread, body)).await
    }

    pub(crate) async fn reads(&self, agent: &Agent, thread: impl Display, query: &str) -> Answer {
        let path = format!("{}{query}", decided::READ_PATH.replace("{threadId}", &thread.to_string()));
        self.calls(&self.signed_read(agent, path)).await
    }

    /// The texts of a thread, oldest first, as the agent reads them.
    pub(crate) async fn texts(&self, agent: &Agent, thread: ThreadId) -> Vec<String> {
        let page = self.reads(agent, thread, "?limit=100").await.json();
        let rows = page["messages"].as_array().unwrap().iter().rev();
        rows.map(|row| row["messageText"].as_str().unwrap().to_owned()).collect()
    }

    // What the host does.

    /// Makes all attempts that are due.
    pub(crate) async fn delivers(&self) -> usize {
        self.host().deliver_due().await.unwrap()
    }

    /// Delivers, and what was heard so far is of no interest.
    pub(crate) async fn settles(&self) {
        self.delivers().await;
        self.endpoints.take();
    }

    /// Delivers; what this agent's endpoint took since it was asked last.
    pub(crate) async fn hears(&self, agent: &Agent) -> Vec<String> {
        self.delivers().await;
        self.endpoints.taken_by(agent.id)
    }

    /// Removes what is old, which is the first thing that a running host does.
    pub(crate) async fn tidies_up(&self) {
        self.delivers().await;
        let mut run: Pin<Box<_>> = Box::pin(self.host().run(Stop::new()));
        assert!(start(&mut run).is_pending());
    }
}

/// Lets a future go as far as it gets by itself.
pub(crate) fn start<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    pin!(tokio::task::unconstrained(future.as_mut())).poll(&mut Context::from_waker(Waker::noop()))
}

/// A request of an operator.
pub(crate) fn operator(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request =
        request.header(header::HOST, "localhost:8787").header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
    request.body(body.into()).unwrap()
}

/// A request of an agent, which can be made again.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Signed {
    pub(crate) fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.parse().unwrap();
        *request.headers_mut() = self.headers.clone();
        request
    }

    pub(crate) fn at(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    pub(crate) fn with_body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }
}

/// What the host answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        json::read(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn id<K>(&self, field: &str) -> Id<K> {
        self.json()[field].as_str().unwrap_or_else(|| panic!("{field}: {self:?}")).parse().unwrap()
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn created(&self) -> &Self {
        assert_eq!(self.status, 201, "{self:?}");
        self
    }

    /// The stable code of a refusal, which is of exactly the promised form.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        let refusal = self.json();
        let (code, message) =
            (refusal["error"]["code"].as_str().unwrap(), refusal["error"]["message"].as_str().unwrap());
        assert!(!message.is_empty());
        assert_eq!(self.text(), format!(r#"{{"error":{{"code":{},"message":{}}}}}"#, json!(code), json!(message)));
        assert_eq!(self.headers["content-type"], "application/json");
        code.to_owned()
    }

    /// A refusal with this status and code, in whose words these are.
    #[track_caller]
    pub(crate) fn is_refused(&self, status: u16, code: &str, words: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{self:?}");
        let message = self.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{words:?} is not in {message:?}");
    }
}

/// The endpoints of all applications. They verify whatever they are told, and do with it what the story says; usually they
/// take it.
#[derive(Clone)]
pub(crate) struct Endpoints {
    inner: Arc<Mutex<Inner>>,
    clock: VirtualClock,
    let_go: Arc<Notify>,
}

struct Inner {
    keys: BTreeMap<String, ApiKey>,
    calls: Vec<Call>,
    /// What was not authentic, if that is no mistake.
    refused: Option<Vec<Refused>>,
    script: Box<dyn FnMut(&Call) -> Does + Send>,
}

/// A webhook that came, and was authentic.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) url: String,
    pub(crate) agent: AgentId,
    pub(crate) event: String,
    pub(crate) body: String,
    pub(crate) sent_at: u64,
    pub(crate) signature: String,
    /// Whether it was answered with a complete 2xx.
    pub(crate) taken: bool,
}

/// A webhook that came, and was not authentic.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) why: Refusal,
}

impl Call {
    /// `event payload`
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.event, self.body)
    }
}

/// What an endpoint does with a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Answer(u16),
    /// An answer with something to read in it.
    Say(u16, &'static str),
    /// Nobody listens.
    Refuse,
    /// There is no answer until the story lets one go.
    Wait,
    /// The time limit was reached while the answer was still coming.
    Drip,
    /// Calling it finds a mistake in the program.
    Panic,
    /// The connection ends in the middle of the answer.
    Cut,
    /// The answer does not fit.
    Flood(u16),
}

impl Does {
    fn takes(self) -> bool {
        matches!(self, Self::Answer(200..=299) | Self::Say(200..=299, _) | Self::Flood(200..=299))
    }
}

impl Endpoints {
    fn new(clock: VirtualClock) -> Self {
        let script = Box::new(|_: &Call| Does::Answer(200));
        let inner = Inner { keys: BTreeMap::new(), calls: Vec::new(), refused: None, script };
        Self { inner: Arc::new(Mutex::new(inner)), clock, let_go: Arc::default() }
    }

    /// The endpoint at `url` verifies under this key.
    pub(crate) fn knows(&self, url: &str, key: &ApiKey) {
        self.inner.lock().unwrap().keys.insert(url.to_owned(), key.clone());
    }

    /// What the endpoints do from now on.
    pub(crate) fn all(&self, does: Does) {
        self.do_as(move |_| does);
    }

    pub(crate) fn do_as(&self, script: impl FnMut(&Call) -> Does + Send + 'static) {
        self.inner.lock().unwrap().script = Box::new(script);
    }

    /// From now on what is not authentic is answered 401, as an agent does it. Otherwise it ends the story.
    pub(crate) fn refuse_what_is_not_authentic(&self) {
        self.inner.lock().unwrap().refused.get_or_insert_default();
    }

    /// What was refused since the last time.
    pub(crate) fn refused(&self) -> Vec<Refused> {
        self.inner.lock().unwrap().refused.replace(Vec::new()).unwrap_or_default()
    }

    /// All calls since the last time.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.inner.lock().unwrap().calls)
    }

    /// What an agent was told and took, since the last time.
    pub(crate) fn taken_by(&self, agent: AgentId) -> Vec<String> {
        let calls = &mut self.inner.lock().unwrap().calls;
        let (of_agent, others) = std::mem::take(calls).into_iter().partition(|call| call.agent == agent);
        *calls = others;
        let of_agent: Vec<Call> = of_agent;
        of_agent.iter().filter(|call| call.taken).map(Call::line).collect()
    }

    /// Nobody was told anything that the story has not looked at.
    #[track_caller]
    pub(crate) fn nobody_else_heard_anything(&self) {
        let left = self.take();
        assert!(left.is_empty(), "{left:#?}");
    }

    /// Answers a call that waits.
    pub(crate) fn let_one_go(&self) {
        self.let_go.notify_one();
    }

    fn hear(&self, request: Request<Bytes>) -> Does {
        let (parts, body) = request.into_parts();
        let mut inner = self.inner.lock().unwrap();
        let url = parts.uri.to_string();
        assert!(!parts.headers.contains_key("x-app-id"));
        assert_eq!(
            (parts.method, &parts.headers["content-type"]),
            (Method::POST, &"application/json".parse().unwrap())
        );
        let key = inner.keys.get(&url).cloned().unwrap_or_else(|| panic!("nobody is at {url}"));
        let now = UnixSeconds::from(self.clock.now());
        let verified = webhook::Unverified::from_headers(&parts.headers)
            .and_then(|unverified| unverified.verify(body.clone(), &[key], Reading::Compact, 0, now));
        let verified = match (verified, &mut inner.refused) {
            (Ok(verified), _) => verified,
            (Err(why), Some(refused)) => {
                refused.push(Refused { headers: parts.headers, body, why });
                return Does::Answer(401);
            }
            (Err(refusal), None) => panic!("{refusal}: {:?}", parts.headers),
        };
        let event = verified.decode().unwrap();
        assert_eq!(event.payload().to_json(), **verified.body(), "exactly the fields of the page, in its order");
        let mut call = Call {
            url,
            agent: verified.agent_id(),
            event: verified.event_name().as_str().to_owned(),
            body: String::from_utf8(verified.body().to_vec()).unwrap(),
            sent_at: verified.sent_at().0,
            signature: parts.headers["x-signature"].to_str().unwrap().to_owned(),
            taken: false,
        };
        let does = (inner.script)(&call);
        call.taken = does.takes();
        inner.calls.push(call);
        does
    }
}

impl Transport for Endpoints {
    fn call(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            match self.hear(request) {
                Does::Answer(status) => {
                    let mut answer = Response::new(Bytes::new());
                    *answer.status_mut() = status.try_into().unwrap();
                    if (300..400).contains(&status) {
                        answer.headers_mut().insert(header::LOCATION, "https://elsewhere.example/".parse().unwrap());
                    }
                    Ok(answer)
                }
                Does::Say(status, words) => {
                    let mut answer = Response::new(Bytes::from_static(words.as_bytes()));
                    *answer.status_mut() = status.try_into().unwrap();
                    Ok(answer)
                }
                Does::Refuse => Err(TransportError::Connect("nothing listens there".to_owned())),
                Does::Wait => {
                    self.let_go.notified().await;
                    Ok(Response::new(Bytes::new()))
                }
                Does::Panic => panic!("a mistake in the program, as the story wants it"),
                Does::Drip => Err(TransportError::Timeout { after: limits.timeout, status: Some(200) }),
                Does::Cut => Err(TransportError::Cut("200 came, then the body never ended".to_owned())),
                Does::Flood(status) => {
                    let start = Bytes::from(vec![b'x'; limits.max_body]);
                    Err(TransportError::BodyTooLarge { status, limit: limits.max_body, start })
                }
            }
        })
    }
}
