//! A host, applications and people on one clock.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Body;
use http::{Method, Request, header};
use jiff::Timestamp;
use mewe_agent::{Account, App, AppBuilder, HostUrl};
use mewe_host::{Host, HostConfig};
use mewe_protocol::{AgentId, ApiKey, AppId, Payload, Reading, ThreadId, UnixSeconds, UserId, json, webhook};
use mewe_runtime::{
    Seams,
    clock::{Clock, VirtualClock, later},
    random::SeededRandom,
    spawn::TokioSpawn,
};
use mewe_store::{Executor, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::{
    faults::{Faults, Way},
    link::{Call, HOST, Link},
    person::{Owner, Person},
    thread::Thread,
};

/// The operator's token of every world.
const TOKEN: &str = "the token of a world that only a test sees";
/// Rounds of deliveries and handlers after which something goes round in circles.
const ROUNDS: usize = 1_000;

/// How a world is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The dice of host and applications. Default 0.
    pub seed: u64,
    /// The time at which it begins. Default 2025-11-24T16:00:00Z.
    pub start: Timestamp,
    /// Whether the host accepts a signed request only once. Default true.
    pub replay_memory: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let start = Timestamp::from_second(1_764_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { seed: 0, start, replay_memory: true }
    }
}

/// Makes an application out of a builder that knows its account; called again at each start.
type Make = Box<dyn Fn(AppBuilder) -> AppBuilder + Send + Sync>;

/// A host and applications in one process: production code on real database files, with a clock that stands still, seeded
/// dice and no sockets. Cloning is cheap; when the last clone and the last person, thread and agent of it are gone, so are the
/// files.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    setup: Setup,
    clock: VirtualClock,
    link: Arc<Link>,
    seams: Seams,
    programs: Mutex<Vec<Arc<Registration>>>,
    running: Mutex<Option<Running>>,
    // Last, since what runs holds files in it.
    dir: TempDir,
}

/// An application as its portal knows it.
struct Registration {
    id: AppId,
    key: ApiKey,
    make: Make,
}

/// What a crash ends.
#[derive(Clone)]
struct Running {
    host: Host,
    apps: Vec<App>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The routers hold the link, and the link the routers.
        self.link.close_all();
    }
}

impl World {
    /// A world with one application, made by `make` out of a builder whose account, data directory and seams are set.
    pub async fn new(make: impl Fn(AppBuilder) -> AppBuilder + Send + Sync + 'static) -> Self {
        Self::with(Setup::default(), make).await
    }

