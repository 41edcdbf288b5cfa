//! Write a personal agent for MeWe chats.
//!
//! An agent is a bot backend: the platform sends it signed webhooks of what happens in the chats it sits in, and it answers
//! through a small signed API. The mistakes in between are always the same: an event acknowledged before it was stored, a reply
//! sent twice because its answer was lost, a handler run twice because a delivery came twice. So here an event is stored before
//! it is answered, handled once, and what its handler asks for is committed together with "done" and then sent until its
//! outcome is known.
//!
//! ```no_run
//! use mewe_agent::{App, Mention, RunError};
//!
//! async fn hello(m: Mention) -> String {
//!     format!("Hello, {}!", m.author())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), RunError> {
//!     App::from_env()?.on(hello).serve("127.0.0.1:8788").await
//! }
//! ```
//!
//! The way of an event: [`webhook`](App::router) verifies and stores it; a lane per thread hands it to the first [`Handler`]
//! that fits; its effects are committed; the outbox sends, and settles what is in doubt. `ARCHITECTURE.md` names the files.

mod account;
mod app;
pub mod client;
mod dispatch;
mod door;
mod effect;
mod extract;
mod facts;
mod handler;
mod incoming;
mod origin;
mod outbox;
mod sender;
mod shared;
mod state;
mod store;
pub mod text;
mod webhook;
mod words;

pub use account::{Account, AccountError, HostUrl};
pub use app::{App, AppBuilder, BuildError, RunError, interrupted};
pub use client::Client;
pub use extract::{
    AgentJoined, AgentLeft, Ctx, Direct, FromContext, FromEvent, Joined, Left, Mention, Message, Registered, State,
    UnknownEvent, Unregistered, UserJoined, UserLeft, Values,
};
pub use facts::{Agent, Past, Person, Since, Thread};
pub use handler::{Handler, IntoReply};
pub use incoming::Incoming;
pub use mewe_protocol::{
    AgentId, ApiKey, AppId, MessageId, MessageText, Payload, Reading, ThreadId, UserId, mention, signature,
};
pub use mewe_runtime::{Seams, stop::Stop};
pub use mewe_store::{Executor, Options as StoreOptions};
pub use origin::Origin;
pub use state::{Place, Stored};
pub use store::Owners;

/// Why a handler did not come to its end. The event is tried again, and parked after ten starts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] mewe_store::StoreError),
    /// The agent has not been told its personal thread yet.
    #[error("the personal thread is not known yet")]
    NoPersonalThread,
    /// What is stored does not decode. It stays where it is.
    #[error("state `{name}` does not decode: {why}")]
    State {
        /// The name of the type.
        name: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A handler asks for a state that was not given. Found when the application is built.
    #[error("there is no State<{0}>")]
    NoState(&'static str),
    /// The handler's own words.
    #[error("{0}")]
    Handler(String),
}

/// What handlers return when they can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Checks in documentation that a function is a handler.
#[doc(hidden)]
pub fn doc_handler<H: Handler<Args>, Args>(_: H) {}
