//! Connections that only read: a small pool, so that a long search does not hold up the rest.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::{Executor, OpenError, Options, StoreError, schema};

pub(crate) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
    executor: Executor,
}

impl Readers {
    pub(crate) fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let count = options.readers.max(1);
        let idle = (0..count).map(|_| schema::open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            idle: Arc::new(Mutex::new(idle)),
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
        let idle = self.idle.clone();
        let job = move || {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            // There are as many connections as places.
            let Some(connection) = taken else {
                return Err(StoreError::Closed.into());
            };
            let back = GiveBack { connection: Some(connection), idle: &idle };
            let result = back.read(work);
            drop(back);
            drop(place);
            result
        };
        match self.executor {
            Executor::Inline => job(),
            Executor::Thread => match tokio::task::spawn_blocking(job).await {
                Ok(result) => result,
                Err(error) => Err(StoreError::Panicked(error.to_string()).into()),
            },
        }
    }
}

/// Returns the connection however the work ended, a panic included.
struct GiveBack<'a> {
    connection: Option<Connection>,
    idle: &'a Mutex<Vec<Connection>>,
}

impl GiveBack<'_> {
    fn read<T, E: From<StoreError>>(&self, work: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let Some(connection) = &self.connection else {
            return Err(StoreError::Closed.into());
        };
        // All that one piece reads is of one moment.
        let tx = connection.unchecked_transaction().map_err(StoreError::from)?;
        work(&tx)
    }
}

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}
