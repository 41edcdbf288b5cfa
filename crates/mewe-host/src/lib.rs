//! The platform side of personal agents: applications, users, threads, the signed agent API, webhook delivery.
//!
//! A new message and its deliveries are one transaction, so there is no moment in which one exists without the other. The
//! same host is a platform's, and a developer's sandbox.
//!
//! `routes.rs` shows every route on one page; `domain/` holds the rules, without I/O; `delivery.rs` brings events to their
//! agents, at least once, signed per attempt, in order per agent while the endpoint is healthy.

mod agent_api;
mod change;
mod console;
mod delivery;
mod domain;
mod error;
mod guard;
mod live;
mod operator_api;
mod paging;
mod request;
mod routes;
mod store;
mod trouble;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use mewe_protocol::{AgentId, ApiKey, AppId, Reading, ThreadId, decided};
use mewe_runtime::{Seams, serve, serve::BodyBudget, stop::Stop};
use mewe_store::{Db, OpenError, Options, StoreError, lanes};
use rusqlite::Connection;
use secrecy::SecretString;

use change::Change;
use console::session::Sessions;
use delivery::Engine;
use store::{Prune, deliveries::QUEUE};
use tokio::sync::{Notify, Semaphore, watch};

pub use change::demo::{Demo, DemoPlan};
pub use domain::application::{WebhookUrl, WebhookUrlError};
pub use error::ApiError;

/// Places at which a crash must lose nothing and double nothing, in the order in which a message passes them.
pub const KILL_POINTS: [&str; 5] = [
    "host.message.before-commit",
    "host.message.after-commit",
    "host.delivery.before-call",
    "host.delivery.after-call",
    "host.delivery.after-record",
];

/// How often what nobody asks for any more is removed.
const PRUNE: std::time::Duration = std::time::Duration::from_secs(600);
/// For how long a delivery that ended can be looked at.
const KEEP_DELIVERIES: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How a host is set up.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Where everything is kept. One process at a time.
    pub data_dir: PathBuf,
    /// What the operator API asks for as a bearer token, and the console's login.
    pub operator_token: SecretString,
    /// Seconds that a request's time may be off, either way. Default 300.
    pub tolerance: u64,
    /// How payloads are read for signing and verifying. Default compact.
    pub reading: Reading,
    /// Whether a signed request is accepted only once. Default true; false is for testing clients against a host without.
    pub replay_memory: bool,
    /// For how long attempts of deliveries and calls of the agent API can be looked at. Default 30 days.
    pub keep_attempts: SignedDuration,
    /// Names beside loopback under which console and operator API may be reached (`chat.example.org`, without port). Under
    /// such a name come others than the user of this machine: with one, the console asks for the operator token.
    pub names: Vec<String>,
    /// Whether others than the user of this machine may reach it: the console asks for the operator token, and nothing can be
    /// made to go wrong on purpose. To be set by whoever listens on anything but loopback. Default false.
    pub public: bool,
    /// How the store works; for simulations and tests.
    pub store: Options,
}

impl HostConfig {
    /// The usual set-up.
    pub fn new(data_dir: impl Into<PathBuf>, operator_token: impl Into<SecretString>) -> Self {
        Self {
            data_dir: data_dir.into(),
            operator_token: operator_token.into(),
            tolerance: decided::TOLERANCE_SECONDS,
            reading: Reading::default(),
            replay_memory: true,
            keep_attempts: SignedDuration::from_hours(30 * 24),
            names: Vec::new(),
            public: false,
            store: Options::default(),
        }
    }
}

/// A host. Cloning is cheap.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
    engine: Arc<Engine>,
}

/// What all parts of a host share.
struct Shared {
    config: HostConfig,
    db: Db,
    seams: Seams,
    budget: BodyBudget,
    /// Rings when there may be something to deliver.
    bell: Notify,
    /// Changes when something has happened that whoever watches is told.
    happened: watch::Sender<()>,
    /// Who is logged in to the console.
    sessions: Sessions,
    /// Places for those who watch.
    watchers: Arc<Semaphore>,
    /// Places for calls that are to be noted: what comes on top of them is answered, and not noted.
    noting: Arc<Semaphore>,
    /// The host is about to end: whoever watches is let go.
    closing: Stop,
}

/// How many calls may wait to be noted.
const NOTING: usize = 256;
/// How many may watch at once.
const WATCHERS: usize = 64;

