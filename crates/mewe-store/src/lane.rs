//! The write lane: one writer, group commit.
//!
//! Each commit costs an fsync, whatever is in it. So the writer takes all pieces that have queued up, runs each in a savepoint
//! of one transaction, and answers them after COMMIT: under load one fsync serves many. An error or a panic of a piece is
//! that piece's alone. An error that ends the transaction (disk full, I/O) fails every piece of it, since nobody may be told
//! "stored" of what is not; and nothing is committed but by the lane, so that nobody is told "refused" of what is stored.

use std::{
    any::Any,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use mewe_runtime::kill_point;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{Executor, StoreError, lock::Lock};

/// Pieces that may wait; who comes after waits outside.
const QUEUE: usize = 1024;
/// Pieces of one transaction: more would keep the first ones waiting for their answer.
const BATCH: usize = 256;

/// The transaction that a piece of work runs in: a connection on which it reads and writes.
///
/// It must not be ended from within: what a piece commits or rolls back by itself fails the piece, and those beside it.
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
    Inline(Mutex<Writer>),
}

impl Lane {
    /// Takes the lock along with the connection: whoever writes holds the directory, to its very end.
    pub(crate) fn start(connection: Connection, lock: Arc<Lock>, executor: Executor) -> Result<Self, StoreError> {
        let commits = Arc::new(AtomicU64::new(0));
        let mut writer = Writer::new(connection, lock, commits.clone())?;
        let way = match executor {
            Executor::Inline => Way::Inline(Mutex::new(writer)),
            Executor::Thread => {
                let (pieces, mut queue) = mpsc::channel(QUEUE);
                let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
                    let mut batch = Vec::new();
                    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
                        writer.transact(std::mem::take(&mut batch));
                    }
                });
                let thread = thread.map_err(|error| StoreError::Io(error.to_string()))?;
                Way::Thread { pieces: Some(pieces), writer: Some(thread) }
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
        let (piece, answered) = piece(work);
        match &self.way {
            Way::Inline(writer) => writer.lock().unwrap_or_else(PoisonError::into_inner).transact(vec![piece]),
            Way::Thread { pieces, .. } => {
                let Some(pieces) = pieces else { return Err(StoreError::Closed.into()) };
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

/// Wraps work so that it can queue up with work of other types. Whoever asked may have gone by the time of the answer; the
/// work is done all the same.
fn piece<T, E>(work: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static) -> (Piece, oneshot::Receiver<Result<T, E>>)
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let piece: Piece = Box::new(move |connection| {
        let result = connection.map(|connection| catch_unwind(AssertUnwindSafe(|| work(&Tx(connection)))));
        let error = match result {
            Ok(Ok(Ok(value))) => {
                let reply =
                    |committed: Result<(), StoreError>| drop(answer.send(committed.map(|()| value).map_err(E::from)));
                return (true, Box::new(reply));
            }
            Ok(Ok(Err(error))) => error,
            Ok(Err(panic)) => StoreError::Panicked(words(&*panic)).into(),
            Err(error) => error.into(),
        };
        (false, Box::new(move |_| drop(answer.send(Err(error)))))
    });
    (piece, answered)
}

/// The connection that writes.
struct Writer {
    // Before the lock: a directory is free only when nobody writes there any more.
    connection: Connection,
    _lock: Arc<Lock>,
    /// Whether a commit is the lane's own; any other is turned into a rollback.
    committing: Arc<AtomicBool>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    fn new(mut connection: Connection, lock: Arc<Lock>, commits: Arc<AtomicU64>) -> Result<Self, StoreError> {
        let committing = Arc::new(AtomicBool::new(false));
        let allowed = committing.clone();
        // When an error has ended the transaction under a piece, SQLite would commit each further statement of it at once.
        connection.commit_hook(Some(move || !allowed.load(Ordering::Relaxed)))?;
        Ok(Self { connection, _lock: lock, committing, commits })
    }

    /// Runs the pieces in one transaction, commits, answers.
    fn transact(&mut self, pieces: Vec<Piece>) {
        let mut outcome = self.execute("BEGIN IMMEDIATE");
        let mut replies = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let reply = match &outcome {
                Ok(()) => self.run(piece, &mut outcome),
                // What ended the transaction ends it for those who had not had their turn, too.
                Err(error) => caught(|| piece(Err(error.clone()))).map(|(_, reply)| reply),
            };
            replies.extend(reply);
        }
        if outcome.is_ok() {
            kill_point!("store.before-commit");
            outcome = self.commit();
            kill_point!("store.after-commit");
        }
        if let Err(error) = &outcome {
            tracing::error!(%error, "a transaction failed; all of its pieces are refused");
            if !self.connection.is_autocommit() {
                // If even this fails, the next BEGIN says so.
                let _ = self.execute("ROLLBACK");
            }
        }
        for reply in replies {
            // A value that nobody waits for any more is dropped here: if that panics, it is still not the others' affair.
            caught(|| reply(outcome.clone()));
        }
    }

    /// Runs one piece in its savepoint. `outcome` is an error afterwards if the transaction is lost.
    fn run(&self, piece: Piece, outcome: &mut Result<(), StoreError>) -> Option<Reply> {
        *outcome = self.execute("SAVEPOINT piece");
        let done = match outcome {
            Ok(()) => caught(|| piece(Ok(&self.connection))),
            Err(error) => caught(|| piece(Err(error.clone()))),
        };
        let keep = done.as_ref().is_some_and(|(keep, _)| *keep);
        if outcome.is_ok() {
            *outcome = self.leave(keep);
        }
        done.map(|(_, reply)| reply)
    }

    fn leave(&self, keep: bool) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            return Err(StoreError::Io("the transaction ended under a piece of work".to_owned()));
        }
        if !keep {
            self.execute("ROLLBACK TO piece")?;
        }
        self.execute("RELEASE piece")
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.committing.store(true, Ordering::Relaxed);
        let result = self.execute("COMMIT");
        self.committing.store(false, Ordering::Relaxed);
        if result.is_ok() {
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

/// The writer serves everybody, so no panic of anybody's code passes through it.
fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f)).ok()
}

/// What a panic said.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lane_whose_writer_is_gone_says_that_it_is_closed() {
        let (pieces, queue) = mpsc::channel(1);
        drop(queue);
        let way = Way::Thread { pieces: Some(pieces), writer: None };
        let lane = Lane { way, commits: Arc::default() };
        let answer = lane.write(|_| Ok::<_, StoreError>(())).await;
        assert!(matches!(answer, Err(StoreError::Closed)), "{answer:?}");
    }

    #[tokio::test]
    async fn a_piece_that_the_writer_took_to_its_end_is_told_that_it_is_closed() {
        let (pieces, mut queue) = mpsc::channel(1);
        let way = Way::Thread { pieces: Some(pieces), writer: None };
        let lane = Lane { way, commits: Arc::default() };
        let (answer, ()) = tokio::join!(lane.write(|_| Ok::<_, StoreError>(())), async {
            drop(queue.recv().await);
        });
        assert!(matches!(answer, Err(StoreError::Closed)), "{answer:?}");
    }
}
