//! The wire of MeWe personal agents: ids, events, API types, mention markup, compact JSON, signatures.
//!
//! No I/O, no async and no clock: the time is an argument. What the published page leaves open is decided in one place,
//! [`decided`], and explained in `docs/wire.md`; whoever learns better from the real service changes one line there.
//!
//! An [`Event`] can only be had by verifying:
//!
//! ```
//! use mewe_protocol::{ApiKey, EventName, Reading, UnixSeconds, webhook};
//!
//! let key = ApiKey::new("the key that the portal showed once")?;
//! let body = br#"{ "ownerId": "607595295635495b3c80f6cd" }"#;
//! let name: EventName = "personal_agent_unregistered".parse()?;
//! let now = UnixSeconds(1_764_000_000);
//!
//! // The host signs …
//! let mut headers = http::HeaderMap::new();
//! webhook::sign(&key, &name, "607595295633495b3c80f6cf".parse()?, now, body, Reading::Compact).apply(&mut headers);
//!
//! // … and the agent verifies, over the bytes as they came.
//! let verified = webhook::Unverified::from_headers(&headers)?
//!     .verify(body.to_vec().into(), &[key], Reading::Compact, 300, now)?;
//! assert_eq!(verified.decode()?.payload().name(), name);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod decided;
pub mod error;
pub mod event;
pub mod id;
pub mod json;
pub mod mention;
pub mod message;
pub mod request;
pub mod secret;
pub mod signature;
pub mod webhook;

pub use event::{Event, EventName, Payload};
pub use id::{AgentId, AppId, Id, IdError, MessageId, ThreadId, UserId};
pub use message::MessageText;
pub use secret::ApiKey;
pub use signature::{Reading, Refusal, Signature, SignedHeaders, UnixSeconds};
