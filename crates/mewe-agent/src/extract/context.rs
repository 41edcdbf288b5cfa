//! The context of a handler: who it speaks as, what it may read, what it asks for.

use std::fmt::Display;

use jiff::Timestamp;
use mewe_protocol::{Payload, ThreadId, UserId};

use crate::{
    Agent, Error, Incoming, Past, Since, Thread,
    effect::{Read, Send, Write},
    origin::Origin,
    state::{Place, Stored},
    text,
};

/// What a handler may read and ask for. What it asks for leaves after the handler has ended well and all of it is stored.
///
/// ```
/// use mewe_agent::{Ctx, Mention, Result};
///
/// async fn hello(m: Mention, ctx: Ctx) -> Result<()> {
///     ctx.reply(format!("Hello, {}!", m.author()));
///     ctx.to_owner(format!("I greeted {}.", m.author()))
/// }
/// # mewe_agent::doc_handler(hello);
/// ```
#[derive(Debug, Clone)]
pub struct Ctx(Incoming);

impl Ctx {
    pub(crate) fn of(incoming: &Incoming) -> Self {
        Self(incoming.clone())
    }

    /// The agent that is spoken to.
    pub fn agent(&self) -> &Agent {
        self.0.agent()
    }

    /// The thread of the event; `None` for one that has none (such as unregistered).
    pub fn thread(&self) -> Option<ThreadId> {
        self.0.thread()
    }

    /// The time at which this run began.
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// The threads whose words have been read so far in this run.
    pub fn origin(&self) -> Origin {
        self.0.origin()
    }

    /// Says `text` in the thread of the event. Long texts become several messages; an empty one becomes none.
    ///
    /// In an event without a thread, and in news that the agent has left one, there is nobody to hear it: nothing is sent.
    pub fn reply(&self, text: impl Display) {
        let me = self.agent().id;
        let has_left = matches!(self.0.payload(), Payload::AgentLeft(left) if left.agent_id == me);
        if let Some(thread) = self.thread().filter(|_| !has_left) {
            self.say(thread, &text.to_string());
        }
    }

    /// Says `text` in the personal thread, wherever the event came from.
    ///
    /// # Errors
    /// [`Error::NoPersonalThread`] while the agent has not been told it. The event is then tried again.
    pub fn to_owner(&self, text: impl Display) -> Result<(), Error> {
        let thread = self.agent().personal_thread.ok_or(Error::NoPersonalThread)?;
        self.say(thread, &text.to_string());
        Ok(())
    }

    /// Says `text` in any thread in which the agent sits; the host refuses others.
    pub fn send(&self, thread: ThreadId, text: impl Display) {
        self.say(thread, &text.to_string());
    }

    fn say(&self, thread: ThreadId, words: &str) {
        let origin = self.origin();
        self.0.effects(|effects| {
            effects.sends.extend(text::split(words).into_iter().map(|text| Send {
                thread,
                text,
                origin: origin.clone(),
            }));
        });
    }

    /// The threads in which the agent sits, the personal one first, then by number, with the people known there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn threads(&self) -> Result<Vec<Thread>, Error> {
        let threads = self.0.store().threads(self.agent().clone()).await?;
        // Names are facts of the thread in which they were learned.
        self.0.join(&threads.iter().map(|thread| thread.id).collect());
        Ok(threads)
    }

    /// The newest messages of a thread, at most `limit`, the oldest of them first. The message that is being handled is not
    /// among them: it is at hand already.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(&self, thread: ThreadId, since: Since, limit: u32) -> Result<Vec<Past>, Error> {
        let asked_by = self.0.message().filter(|_| self.thread() == Some(thread));
        let past = self.0.store().history(self.agent().clone(), thread, since, asked_by, limit).await?;
        // What was searched counts, not what was found: silence tells too.
        self.0.join(&Origin::of(thread));
        Ok(past)
    }

    /// The name of `user` as it is known in `thread`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn name_of(&self, user: UserId, thread: ThreadId) -> Result<Option<String>, Error> {
        self.0.join(&Origin::of(thread));
        Ok(self.0.store().person(self.agent().id, thread, user).await?.and_then(|person| person.name))
    }

    /// What was kept under this type's name in this place. A value set earlier in this very run is seen.
    ///
    /// # Errors
    /// [`Error::State`] when what is stored does not decode; when the store cannot be read.
    pub async fn state<T: Stored>(&self, place: Place) -> Result<Option<T>, Error> {
        let own = self.0.effects(|effects| {
            let write = effects.writes.iter().rev().find(|w| w.name == T::NAME && w.place == place);
            write.map(|w| w.value.clone())
        });
        if let Some(value) = own {
            return decode::<T>(&value).map(Some);
        }
        let cell = self.0.store().state(self.agent().id, place, T::NAME).await?;
        let revision = cell.as_ref().map_or(0, |cell| cell.revision);
        self.0.effects(|effects| effects.reads.push(Read { place, name: T::NAME, revision }));
        let Some(cell) = cell else { return Ok(None) };
        if cell.version != T::VERSION {
            return Err(Error::State {
                name: T::NAME,
                why: format!("version {} is stored, this program reads version {}", cell.version, T::VERSION),
            });
        }
        if cell.text || T::TEXT {
            self.0.join(&cell.origin);
        }
        decode::<T>(&cell.value).map(Some)
    }

    /// Keeps `value` under its type's name in this place, if the handler ends well.
    pub fn set_state<T: Stored>(&self, place: Place, value: &T) {
        let write = Write {
            place,
            name: T::NAME,
            version: T::VERSION,
            text: T::TEXT,
            value: mewe_protocol::json::print(value),
            origin: if T::TEXT { self.origin() } else { Origin::default() },
        };
        self.0.effects(|effects| effects.writes.push(write));
    }
}

fn decode<T: Stored>(value: &[u8]) -> Result<T, Error> {
    mewe_protocol::json::read(value).map_err(|error| Error::State { name: T::NAME, why: error.to_string() })
}
