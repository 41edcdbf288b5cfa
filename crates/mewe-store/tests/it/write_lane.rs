//! One writer, group commit: what is answered is stored, and nobody pays for another's mistake.

use mewe_store::{Db, OpenError, StoreError};

use crate::support::{Gate, INLINE, THREAD, note, notes, open, schema, start};

#[tokio::test]
async fn pieces_that_queue_up_share_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let (gate, pass) = Gate::new();
    let mut first = Box::pin(db.write(move |_| {
        pass();
        Ok::<_, StoreError>(())
    }));
    assert!(start(&mut first).is_pending());
    gate.is_reached();
    let mut crowd: Vec<_> = (0..100).map(|n| Box::pin(db.write(move |tx| note(tx, n)))).collect();
    for piece in &mut crowd {
        assert!(start(piece).is_pending());
    }
    gate.opens();
    first.await.unwrap();
    for piece in crowd {
        piece.await.unwrap();
    }
    assert_eq!(db.commits(), 2, "one for whoever was there first, one for the crowd");
    assert_eq!(notes(&db).await.len(), 100);
}

#[tokio::test]
async fn no_transaction_grows_without_bound() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let (gate, pass) = Gate::new();
    let mut first = Box::pin(db.write(move |_| {
        pass();
        Ok::<_, StoreError>(())
    }));
    assert!(start(&mut first).is_pending());
    gate.is_reached();
    let mut crowd: Vec<_> = (0..600).map(|n| Box::pin(db.write(move |tx| note(tx, n)))).collect();
    for piece in &mut crowd {
        assert!(start(piece).is_pending());
    }
    gate.opens();
    first.await.unwrap();
    for piece in crowd {
        piece.await.unwrap();
    }
    assert_eq!(db.commits(), 1 + 3, "600 pieces are two full transactions and the rest");
}

#[tokio::test]
async fn who_finds_the_queue_full_waits_outside() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let (gate, pass) = Gate::new();
    let mut first = Box::pin(db.write(move |_| {
        pass();
        Ok::<_, StoreError>(())
    }));
    assert!(start(&mut first).is_pending());
    gate.is_reached();
    let mut crowd: Vec<_> = (0..1100).map(|n| Box::pin(db.write(move |tx| note(tx, n)))).collect();
    for piece in &mut crowd {
        assert!(start(piece).is_pending());
    }
    drop(crowd);
    gate.opens();
    first.await.unwrap();
    // Behind all that had a place.
    db.write(|_| Ok::<_, StoreError>(())).await.unwrap();
    assert_eq!(notes(&db).await.len(), 1024, "who was gone before there was a place, was never there");
}

#[tokio::test]
async fn an_error_undoes_its_own_piece_alone() {
    for options in [THREAD, INLINE] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path(), options);
        let mistaken = db.write(|tx| {
            note(tx, 2)?;
            note(tx, 1)
        });
        let (before, mistaken, after) = tokio::join!(db.write(|tx| note(tx, 1)), mistaken, db.write(|tx| note(tx, 3)));
        before.unwrap();
        assert!(matches!(mistaken, Err(StoreError::Sqlite(_))), "{mistaken:?}");
        after.unwrap();
        assert_eq!(notes(&db).await, [1, 3]);
    }
}

#[tokio::test]
async fn a_panic_is_its_own_pieces_alone() {
    for options in [THREAD, INLINE] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path(), options);
        let panics = db.write(|tx| -> Result<(), StoreError> {
            note(tx, 2)?;
            panic!("the spice does not flow");
        });
        let (before, panicked, after) = tokio::join!(db.write(|tx| note(tx, 1)), panics, db.write(|tx| note(tx, 3)));
        before.unwrap();
        let words = panicked.unwrap_err().to_string();
        assert!(words.ends_with("the spice does not flow"), "{words}");
        after.unwrap();
        db.write(|tx| note(tx, 4)).await.unwrap();
        assert_eq!(notes(&db).await, [1, 3, 4]);
    }
}

#[tokio::test]
async fn a_piece_that_commits_by_itself_is_refused_and_not_stored() {
    for options in [THREAD, INLINE] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path(), options);
        let early = db.write(|tx| {
            note(tx, 1)?;
            let _ = tx.execute_batch("COMMIT");
            let _ = note(tx, 2);
            Ok::<_, StoreError>(())
        });
        early.await.unwrap_err();
        db.write(|tx| note(tx, 3)).await.unwrap();
        assert_eq!(notes(&db).await, [3]);
    }
}