    /// As [`World::new`], set up differently.
    pub async fn with(setup: Setup, make: impl Fn(AppBuilder) -> AppBuilder + Send + Sync + 'static) -> Self {
        let clock = VirtualClock::new(setup.start);
        let link = Arc::new(Link::new(clock.clone()));
        let seams = Seams {
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(setup.seed)),
            spawn: Arc::new(TokioSpawn),
            transport: link.clone(),
        };
        let dir = tempfile::tempdir().expect("a test may make a directory");
        let (programs, running) = (Mutex::default(), Mutex::new(None));
        let world = Self(Arc::new(Inner { setup, clock, link, seams, programs, running, dir }));
        world.start().await;
        world.program(make).await;
        world
    }

    /// A further application.
    pub async fn program(&self, make: impl Fn(AppBuilder) -> AppBuilder + Send + Sync + 'static) -> Program {
        let place = lock(&self.0.programs).len();
        let made = self
            .operate(
                Method::POST,
                "/operator/apps",
                Some(&json!({
                    "name": format!("Application {}", place + 1),
                    "type": "personal_agent",
                    "permissions": ["user_chats", "post_content"],
                    "webhookUrl": format!("http://{}/webhook", name_of(place)),
                })),
            )
            .await;
        let key = ApiKey::new(text(&made, "apiKey")).expect("the host made a key");
        let registration = Registration { id: parse(&made, "appId"), key, make: Box::new(make) };
        lock(&self.0.programs).push(Arc::new(registration));
        let app = self.start_program(place).await;
        lock(&self.0.running).as_mut().expect("a world runs").apps.push(app);
        Program { world: self.clone(), place }
    }

    /// The application that the world was made with.
    pub fn first_program(&self) -> Program {
        Program { world: self.clone(), place: 0 }
    }

    /// A person, and an agent of theirs in the first application. The name's last word is the last name.
    pub async fn owner(&self, name: &str, agent_name: &str) -> Owner {
        let person = self.person(name).await;
        let agent = self.first_program().agent(&person, agent_name).await;
        Owner { person, agent }
    }

    /// A person without an agent. The name's last word is the last name.
    pub async fn person(&self, name: &str) -> Person {
        let (first, last) = name.rsplit_once(' ').unwrap_or((name, ""));
        let made =
            self.operate(Method::POST, "/operator/users", Some(&json!({ "firstName": first, "lastName": last }))).await;
        Person::new(self.clone(), parse(&made, "userId"), name)
    }

    /// A thread of these people.
    pub async fn thread<const N: usize>(&self, name: &str, people: [&Person; N]) -> Thread {
        let participants: Vec<UserId> = people.iter().map(|person| person.id()).collect();
        let made = self
            .operate(Method::POST, "/operator/threads", Some(&json!({ "name": name, "participants": participants })))
            .await;
        Thread::new(self.clone(), parse(&made, "threadId"))
    }

    /// What the agent's host would deliver now if this happened, signed as it signs. Says the status that came back.
    pub async fn delivers(&self, program: &Program, agent: AgentId, payload: &Payload) -> u16 {
        let body = payload.to_json();
        let now = UnixSeconds::from(self.now());
        let signed = webhook::sign(&program.key(), &payload.name(), agent, now, &body, Reading::Compact);
        let mut request = Request::post("/webhook").body(Body::from(body)).expect("a request");
        signed.apply(request.headers_mut());
        let Ok(answer) = program.app().router().oneshot(request).await;
        answer.status().as_u16()
    }

    /// Does all that is due, until nothing is. What is due later waits for [`World::advance`].
    ///
    /// A handler that waits for what nobody does holds it up for ever: time stands still here.
    ///
    /// # Panics
    /// When it goes round in circles.
    pub async fn settle(&self) {
        loop {
            let crashed = tokio::select! {
                biased;
                () = self.work() => false,
                () = self.0.link.crash.notified() => true,
            };
            if !crashed {
                return;
            }
            self.restart().await;
        }
    }

    async fn work(&self) {
        for _ in 0..ROUNDS {
            let running = self.running();
            let mut done = running.host.deliver_due().await.expect("the host's store works");
            for app in &running.apps {
                done += app.work_due().await.expect("the application's store works");
            }
            if done == 0 {
                return;
            }
        }
        panic!("after {ROUNDS} rounds there is still something to do: do agents answer each other?");
    }

    /// Lets time pass: whatever comes due in between is done at its time.
    pub async fn advance(&self, by: Duration) {
        let end = later(self.now(), by);
        self.settle().await;
        while self.now() < end {
            let next = self.next_due().await.filter(|due| *due < end).unwrap_or(end);
            // Due already and not done: it waits for something else, and time has to pass all the same.
            let step = later(self.now(), Duration::from_secs(1)).min(end);
            self.0.clock.set(if next > self.now() { next } else { step });
            self.settle().await;
        }
    }

    async fn next_due(&self) -> Option<Timestamp> {
        let running = self.running();
        let mut due = vec![running.host.next_due().await.expect("the host's store works")];
        for app in &running.apps {
            due.push(app.next_due().await.expect("the application's store works"));
        }
        due.into_iter().flatten().min()
    }

    /// Ends host and applications, and starts them again on the same files.
    pub async fn restart(&self) {
        self.0.link.close_all();
        *lock(&self.0.running) = None;
        self.start().await;
    }

    async fn start(&self) {
        let mut config = HostConfig::new(self.0.dir.path().join("host"), TOKEN);
        config.replay_memory = self.0.setup.replay_memory;
        config.store = inline();
        let host = Host::open(config, self.0.seams.clone()).await.expect("the host starts");
        self.0.link.open(HOST, host.router());
        *lock(&self.0.running) = Some(Running { host, apps: Vec::new() });
        let programs = lock(&self.0.programs).len();
        for place in 0..programs {
            let app = self.start_program(place).await;
            lock(&self.0.running).as_mut().expect("a world runs").apps.push(app);
        }
    }

    async fn start_program(&self, place: usize) -> App {
        let registration = lock(&self.0.programs)[place].clone();
        let host: HostUrl = format!("http://{HOST}").parse().expect("loopback is allowed");
        let builder = App::builder(Account::new(host, registration.id, registration.key.clone()))
            .data_dir(self.0.dir.path().join(name_of(place)))
            .store(inline())
            .seams(self.0.seams.clone());
        let app = (registration.make)(builder).build().await.expect("the application starts");
        self.0.link.open(&name_of(place), app.router());
        app
    }

    /// The time that the world's clock shows.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The world's clock. [`World::advance`] moves it and does what comes due; this is for what must see it move alone.
    pub fn clock(&self) -> &VirtualClock {
        &self.0.clock
    }

    /// What is to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.0.link.faults
    }

    /// The calls that were made this way so far, those that went wrong included.
    pub fn calls(&self, way: Way) -> Vec<Call> {
        self.0.link.calls().into_iter().filter(|call| call.way == way).collect()
    }

    fn running(&self) -> Running {
        lock(&self.0.running).clone().expect("a world runs")
    }

    /// Asks the host's operator API, and panics if it refuses.
    pub(crate) async fn operate(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(json::print(body))))
            .expect("a request");
        let router = self.running().host.router();
        let Ok(answer) = router.oneshot(request).await;
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a whole answer");
        assert!(status.is_success(), "{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
        if bytes.is_empty() { Value::Null } else { json::read(&bytes).expect("the host answers in JSON") }
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// An application of a world, whichever of its lives runs now.
#[derive(Debug, Clone)]
pub struct Program {
    world: World,
    place: usize,
}

impl Program {
    /// An owner adds an agent of this application.
    pub async fn agent(&self, owner: &Person, name: &str) -> crate::Agent {
        let ask = json!({ "appId": self.id(), "ownerId": owner.id(), "agentName": name });
        let made = self.world.operate(Method::POST, "/operator/agents", Some(&ask)).await;
        self.world.settle().await;
        let personal: ThreadId = parse(&made, "personalChatThreadId");
        crate::Agent::new(self.world.clone(), parse(&made, "agentId"), name, Thread::new(self.world.clone(), personal))
    }

    /// The application as it runs now. Whoever keeps it over a restart keeps the files of its data directory too.
    pub fn app(&self) -> App {
        self.world.running().apps[self.place].clone()
    }

    /// Its id.
    pub fn id(&self) -> AppId {
        lock(&self.world.0.programs)[self.place].id
    }

    /// Its key.
    pub fn key(&self) -> ApiKey {
        lock(&self.world.0.programs)[self.place].key.clone()
    }

    /// Where it keeps everything.
    pub fn data_dir(&self) -> PathBuf {
        self.world.0.dir.path().join(name_of(self.place))
    }

    /// What `GET /health` says.
    pub async fn health(&self) -> Value {
        let request = Request::get("/health").body(Body::empty()).expect("a request");
        let Ok(answer) = self.app().router().oneshot(request).await;
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a whole answer");
        json::read(&bytes).expect("health is JSON")
    }
}

/// The name under which the n-th application is reached, and the one of its directory.
fn name_of(place: usize) -> String {
    format!("agent-{}.test", place + 1)
}

fn inline() -> Options {
    Options { executor: Executor::Inline, readers: 1, max_bytes: None }
}

fn text<'a>(answer: &'a Value, field: &str) -> &'a str {
    answer[field].as_str().unwrap_or_else(|| panic!("the host's answer has no {field}: {answer}"))
}

pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(answer: &Value, field: &str) -> T {
    text(answer, field).parse().unwrap_or_else(|error| panic!("{field} in {answer}: {error:?}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
