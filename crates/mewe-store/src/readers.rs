//! Connections that only read: a small pool, so that a long search holds up neither the writer nor the next reader.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::{Executor, OpenError, Options, StoreError, lane, lock::Lock, schema};

pub(crate) struct Readers {
    pool: Arc<Pool>,
    places: Arc<Semaphore>,
    executor: Executor,
}

/// Shared with the jobs under way: one may outlive the database's last handle, and holds the directory for as long.
struct Pool {
    // Before the lock, as with the writer.
    idle: Mutex<Vec<Connection>>,
    _lock: Arc<Lock>,
}

impl Readers {
    pub(crate) fn open(path: &Path, lock: Arc<Lock>, options: Options) -> Result<Self, OpenError> {
        let count = options.readers.max(1);
        let idle = (0..count).map(|_| schema::open_reader(path)).collect::<Result<_, _>>()?;
        Ok(Self {
            pool: Arc::new(Pool { idle: Mutex::new(idle), _lock: lock }),
            places: Arc::new(Semaphore::new(count)),
            executor: options.executor,
        })
    }

    pub(crate) async fn read<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let Ok(place) = self.places.clone().acquire_owned().await else {
            return Err(StoreError::Closed.into());
        };
        let pool = self.pool.clone();
        let job = move || {
            let result = pool.read(work);
            drop(place);
            result
        };
        match self.executor {
            Executor::Inline => job(),
            Executor::Thread => match tokio::task::spawn_blocking(job).await {
                Ok(result) => result,
                // The job catches panics itself, so this is the end of the runtime.
                Err(_) => Err(StoreError::Closed.into()),
            },
        }
    }
}

impl Pool {
    fn read<T, E: From<StoreError>>(&self, work: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        // There are as many connections as places, so this finds one.
        let Some(connection) = self.idle().pop() else { return Err(StoreError::Closed.into()) };
        let result = catch_unwind(AssertUnwindSafe(|| {
            // All that one piece reads is of one moment.
            let tx = connection.unchecked_transaction().map_err(StoreError::from)?;
            work(&tx)
        }));
        self.idle().push(connection);
        result.unwrap_or_else(|panic| Err(StoreError::Panicked(lane::words(&*panic)).into()))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