#[tokio::test]
async fn a_commit_that_fails_refuses_all_that_is_in_it_and_nothing_that_comes_after() {
    for options in [THREAD, INLINE] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path(), options);
        let table = "CREATE TABLE answers (n INTEGER REFERENCES notes DEFERRABLE INITIALLY DEFERRED) STRICT";
        db.write(move |tx| Ok::<_, StoreError>(tx.execute_batch(table)?)).await.unwrap();
        // SQLite looks for what is answered only when it commits.
        let answers_nothing = db.write(|tx| {
            note(tx, 1)?;
            Ok::<_, StoreError>(tx.execute("INSERT INTO answers VALUES (2)", [])?)
        });
        let refused = answers_nothing.await;
        assert!(matches!(refused, Err(StoreError::Sqlite(_))), "{refused:?}");
        db.write(|tx| note(tx, 3)).await.unwrap();
        assert_eq!(notes(&db).await, [3]);
    }
}

#[tokio::test]
async fn work_whose_asker_has_gone_is_done_and_harms_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("nobody wanted this value");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let (gate, pass) = Gate::new();
    let mut gone = Box::pin(db.write(move |tx| {
        pass();
        note(tx, 1)?;
        Ok::<_, StoreError>(Bomb)
    }));
    assert!(start(&mut gone).is_pending());
    gate.is_reached();
    drop(gone);
    let mut next = Box::pin(db.write(|tx| note(tx, 2)));
    assert!(start(&mut next).is_pending());
    gate.opens();
    next.await.unwrap();
    assert_eq!(notes(&db).await, [1, 2]);
}

#[tokio::test]
async fn closing_commits_what_had_queued_up_and_leaves_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let (gate, pass) = Gate::new();
    let mut first = Box::pin(db.write(move |_| {
        pass();
        Ok::<_, StoreError>(())
    }));
    assert!(start(&mut first).is_pending());
    gate.is_reached();
    let mut crowd: Vec<_> = (0..50).map(|n| Box::pin(db.write(move |tx| note(tx, n)))).collect();
    for piece in &mut crowd {
        assert!(start(piece).is_pending());
    }
    drop((first, crowd));
    gate.opens();
    drop(db);
    assert!(!dir.path().join("test.db-wal").exists(), "the log has gone into the file");
    assert_eq!(notes(&open(dir.path(), THREAD)).await.len(), 50);
}

#[tokio::test]
async fn the_directory_is_held_while_a_writer_that_nobody_waits_for_still_writes() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let (gate, pass) = Gate::new();
    let (later_gate, pass_later) = Gate::new();
    let handle = db.clone();
    let mut crowd = [
        Box::pin(db.write(Box::new(move |tx: &mewe_store::Tx<'_>| {
            pass();
            note(tx, 1)
        }) as Box<dyn FnOnce(&mewe_store::Tx<'_>) -> Result<(), StoreError> + Send>)),
        Box::pin(db.write(Box::new(move |tx: &mewe_store::Tx<'_>| {
            // The last handle of all goes here, on the writer itself.
            drop(handle);
            note(tx, 2)
        }) as Box<dyn FnOnce(&mewe_store::Tx<'_>) -> Result<(), StoreError> + Send>)),
        Box::pin(db.write(Box::new(move |tx: &mewe_store::Tx<'_>| {
            pass_later();
            note(tx, 3)
        }) as Box<dyn FnOnce(&mewe_store::Tx<'_>) -> Result<(), StoreError> + Send>)),
    ];
    for piece in &mut crowd {
        assert!(start(piece).is_pending());
    }
    gate.is_reached();
    drop(crowd);
    drop(db);
    gate.opens();
    later_gate.is_reached();
    let second = Db::open(dir.path(), "test.db", &schema(), THREAD);
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    later_gate.opens();
    let db = loop {
        match Db::open(dir.path(), "test.db", &schema(), THREAD) {
            Ok(db) => break db,
            Err(OpenError::InUse { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(notes(&db).await, [1, 2, 3]);
}
