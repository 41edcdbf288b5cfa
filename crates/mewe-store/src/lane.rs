//! The write lane: one writer, group commit.
//!
//! Each commit costs an fsync, whatever is in it. So the writer takes all pieces that have queued up, runs each in a savepoint
//! of one transaction, and answers them after COMMIT: under load one fsync serves many. An error or a panic of a piece is
//! that piece's alone; an error that ends the transaction (disk full, I/O) fails every piece of it, since nobody may be told
//! "stored" of what is not.

use std::{
    any::Any,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{Executor, StoreError};

/// Pieces that may wait; who comes after waits outside.
const QUEUE: usize = 1024;
/// Pieces of one transaction: more would keep the first ones waiting for their answer.
const BATCH: usize = 256;

/// A transaction that a piece of work runs in.
#[derive(Debug)]
pub struct Tx<'a>(&'a Connection);

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

/// Runs the work, or is told why it cannot be run; says whether it is to be kept, and how to answer once that is known.
type Piece = Box<dyn FnOnce(Result<&Connection, StoreError>) -> (bool, Reply) + Send>;
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

pub(crate) struct Lane {
    way: Way,
    commits: Arc<AtomicU64>,
}

enum Way {
    Thread { pieces: Option<mpsc::Sender<Piece>>, writer: Option<thread::JoinHandle<()>> },
    Inline(Mutex<Connection>),
}

impl Lane {
    pub(crate) fn start(connection: Connection, executor: Executor) -> Result<Self, StoreError> {
        let commits = Arc::new(AtomicU64::new(0));
        let way = match executor {
            Executor::Inline => Way::Inline(Mutex::new(connection)),
            Executor::Thread => {
                let (pieces, queue) = mpsc::channel(QUEUE);
                let counter = commits.clone();
                let writer = thread::Builder::new()
                    .name("store-writer".to_owned())
                    .spawn(move || write_all(&connection, queue, &counter))
                    .map_err(|error| StoreError::Io(error.to_string()))?;
                Way::Thread { pieces: Some(pieces), writer: Some(writer) }
            }
        };
        Ok(Self { way, commits })
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(crate) async fn write<T, E>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel::<Result<T, E>>();
        let piece: Piece = Box::new(move |connection| {
            let connection = match connection {
                Ok(connection) => connection,
                Err(error) => {
                    return (false, Box::new(move |_| drop(answer.send(Err(error.into())))));
                }
            };
            // Whoever asked may have gone; the work is done all the same.
            match catch_unwind(AssertUnwindSafe(|| work(&Tx(connection)))) {
                Ok(Ok(value)) => (
                    true,
                    Box::new(move |committed: Result<(), StoreError>| {
                        let _ = answer.send(committed.map(|()| value).map_err(E::from));
                    }),
                ),
                Ok(Err(error)) => (false, Box::new(move |_| drop(answer.send(Err(error))))),
                Err(panic) => {
                    let error = E::from(StoreError::Panicked(words(&*panic)));
                    (false, Box::new(move |_| drop(answer.send(Err(error)))))
                }
            }
        });
        match &self.way {
            Way::Inline(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                commit(&connection, vec![piece], &self.commits);
            }
            Way::Thread { pieces, .. } => {
                let Some(pieces) = pieces else {
                    return Err(StoreError::Closed.into());
                };
                if pieces.send(piece).await.is_err() {
                    return Err(StoreError::Closed.into());
                }
            }
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Way::Thread { pieces, writer } = &mut self.way {
            drop(pieces.take());
            // A piece that held the last handle drops it on the writer itself, which cannot wait for its own end.
            if let Some(writer) = writer.take()
                && writer.thread().id() != thread::current().id()
            {
                let _ = writer.join();
            }
        }
    }
}

fn write_all(connection: &Connection, mut queue: mpsc::Receiver<Piece>, commits: &AtomicU64) {
    let mut batch = Vec::new();
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        commit(connection, std::mem::take(&mut batch), commits);
    }
}

/// Runs the pieces, commits, answers. If the transaction ends under a piece, those before it fail with it, and those after
/// it get a transaction of their own.
fn commit(connection: &Connection, pieces: Vec<Piece>, commits: &AtomicU64) {
    let mut pieces = pieces.into_iter();
    while pieces.len() > 0 {
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            let error = StoreError::from(error);
            tracing::error!(%error, "no transaction can be begun; all pieces are refused");
            for piece in pieces.by_ref() {
                let (_, reply) = piece(Err(error.clone()));
                reply(Err(error.clone()));
            }
            return;
        }
        let mut replies: Vec<Reply> = Vec::new();
        let mut broken = None;
        for piece in pieces.by_ref() {
            match run(connection, piece, &mut replies) {
                Ok(()) => {}
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        let result = match broken {
            Some(error) => Err(error),
            None => connection.execute_batch("COMMIT").map_err(StoreError::from),
        };
        match &result {
            Ok(()) => {
                commits.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::error!(%error, "a transaction failed; all of its pieces are refused");
                if !connection.is_autocommit() {
                    // If even this fails, the next BEGIN says so.
                    let _ = connection.execute_batch("ROLLBACK");
                }
            }
        }
        for reply in replies {
            reply(result.clone());
        }
    }
}

/// Runs one piece in its savepoint. An error is the whole transaction's.
fn run(connection: &Connection, piece: Piece, replies: &mut Vec<Reply>) -> Result<(), StoreError> {
    let savepoint = |sql: &str| -> Result<(), StoreError> {
        connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    };
    if let Err(error) = savepoint("SAVEPOINT piece") {
        replies.push(piece(Err(error.clone())).1);
        return Err(error);
    }
    let (keep, reply) = piece(Ok(connection));
    replies.push(reply);
    if connection.is_autocommit() {
        return Err(StoreError::Io("the transaction ended under a piece of work".to_owned()));
    }
    if !keep {
        savepoint("ROLLBACK TO piece")?;
    }
    savepoint("RELEASE piece")?;
    Ok(())
}

fn words(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}
