//! What the stories share.

use std::{
    path::Path,
    pin::{Pin, pin},
    sync::mpsc,
    task::{Context, Poll, Waker},
};

use jiff::Timestamp;
use mewe_store::{Db, Executor, Options, Queue, Schema, StoreError, Tx};
use tokio::task;

pub(crate) const JOBS: Queue = Queue::new("jobs");

pub(crate) const THREAD: Options = Options { executor: Executor::Thread, readers: 2, max_bytes: None };
pub(crate) const INLINE: Options = Options { executor: Executor::Inline, readers: 1, max_bytes: None };

/// A file with a queue and a table of a caller's own.
pub(crate) fn schema() -> Schema {
    Schema {
        application_id: 0x7e57,
        migrations: vec![JOBS.schema(), "CREATE TABLE notes (n INTEGER PRIMARY KEY, body BLOB) STRICT".to_owned()],
    }
}

pub(crate) fn open(dir: &Path, options: Options) -> Db {
    Db::open(dir, "test.db", &schema(), options).unwrap()
}

/// A moment, in milliseconds of a test's own time.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

/// Writes a note.
pub(crate) fn note(tx: &Tx<'_>, n: u32) -> Result<(), StoreError> {
    tx.execute("INSERT INTO notes (n) VALUES (?1)", [n])?;
    Ok(())
}

/// The notes that a reader sees.
pub(crate) async fn notes(db: &Db) -> Vec<u32> {
    db.read(|c| {
        let mut rows = c.prepare("SELECT n FROM notes ORDER BY n")?;
        let notes = rows.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
        Ok::<_, StoreError>(notes)
    })
    .await
    .unwrap()
}

/// Lets a future go as far as it gets by itself: a write has its place in the queue afterwards.
pub(crate) fn start<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    // Unconstrained: tokio would have a test that starts hundreds of them in a row pause in between.
    pin!(task::unconstrained(future.as_mut())).poll(&mut Context::from_waker(Waker::noop()))
}

/// Holds whoever walks through it until it is opened, so that a test knows what queues up behind.
pub(crate) struct Gate {
    reached: mpsc::Receiver<()>,
    open: mpsc::Sender<()>,
}

impl Gate {
    /// The gate, and what walks through it.
    pub(crate) fn new() -> (Self, impl FnOnce() + Send + 'static) {
        let (at_gate, reached) = mpsc::channel();
        let (open, opened) = mpsc::channel();
        let pass = move || {
            at_gate.send(()).unwrap();
            opened.recv().unwrap();
        };
        (Self { reached, open }, pass)
    }

    /// Blocks until somebody stands before the gate.
    pub(crate) fn is_reached(&self) {
        self.reached.recv().unwrap();
    }

    pub(crate) fn opens(&self) {
        self.open.send(()).unwrap();
    }
}

/// What an inline database answers, which it does at once.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match start(&mut Box::pin(future)) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("an inline database waits for nobody"),
    }
}
