//! A host and an agent in one process: no sockets, a clock that stands still, a seed.
//!
//! What an agent promises is about what happens when things go wrong: an answer that is lost, a process that ends in between,
//! an event that comes twice. Waiting for that costs minutes and happens by chance. Here the whole of it is production code on
//! real database files, of which only the clock, the dice and the wire were exchanged: time moves when the test says so, a call
//! is a call of the other side's router, and what befalls it is written down beforehand.
//!
//! ```
//! use mewe_agent::Mention;
//! use mewe_testkit::World;
//!
//! async fn hello(m: Mention) -> String {
//!     format!("Hello, {}!", m.author())
//! }
//!
//! // A `#[tokio::test]` of yours.
//! async fn an_agent_answers_where_it_was_asked() {
//!     let world = World::new(|app| app.on(hello)).await;
//!     let petur = world.owner("Pétur Jureksson", "MuadDib").await;
//!     let sigrun = world.person("Sigrún Guðmundsdóttir").await;
//!     let family = world.thread("Family", [&petur, &sigrun]).await;
//!     petur.brings_agent_to(&family).await;
//!
//!     sigrun.mentions(&petur.agent, &family, "hello").await; // returns when every queue is idle
//!     sigrun.hears_in(&family, "Hello, Sigrún Guðmundsdóttir!").await;
//!     petur.silence().await; // nothing in the personal thread
//!
//!     world.restart().await;
//!     assert_eq!(family.said_by(&petur.agent).await.len(), 1);
//! }
//! # #[tokio::main(flavor = "current_thread")] async fn main() { an_agent_answers_where_it_was_asked().await }
//! ```
//!
//! [`World`] holds host, applications and clock; [`Person`], [`Owner`] and [`Agent`] act; [`Thread`] is what was said;
//! [`Faults`] is what goes wrong.

mod faults;
mod link;
mod person;
mod thread;
mod world;

pub use faults::{Fault, Faults, Way};
pub use link::Call;
pub use person::{Agent, Owner, Person};
pub use thread::Thread;
pub use world::{Program, Setup, World};
