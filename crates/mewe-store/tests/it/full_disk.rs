//! When the disk is full, whoever was told "stored" finds it on the disk, and whoever was refused does not.

use std::{collections::BTreeMap, fs};

use mewe_store::{Db, Executor, Options, StoreError};
use tokio::task::JoinSet;

use crate::support::{Gate, JOBS, THREAD, at, note, notes, open, start};

const SMALL_DISK: u64 = 400 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answered_piece_is_on_the_full_disk_and_every_other_one_was_refused() {
    for executor in [Executor::Thread, Executor::Inline] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path(), Options { executor, max_bytes: Some(SMALL_DISK), ..THREAD });
        let mut writers = JoinSet::new();
        for writer in 0..20 {
            let db = db.clone();
            writers.spawn(async move { write_until_full(&db, writer).await });
        }
        let (mut answered, mut refused) = (BTreeMap::new(), 0);
        while let Some(written) = writers.join_next().await {
            let (stored, not_stored) = written.unwrap();
            answered.extend(stored);
            refused += not_stored;
        }
        assert!(!answered.is_empty() && refused >= 20, "{} and {refused}", answered.len());
        assert_eq!(on_disk(&db).await, answered);
        drop(db);
        let bytes = fs::metadata(dir.path().join("test.db")).unwrap().len();
        assert!(bytes <= SMALL_DISK, "{bytes}");

        // Opened again with the same disk, all is there, and nothing more fits; with a larger one, it does.
        let db = open(dir.path(), Options { executor, max_bytes: Some(SMALL_DISK), ..THREAD });
        assert_eq!(on_disk(&db).await, answered);
        assert!(matches!(put(&db, 1_000_000, 400_000).await, Err(StoreError::Full)));
        drop(db);
        let db = open(dir.path(), Options { executor, ..THREAD });
        assert_eq!(on_disk(&db).await, answered);
        put(&db, 1_000_000, 400_000).await.unwrap();
        answered.insert(1_000_000, (400_000, true));
        assert_eq!(on_disk(&db).await, answered);
    }
}

/// How large a note is, and whether its job is there: the two halves of a piece.
type Stored = BTreeMap<u32, (i64, bool)>;

/// Writes larger and smaller pieces, and goes on for a while after the first refusal: a smaller one may still fit.
async fn write_until_full(db: &Db, writer: u32) -> (Stored, usize) {
    let (mut stored, mut refused) = (Stored::new(), 0);
    let mut dice = fastrand::Rng::with_seed(writer.into());
    for n in (writer * 1000)..(writer * 1000 + 40) {
        let size = dice.i64(0..12_000);
        match put(db, n, size).await {
            Ok(()) => drop(stored.insert(n, (size, true))),
            Err(StoreError::Full | StoreError::Io(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    (stored, refused)
}

/// Several steps, so that a piece can be half done when the disk is full.
async fn put(db: &Db, n: u32, size: i64) -> Result<(), StoreError> {
    db.write(move |tx| {
        note(tx, n)?;
        JOBS.push(tx, b"lane", &n.to_be_bytes(), at(0), at(0))?;
        tx.execute("UPDATE notes SET body = zeroblob(?2) WHERE n = ?1", (n, size))?;
        Ok(())
    })
    .await
}

/// All notes and jobs, whole or half.
async fn on_disk(db: &Db) -> Stored {
    db.read(|c| {
        let mut stored = Stored::new();
        let mut notes = c.prepare("SELECT n, COALESCE(length(body), -1) FROM notes")?;
        for note in notes.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))? {
            let (n, size) = note?;
            stored.insert(n, (size, false));
        }
        let mut jobs = c.prepare("SELECT payload FROM jobs")?;
        for n in jobs.query_map([], |r| r.get(0))? {
            stored.entry(u32::from_be_bytes(n?)).or_insert((-1, false)).1 = true;
        }
        Ok::<_, StoreError>(stored)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_disk_that_is_full_amid_a_transaction_refuses_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), Options { max_bytes: Some(SMALL_DISK), ..THREAD });
    let (gate, pass) = Gate::new();
    let mut first = Box::pin(db.write(move |_| {
        pass();
        Ok::<_, StoreError>(())
    }));
    assert!(start(&mut first).is_pending());
    gate.is_reached();
    let mut before = Box::pin(db.write(|tx| note(tx, 1)));
    // It does not even notice: it goes on after the error, outside of any transaction by then.
    let mut careless = Box::pin(db.write(|tx| {
        let full = tx.execute("INSERT INTO notes VALUES (2, zeroblob(1000000))", []).map_err(StoreError::from);
        assert!(matches!(full, Err(StoreError::Full)), "{full:?}");
        let _ = note(tx, 3);
        Ok::<_, StoreError>(())
    }));
    let mut after = Box::pin(db.write(|tx| note(tx, 4)));
    assert!(start(&mut before).is_pending() && start(&mut careless).is_pending() && start(&mut after).is_pending());
    gate.opens();
    first.await.unwrap();
    assert!(matches!(before.await, Err(StoreError::Io(_))), "it would have been stored, but its transaction is lost");
    careless.await.unwrap_err();
    assert!(matches!(after.await, Err(StoreError::Io(_))));
    assert_eq!(notes(&db).await, [0; 0]);

    db.write(|tx| note(tx, 5)).await.unwrap();
    assert_eq!(notes(&db).await, [5], "what is asked later, and fits, is stored");
}

#[tokio::test]
async fn who_makes_room_can_write_again() {
    for executor in [Executor::Thread, Executor::Inline] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path(), Options { executor, max_bytes: Some(SMALL_DISK), ..THREAD });
        let mut n = 0;
        while put(&db, n, 50_000).await.is_ok() {
            n += 1;
            assert!(n < 100, "the disk is not so large");
        }
        assert!(matches!(put(&db, n, 50_000).await, Err(StoreError::Full)));
        db.write(|tx| Ok::<_, StoreError>(tx.execute("DELETE FROM notes WHERE n = 0", [])?)).await.unwrap();
        put(&db, n, 50_000).await.unwrap();
        drop(db);
        assert_eq!(notes(&open(dir.path(), THREAD)).await, (1..=n).collect::<Vec<_>>());
    }
}