impl Host {
    /// Opens the host's data, or makes it.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open(config: HostConfig, seams: Seams) -> Result<Self, OpenError> {
        let db = store::open(&config.data_dir, config.store, seams.clock.now()).await?;
        if config.public {
            // What was switched on before is of no effect, and what it held back goes on.
            db.write(|tx| store::deliveries::let_all_go(tx)).await?;
        }
        let shared = Arc::new(Shared {
            config,
            db,
            seams,
            budget: BodyBudget::default(),
            bell: Notify::new(),
            happened: watch::Sender::new(()),
            sessions: Sessions::default(),
            watchers: Arc::new(Semaphore::new(WATCHERS)),
            noting: Arc::new(Semaphore::new(NOTING)),
            closing: Stop::new(),
        });
        Ok(Self { engine: Arc::new(Engine(shared.clone())), shared })
    }

    /// Its routes: the console, the operator API, the signed agent API, `GET /health`.
    pub fn router(&self) -> Router {
        routes::router(self.shared.clone())
    }

    /// Delivers until `stop`, then lets the attempts under way come to their end, for at most 10 s.
    pub async fn run(&self, stop: Stop) {
        let let_go = async {
            stop.stopped().await;
            self.shared.closing.stop();
        };
        tokio::join!(
            lanes::work(self.engine.clone(), self.shared.seams.clone(), stop.clone()),
            self.shared.forget(stop.clone()),
            let_go,
        );
    }

    /// Serves and delivers until `stop`.
    pub async fn serve_on(&self, listener: tokio::net::TcpListener, stop: Stop) {
        let seams = &self.shared.seams;
        let door = serve::serve(listener, self.router(), seams.clock.clone(), seams.spawn.clone(), stop.clone());
        tokio::join!(door, self.run(stop));
    }

    /// For simulations: makes all attempts that are due, here and now, and says how many that were.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn deliver_due(&self) -> Result<usize, StoreError> {
        lanes::run_due(&*self.engine).await
    }

    /// Whether no delivery is due or under way.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_idle(&self) -> Result<bool, StoreError> {
        let now = self.shared.seams.clock.now();
        self.shared.db.read(move |c| QUEUE.is_idle(c, now)).await
    }

    /// When the next delivery is due, if any waits.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.shared.db.read(|c| QUEUE.next_due(c)).await
    }

    /// Makes sure that the demo's people, threads, application and agent exist, and that the application's webhookUrl is the
    /// plan's. One transaction: what an earlier start did not finish is completed, nothing is doubled.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ensure_demo(&self, plan: DemoPlan) -> Result<Demo, ApiError> {
        self.shared.change(|change| change::demo::ensure(change, plan)).await
    }

    /// Puts in an application and an agent under ids and a key that were made elsewhere, for testing the wire. Returns the
    /// agent's personal thread.
    ///
    /// # Errors
    /// When the ids are taken, or the store fails.
    #[doc(hidden)]
    pub async fn import(&self, app: AppId, key: &ApiKey, agent: AgentId) -> Result<ThreadId, ApiError> {
        let key = key.clone();
        self.shared.change(move |change| change::demo::import(change, app, &key, agent)).await
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl Shared {
    /// One transaction that changes something. There may be something to deliver afterwards.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Change<'_>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (now, random) = (self.seams.clock.now(), self.seams.random.clone());
        let done = self.db.write(move |tx| work(&Change::begin(tx, now, random)?)).await;
        self.bell.notify_one();
        self.tell_watchers();
        done
    }

    /// Something has happened, and is stored.
    fn tell_watchers(&self) {
        self.happened.send_replace(());
    }

    /// A key for an application: 64 hex digits of the randomness that keys are made of.
    fn new_key(&self) -> Result<ApiKey, ApiError> {
        let mut bytes = [0; 32];
        self.seams.random.fill(&mut bytes);
        ApiKey::new(base16ct::lower::encode_string(&bytes)).map_err(|error| ApiError::invalid("apiKey", error))
    }

    /// One look at what is kept, all of one moment.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.db.read(work).await
    }

    /// Removes what nobody asks for any more, now and then.
    async fn forget(&self, stop: Stop) {
        while !stop.is_stopped() {
            let now = self.seams.clock.now();
            let window = decided::REPLAY_MEMORY_TOLERANCES.saturating_mul(self.config.tolerance);
            let window = i64::try_from(window).unwrap_or(i64::MAX);
            let keep_attempts = self.config.keep_attempts;
            let before = move |age: SignedDuration| now.checked_sub(age).unwrap_or(Timestamp::MIN);
            let pruned = self.db.write(move |tx| {
                // By the time that never steps back: otherwise one step would make all replays good again.
                let replays = store::rising::time(tx, now)?.as_second().saturating_sub(window);
                store::prune(
                    tx,
                    Prune { replays, deliveries: before(KEEP_DELIVERIES), attempts: before(keep_attempts) },
                )
            });
            if let Err(error) = pruned.await {
                tracing::warn!(%error, "old rows could not be removed");
            }
            tokio::select! {
                () = stop.stopped() => {}
                () = self.seams.clock.sleep(PRUNE) => {}
            }
        }
    }
}

/// Whether `addr` can be reached from this machine alone.
pub fn is_loopback(addr: SocketAddr) -> bool {
    addr.ip().is_loopback()
}
