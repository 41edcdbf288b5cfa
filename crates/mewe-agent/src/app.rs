//! The application: built from an account and handlers, it serves all its agents, and it starts, drains and stops.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::Router;
use jiff::Timestamp;
use mewe_runtime::{Seams, clock::later, serve, stop::Stop, transport::TransportError};
use mewe_store::{OpenError, Options, StoreError, lanes};

use crate::{
    Account, AccountError, Handler, Owners,
    client::Client,
    dispatch::Dispatch,
    door::Door,
    extract::Values,
    handler::{AnyHandler, Erased},
    sender::Sender,
    shared::{Bell, Shared},
    store::AgentStore,
    webhook,
};

/// How often what has no use any more is forgotten.
const PRUNE: Duration = Duration::from_secs(60 * 60);

/// An application in the making.
///
/// ```no_run
/// use mewe_agent::{App, Mention, RunError};
///
/// async fn hello(m: Mention) -> String {
///     format!("Hello, {}!", m.author())
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), RunError> {
///     App::from_env()?.on(hello).serve("127.0.0.1:8788").await
/// }
/// ```
pub struct AppBuilder {
    account: Account,
    handlers: Vec<Box<dyn AnyHandler>>,
    values: Values,
    owners: Owners,
    data_dir: PathBuf,
    options: Options,
    seams: Option<Seams>,
}

impl AppBuilder {
    /// Adds a handler. An event goes to the first one that fits, in the order in which they were added.
    #[must_use]
    pub fn on<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args>,
        Args: 'static,
    {
        self.handlers.push(Erased::boxed(handler));
        self
    }

    /// Shares a value with all handlers, which take it as [`State<T>`](crate::State).
    #[must_use]
    pub fn with_state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.values.insert(value);
        self
    }

    /// Whom the agents obey. Default: [`Owners::Any`], each in their own agent.
    #[must_use]
    pub fn owners(mut self, owners: Owners) -> Self {
        self.owners = owners;
        self
    }

    /// Where everything is kept. Default: `./mewe-agent-data`. One process at a time.
    #[must_use]
    pub fn data_dir(mut self, dir: impl AsRef<Path>) -> Self {
        dir.as_ref().clone_into(&mut self.data_dir);
        self
    }

    /// How the store works; for simulations and tests.
    #[must_use]
    pub fn store(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// What the application may use of the world; for simulations and tests. Default: [`Seams::production`].
    #[must_use]
    pub fn seams(mut self, seams: Seams) -> Self {
        self.seams = Some(seams);
        self
    }

    /// Checks the set-up and opens the store.
    ///
    /// # Errors
    /// [`BuildError`], which says what to do.
    pub async fn build(self) -> Result<App, BuildError> {
        for handler in &self.handlers {
            handler.check(&self.values).map_err(BuildError::Wiring)?;
        }
        let seams = match self.seams {
            Some(seams) => seams,
            None => Seams::production()?,
        };
        let (app, now) = (self.account.app_id(), seams.clock.now());
        let store = AgentStore::open(&self.data_dir, app, self.owners, self.options, now).await?;
        if store.app().await?.is_some_and(|found| found != app) {
            return Err(BuildError::OtherApp(self.data_dir.display().to_string()));
        }
        let client = Client::new(self.account, seams.transport.clone(), seams.clock.clone());
        let shared = Arc::new(Shared {
            store,
            client,
            handlers: self.handlers,
            values: self.values,
            seams,
            door: Door::default(),
            inbox: Bell::default(),
            outbox: Bell::default(),
            tidied: Mutex::default(),
        });
        Ok(App { dispatch: Arc::new(Dispatch(shared.clone())), sender: Arc::new(Sender::new(shared.clone())), shared })
    }

    /// Builds the application and serves it on `addr` (such as `127.0.0.1:8788`) until SIGINT or SIGTERM.
    ///
    /// # Errors
    /// [`RunError`], which says what to do.
    pub async fn serve(self, addr: &str) -> Result<(), RunError> {
        let addr: SocketAddr = addr.parse().map_err(|_| RunError::Address(addr.to_owned()))?;
        let listener = serve::bind(addr).await?;
        let app = self.build().await?;
        let stop = Stop::new();
        let signal = stop.clone();
        app.shared.seams.spawn.spawn(Box::pin(async move {
            interrupted().await;
            signal.stop();
        }));
        app.serve_on(listener, stop).await;
        Ok(())
    }
}

impl std::fmt::Debug for AppBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppBuilder").field("account", &self.account).finish_non_exhaustive()
    }
}

