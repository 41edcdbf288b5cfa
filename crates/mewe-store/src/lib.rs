//! One file, one writer, and work that is not lost.
//!
//! Inbox, outbox, timers and deliveries are one thing: a durable queue, ordered by key, fenced, retried, parked
//! ([`Queue`]). They live in one SQLite file whose writes all go through one lane ([`Db::write`]) that commits what has queued
//! up in a single transaction, and answers after the commit. No word of chats here.
//!
//! ```
//! use mewe_store::{Db, Executor, Options, Queue, Schema, StoreError};
//!
//! const JOBS: Queue = Queue::new("jobs");
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let now = jiff::Timestamp::UNIX_EPOCH;
//! let schema = Schema { application_id: 7, migrations: vec![JOBS.schema()] };
//! let db = Db::open(dir.path(), "jobs.db", &schema, Options { executor: Executor::Inline, ..Options::default() })?;
//! let epoch = db.epoch();
//! db.write(move |tx| JOBS.push(tx, b"a lane", b"what to do", now, now)).await?;
//! let claims = db.write(move |tx| JOBS.claim(tx, epoch, now, 10)).await?;
//! db.write(move |tx| Ok::<_, StoreError>(JOBS.done(tx, &claims[0], now)?)).await?;
//! # Ok(()) }
//! ```

mod lane;
pub mod lanes;
mod lock;
mod queue;
mod readers;
mod retry;
mod schema;

use std::{path::Path, sync::Arc};

pub use lane::Tx;
pub use queue::{Claim, Counts, Hold, Queue, QueueError};
pub use retry::{Backoff, retry_after};
pub use schema::Schema;

/// Who runs the pieces of work on the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Executor {
    /// A writer thread, with group commit; readers on blocking threads. For production.
    #[default]
    Thread,
    /// The calling task, one transaction a piece. For simulations, which must be able to stop anywhere.
    Inline,
}

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Default: [`Executor::Thread`].
    pub executor: Executor,
    /// Connections for reading, at least one; default 4. Who finds none free waits.
    pub readers: usize,
    /// The most bytes the file may grow to, the log beside it not counted; default none. What does not fit is refused with
    /// [`StoreError::Full`].
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { executor: Executor::default(), readers: 4, max_bytes: None }
    }
}

/// Why a piece of work was not done. Nothing of it is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the size allowed, is full. Make room; what is asked again then is stored.
    #[error("the disk is full")]
    Full,
    /// The disk failed, or the transaction was lost for another's reason. Once the cause is gone, what is asked again is stored.
    #[error("the disk failed: {0}")]
    Io(String),
    /// The database has been closed, or its writer has ended. It has to be opened again.
    #[error("the store is closed")]
    Closed,
    /// The piece of work itself panicked: a mistake in the program. Others are not touched.
    #[error("a piece of work on the store panicked: {0}")]
    Panicked(String),
    /// A claim that is no longer its holder's; see [`QueueError::Fenced`].
    #[error("the claim is no longer ours")]
    Fenced,
    /// SQLite refused.
    #[error("the database refused: {0}")]
    Sqlite(Arc<rusqlite::Error>),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DiskFull, SystemIoFailure};
        match error.sqlite_error_code() {
            Some(DiskFull) => Self::Full,
            Some(SystemIoFailure) => Self::Io(error.to_string()),
            _ => Self::Sqlite(Arc::new(error)),
        }
    }
}

impl From<QueueError> for StoreError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Fenced => Self::Fenced,
            QueueError::Store(error) => error,
        }
    }
}

/// Why a database cannot be opened. [`OpenError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the directory.
    #[error("{dir} is in use by another process{}", pid.map(|p| format!(" ({p})")).unwrap_or_default())]
    InUse {
        /// The directory.
        dir: String,
        /// The other process, if it says so.
        pid: Option<u32>,
    },
    /// The directory cannot be made or written.
    #[error("{dir} cannot be written: {source}")]
    Unwritable {
        /// The directory.
        dir: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A newer version of the program wrote the file.
    #[error("{file} was written by a newer version (schema {found}; this program knows {known})")]
    Newer {
        /// The file.
        file: String,
        /// Its schema.
        found: u32,
        /// The newest schema of this program.
        known: u32,
    },
    /// The file is another program's.
    #[error("{file} is not a database of this program")]
    Foreign {
        /// The file.
        file: String,
    },
    /// The database itself failed.
    #[error("the database cannot be opened: {0}")]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl OpenError {
    /// What a person can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "stop that process, or give this one another --data-dir",
            Self::Unwritable { .. } => "choose a --data-dir that this user may write",
            Self::Newer { .. } => "run the newer version, or choose another --data-dir",
            Self::Foreign { .. } => "choose an empty --data-dir",
            Self::Store(_) => "check the disk; if the file is damaged, restore it from a backup",
        }
    }
}

/// A database. Cloning is cheap; dropping the last clone commits what has queued up, closes the file and frees the directory, and
/// blocks for as long as that takes.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    // In the order in which they have to go: the writer, if it closes last, tidies up the log.
    readers: readers::Readers,
    lane: lane::Lane,
    epoch: i64,
}

impl Db {
    /// Opens `dir/file`, making what is missing, and holds the directory for as long as the database is open: until the last
    /// clone is gone, all that had queued up is committed, and the file is closed.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(dir: &Path, file: &str, schema: &Schema, options: Options) -> Result<Self, OpenError> {
        let lock = Arc::new(lock::Lock::take(dir)?);
        let path = dir.join(file);
        let connection = schema::open(&path, schema, options.max_bytes)?;
        let epoch = schema::next_epoch(&connection)?;
        let readers = readers::Readers::open(&path, lock.clone(), options)?;
        let lane = lane::Lane::start(connection, lock, options.executor)?;
        Ok(Self(Arc::new(Inner { readers, lane, epoch })))
    }

    /// Runs `work` in a transaction and answers once it is committed, together with whatever else had queued up, in the order
    /// in which it was asked for. An error or a panic of `work` undoes `work` alone.
    ///
    /// At most 1,024 pieces of work queue up; who comes then waits for a place. What has its place is done even if the future
    /// is dropped.
    ///
    /// # Errors
    /// What `work` returned, or a [`StoreError`]: nothing of `work` is stored then.
    pub async fn write<T, E>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.0.lane.write(work).await
    }

    /// Runs `work` on a connection that cannot write, in a transaction of its own: all that it reads is of one moment, and what
    /// was answered before is in it. With [`Executor::Thread`] it needs a tokio runtime.
    ///
    /// # Errors
    /// What `work` returned, or a [`StoreError`].
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.0.readers.read(work).await
    }

    /// Rises with each opening: it fences what an earlier process had claimed.
    pub fn epoch(&self) -> i64 {
        self.0.epoch
    }

    /// How many transactions this process has committed; fewer than pieces of work when these came side by side.
    pub fn commits(&self) -> u64 {
        self.0.lane.commits()
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("epoch", &self.0.epoch).finish_non_exhaustive()
    }
}
