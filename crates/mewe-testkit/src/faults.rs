//! What can go wrong between a host and an application, on purpose.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

/// Which way a call goes, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// The host delivers an event.
    Webhook,
    /// An agent sends a message.
    Send,
    /// An agent reads a thread.
    Read,
}

/// What befalls a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No connection: nothing leaves.
    NotReached,
    /// It leaves and never arrives; who called sees the connection end.
    RequestLost,
    /// It arrives and is acted on; who called sees the connection end.
    AnswerLost,
    /// It arrives and is acted on; 204 without a body comes back.
    AnswerEmpty,
    /// It arrives twice, the same bytes; the first answer comes back.
    Twice,
    /// It does not arrive: somebody on the way answers, with this status, headers and body.
    Answered {
        /// The status.
        status: u16,
        /// Headers, such as `("Retry-After", "7")`.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: String,
    },
    /// Host and applications end before the call leaves, and start again on the same files.
    CrashBefore,
    /// The call arrives and is acted on. Then host and applications end, and start again on the same files.
    CrashAfter,
}

impl Fault {
    /// A refusal as the wire writes it, such as `(401, "signature")`.
    pub fn refused(status: u16, code: &str) -> Self {
        let body = serde_json::json!({ "error": { "code": code, "message": "refused on purpose" } });
        Self::Answered { status, headers: Vec::new(), body: body.to_string() }
    }

    /// 420 with `Retry-After`, in seconds.
    pub fn slow_down(seconds: u64) -> Self {
        let body = r#"{"error":{"code":"rate_limited","message":"refused on purpose"}}"#.to_owned();
        Self::Answered { status: 420, headers: vec![("Retry-After", seconds.to_string())], body }
    }
}

/// The faults to come. Each of [`next`](Faults::next) befalls one call, in the order in which they were asked for; without one,
/// that of [`always`](Faults::always).
///
/// ```
/// use mewe_agent::Mention;
/// use mewe_testkit::{Fault, Way, World};
///
/// async fn hello(m: Mention) -> String {
///     format!("Hello, {}!", m.author())
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let world = World::new(|app| app.on(hello)).await;
/// let petur = world.owner("Pétur Jureksson", "MuadDib").await;
/// world.faults().next(Way::Send, Fault::AnswerLost);
/// petur.mentions(&petur.agent, petur.thread(), "hello").await;
/// world.advance(std::time::Duration::from_secs(2)).await; // the agent looks into the thread, and finds its message
/// assert_eq!(petur.thread().said_by(&petur.agent).await, ["Hello, Pétur Jureksson!"]);
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Faults(Mutex<Plan>);

#[derive(Debug, Default)]
struct Plan {
    next: HashMap<Way, VecDeque<Fault>>,
    always: HashMap<Way, Fault>,
}

impl Faults {
    /// The next call of this kind for which nothing was asked yet is befallen by `fault`.
    pub fn next(&self, way: Way, fault: Fault) {
        self.plan(|plan| plan.next.entry(way).or_default().push_back(fault));
    }

    /// Every call of this kind is befallen by `fault`, until [`end`](Faults::end).
    pub fn always(&self, way: Way, fault: Fault) {
        self.plan(|plan| plan.always.insert(way, fault));
    }

    /// All is well from now on.
    pub fn end(&self) {
        self.plan(|plan| *plan = Plan::default());
    }

    pub(crate) fn take(&self, way: Way) -> Option<Fault> {
        self.plan(|plan| {
            plan.next.get_mut(&way).and_then(VecDeque::pop_front).or_else(|| plan.always.get(&way).cloned())
        })
    }

    fn plan<T>(&self, f: impl FnOnce(&mut Plan) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