/// An application: one process, many agents, one owner each.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
    dispatch: Arc<Dispatch>,
    sender: Arc<Sender>,
}

impl App {
    /// An application whose account comes from the environment (see [`Account::from_env`]), and its data directory from
    /// `MEWE_DATA_DIR` if that is set.
    ///
    /// # Errors
    /// [`AccountError`] naming the variable that is missing or wrong.
    pub fn from_env() -> Result<AppBuilder, AccountError> {
        let builder = Self::builder(Account::from_env()?);
        Ok(match std::env::var_os("MEWE_DATA_DIR") {
            Some(dir) => builder.data_dir(PathBuf::from(dir)),
            None => builder,
        })
    }

    /// An application with this account.
    pub fn builder(account: Account) -> AppBuilder {
        AppBuilder {
            account,
            handlers: Vec::new(),
            values: Values::default(),
            owners: Owners::Any,
            data_dir: PathBuf::from("mewe-agent-data"),
            options: Options::default(),
            seams: None,
        }
    }

    /// Its routes, to be served or nested into another application: `POST /webhook` and `GET /health`.
    pub fn router(&self) -> Router {
        webhook::router(self.shared.clone())
    }

    /// Handles and sends until `stop`, then lets what runs come to its end, for at most 10 s.
    pub async fn run(&self, stop: Stop) {
        let seams = &self.shared.seams;
        tokio::join!(
            lanes::work(self.dispatch.clone(), seams.clone(), stop.clone()),
            lanes::work(self.sender.clone(), seams.clone(), stop.clone()),
            self.forget(stop),
        );
    }

    /// Serves and works until `stop`.
    pub async fn serve_on(&self, listener: tokio::net::TcpListener, stop: Stop) {
        let seams = &self.shared.seams;
        let door = serve::serve(listener, self.router(), seams.clock.clone(), seams.spawn.clone(), stop.clone());
        tokio::join!(door, self.run(stop));
    }

    /// For simulations: does all that is due, here and now, and says how many pieces that were. Housekeeping is done, and not
    /// counted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn work_due(&self) -> Result<usize, StoreError> {
        self.tidy().await?;
        Ok(lanes::run_due(&*self.dispatch).await? + lanes::run_due(&*self.sender).await?)
    }

    /// Whether nothing is due and nothing is under way.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_idle(&self) -> Result<bool, StoreError> {
        self.shared.store.is_idle(self.shared.seams.clock.now()).await
    }

    /// When the next piece of work is due, if any waits.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let event = self.shared.store.next_event_due().await?;
        let send = self.shared.store.next_send_due().await?;
        Ok([event, send].into_iter().flatten().min())
    }

    /// Forgets old rows, if that was not done within the hour.
    async fn tidy(&self) -> Result<(), StoreError> {
        let (shared, now) = (&self.shared, self.shared.seams.clock.now());
        let due = {
            let mut tidied = shared.tidied.lock().unwrap_or_else(PoisonError::into_inner);
            let due = tidied.is_none_or(|last| now >= later(last, PRUNE));
            if due {
                *tidied = Some(now);
            }
            due
        };
        if due { shared.store.prune(now).await } else { Ok(()) }
    }

    async fn forget(&self, stop: Stop) {
        let shared = &self.shared;
        while !stop.is_stopped() {
            if let Err(error) = self.tidy().await {
                tracing::warn!(%error, "old rows could not be forgotten");
            }
            tokio::select! {
                () = stop.stopped() => {}
                () = shared.seams.clock.sleep(PRUNE) => {}
            }
        }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("client", &self.shared.client).finish_non_exhaustive()
    }
}

/// Completes when the process is asked to end: SIGINT, or SIGTERM where there is one.
pub async fn interrupted() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = terminated => {}
    }
}

/// Why an application cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A handler asks for something that was not given.
    #[error("{0}")]
    Wiring(String),
    /// The data directory holds another application's data.
    #[error("{0} holds the data of another application")]
    OtherApp(String),
    /// The data directory cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This machine cannot make connections.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl BuildError {
    /// What a person can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Wiring(_) => "give it with AppBuilder::with_state",
            Self::OtherApp(_) => "choose another data directory, or check MEWE_APP_ID",
            Self::Open(error) => error.hint(),
            Self::Store(_) => "check the disk",
            Self::Transport(_) => "check the certificates of this machine",
        }
    }
}

/// Why an application does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The settings are incomplete or wrong.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The application cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The address is none.
    #[error("`{0}` is no address to listen on; use one such as 127.0.0.1:8788")]
    Address(String),
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] serve::BindError),
}
