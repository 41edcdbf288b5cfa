//! What all parts of a running application share.

use std::sync::Mutex;

use jiff::Timestamp;
use mewe_runtime::Seams;
use tokio::sync::Notify;

use crate::{client::Client, door::Door, extract::Values, handler::AnyHandler, store::AgentStore};

/// What all parts of a running application share.
pub(crate) struct Shared {
    pub(crate) store: AgentStore,
    pub(crate) client: Client,
    pub(crate) handlers: Vec<Box<dyn AnyHandler>>,
    pub(crate) values: Values,
    pub(crate) seams: Seams,
    pub(crate) door: Door,
    pub(crate) inbox: Bell,
    pub(crate) outbox: Bell,
    /// When old rows were last forgotten.
    pub(crate) tidied: Mutex<Option<Timestamp>>,
}

/// Rings when there may be more to do.
#[derive(Default)]
pub(crate) struct Bell(pub(crate) Notify);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.notify_one();
    }
}
