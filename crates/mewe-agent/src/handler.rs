//! Handlers: async functions with typed arguments that return something that can be a reply.
//!
//! One event runs exactly one handler, the first whose first argument fits. A handler runs to its end, buffers what it asks
//! for, and the commit does the rest; it never sleeps. If the process dies before the commit, it runs again from the top, and
//! nothing had left.

use std::fmt::Display;

use mewe_runtime::BoxFuture;

use crate::{
    Error, Incoming,
    extract::{FromContext, FromEvent, Values},
};

/// Something that can be a reply: `&str`, `String`, `()`, `Option<R>`, `Result<R, E>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a reply",
    label = "a handler returns &str, String, (), Option<_> or Result<_, E>"
)]
pub trait IntoReply {
    /// The text to be said in the event's thread, if any.
    ///
    /// # Errors
    /// The cause for which the event failed; it will be tried again.
    fn into_reply(self) -> Result<Option<String>, Error>;
}

impl IntoReply for () {
    fn into_reply(self) -> Result<Option<String>, Error> {
        Ok(None)
    }
}

impl IntoReply for &str {
    fn into_reply(self) -> Result<Option<String>, Error> {
        Ok(Some(self.to_owned()))
    }
}

impl IntoReply for String {
    fn into_reply(self) -> Result<Option<String>, Error> {
        Ok(Some(self))
    }
}

impl<R: IntoReply> IntoReply for Option<R> {
    fn into_reply(self) -> Result<Option<String>, Error> {
        self.map_or(Ok(None), IntoReply::into_reply)
    }
}

impl<R: IntoReply, E: Display> IntoReply for Result<R, E> {
    fn into_reply(self) -> Result<Option<String>, Error> {
        self.map_err(|error| Error::Handler(error.to_string()))?.into_reply()
    }
}

/// An async function that handles events. Implemented for functions whose first argument is [`FromEvent`], with up to
/// five more that are [`FromContext`], in any order.
///
/// ```
/// use mewe_agent::{Ctx, Mention};
///
/// async fn hello(m: Mention, _ctx: Ctx) -> String {
///     format!("Hello, {}!", m.author())
/// }
/// # mewe_agent::doc_handler(hello);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "a handler is an `async fn`: its first argument an event (Message, Mention, Direct, …), the others extractors (Ctx, Agent, State<T>), its result a reply (&str, String, (), Option<_>, Result<_, E>)"
)]
pub trait Handler<Args>: Send + Sync + 'static {
    /// Whether this event is for it.
    fn fits(&self, incoming: &Incoming) -> bool;
    /// Runs it. `None` when the event does not fit.
    fn call(&self, incoming: Incoming) -> BoxFuture<'static, Result<Option<String>, Error>>;
    /// What is wrong with the set-up if its arguments can never be made.
    ///
    /// # Errors
    /// The words for the author.
    fn check(&self, values: &Values) -> Result<(), String>;
}

macro_rules! handler {
    ($($arg:ident),*) => {
        impl<F, Fut, Out, First, $($arg),*> Handler<(First, $($arg,)*)> for F
        where
            F: Fn(First, $($arg),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = Out> + Send,
            Out: IntoReply,
            First: FromEvent + 'static,
            $($arg: FromContext + 'static,)*
        {
            fn fits(&self, incoming: &Incoming) -> bool {
                First::from_event(incoming).is_some()
            }

            #[allow(non_snake_case, reason = "an argument is named like its type")]
            fn call(&self, incoming: Incoming) -> BoxFuture<'static, Result<Option<String>, Error>> {
                let handler = self.clone();
                Box::pin(async move {
                    let Some(first) = First::from_event(&incoming) else { return Ok(None) };
                    $(let $arg = $arg::from_context(&incoming).await?;)*
                    handler(first, $($arg),*).await.into_reply()
                })
            }

            fn check(&self, _values: &Values) -> Result<(), String> {
                $($arg::check(_values)?;)*
                Ok(())
            }
        }
    };
}

handler!();
handler!(A);
handler!(A, B);
handler!(A, B, C);
handler!(A, B, C, D);
handler!(A, B, C, D, E);

/// A handler whose types are forgotten, so that an application holds many.
pub(crate) trait AnyHandler: Send + Sync {
    fn fits(&self, incoming: &Incoming) -> bool;
    fn call(&self, incoming: Incoming) -> BoxFuture<'static, Result<Option<String>, Error>>;
    fn check(&self, values: &Values) -> Result<(), String>;
}

pub(crate) struct Erased<H, Args>(H, std::marker::PhantomData<fn(Args)>);

impl<H: Handler<Args>, Args: 'static> Erased<H, Args> {
    pub(crate) fn boxed(handler: H) -> Box<dyn AnyHandler> {
        Box::new(Self(handler, std::marker::PhantomData))
    }
}

impl<H: Handler<Args>, Args> AnyHandler for Erased<H, Args> {
    fn fits(&self, incoming: &Incoming) -> bool {
        self.0.fits(incoming)
    }

    fn call(&self, incoming: Incoming) -> BoxFuture<'static, Result<Option<String>, Error>> {
        self.0.call(incoming)
    }

    fn check(&self, values: &Values) -> Result<(), String> {
        self.0.check(values)
    }
}
