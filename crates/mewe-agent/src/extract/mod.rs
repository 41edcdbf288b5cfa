//! What a handler may ask for.
//!
//! Its first argument is the event ([`FromEvent`]) and decides what it hears; the rest, in any order, is anything
//! [`FromContext`]: [`Ctx`], [`Agent`], [`State`].

mod context;
mod event;

use std::{any::Any, collections::HashMap, ops::Deref, sync::Arc};

pub use context::Ctx;
pub use event::{
    AgentJoined, AgentLeft, Direct, Joined, Left, Mention, Message, Registered, UnknownEvent, Unregistered, UserJoined,
    UserLeft,
};

use crate::{Agent, Error, Incoming};

/// A first argument: made from the event, or not, and then the handler does not hear it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "the first argument decides what the handler hears",
    note = "use Message, Mention, Direct, Registered, Joined, … from mewe_agent"
)]
pub trait FromEvent: Sized + Send {
    /// The argument, if this event is of its kind.
    fn from_event(incoming: &Incoming) -> Option<Self>;
}

/// A further argument: made from what surrounds the event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor",
    label = "an argument after the event is Ctx, Agent or State<T>",
    note = "or implement FromContext for it"
)]
pub trait FromContext: Sized + Send {
    /// Makes the argument.
    ///
    /// # Errors
    /// When it cannot be made; the event then fails with this cause, and is tried again.
    fn from_context(incoming: &Incoming) -> impl Future<Output = Result<Self, Error>> + Send;

    /// What is wrong with the set-up of the application if this argument can never be made. Asked once, when it is built.
    ///
    /// # Errors
    /// The words for the author.
    fn check(_values: &Values) -> Result<(), String> {
        Ok(())
    }
}

/// What an application shares with all its handlers, by type.
#[derive(Clone, Default)]
pub struct Values(Arc<HashMap<std::any::TypeId, Arc<dyn Any + Send + Sync>>>);

impl Values {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        Arc::make_mut(&mut self.0).insert(std::any::TypeId::of::<T>(), Arc::new(value));
    }

    /// The value of this type, if there is one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.get(&std::any::TypeId::of::<T>())?.clone().downcast().ok()
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Values({})", self.0.len())
    }
}

/// What the author gave to [`AppBuilder::with_state`](crate::AppBuilder::with_state): shared by all handlers and owners,
/// and lost with the process. What must last or belongs to one owner goes through [`Ctx::set_state`].
#[derive(Debug)]
pub struct State<T>(pub Arc<T>);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> FromContext for State<T> {
    async fn from_context(incoming: &Incoming) -> Result<Self, Error> {
        let value = incoming.values().get::<T>();
        value.map(State).ok_or(Error::NoState(std::any::type_name::<T>()))
    }

    fn check(values: &Values) -> Result<(), String> {
        let name = std::any::type_name::<T>();
        values
            .get::<T>()
            .map(|_| ())
            .ok_or_else(|| format!("a handler asks for State<{name}>, but with_state was not given one"))
    }
}

impl FromContext for Ctx {
    async fn from_context(incoming: &Incoming) -> Result<Self, Error> {
        Ok(Ctx::of(incoming))
    }
}

impl FromContext for Agent {
    async fn from_context(incoming: &Incoming) -> Result<Self, Error> {
        Ok(incoming.agent().clone())
    }
}
