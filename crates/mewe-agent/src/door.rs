//! What has come to the door, counted: for `/health`, and for the log.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use mewe_runtime::serve::BodyBudget;
use serde::Serialize;

/// Seconds between two lines of the log about refusals, whatever comes in between.
const TELL_EVERY: i64 = 60;

/// What has come to the door since the start.
#[derive(Default)]
pub(crate) struct Door {
    counts: Mutex<Counts>,
    pub(crate) budget: BodyBudget,
}

/// How often what came.
#[derive(Default, Clone, Serialize)]
pub(crate) struct Counts {
    accepted: u64,
    duplicates: u64,
    /// By cause; for a refused signature, what would have matched.
    refused: BTreeMap<String, u64>,
    #[serde(skip)]
    told: Option<Timestamp>,
}

impl Door {
    pub(crate) fn accepted(&self, is_duplicate: bool) {
        let mut counts = self.lock();
        if is_duplicate {
            counts.duplicates += 1;
        } else {
            counts.accepted += 1;
        }
    }

    /// Counts a refusal. How many there were for this cause, if it is time to say so.
    pub(crate) fn refused(&self, cause: &str, now: Timestamp) -> Option<u64> {
        let mut counts = self.lock();
        let count = counts.refused.entry(cause.to_owned()).or_default();
        *count += 1;
        let count = *count;
        let due = counts.told.is_none_or(|told| now.duration_since(told).as_secs() >= TELL_EVERY);
        due.then(|| {
            counts.told = Some(now);
            count
        })
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
