//! Readers see what is committed, of one moment, and cannot write.

use mewe_store::StoreError;

use crate::support::{Gate, INLINE, THREAD, note, notes, open, start};

fn count(c: &rusqlite::Connection) -> Result<u32, StoreError> {
    Ok(c.query_row("SELECT count(*) FROM notes", [], |r| r.get(0))?)
}

#[tokio::test]
async fn a_reader_cannot_write() {
    for options in [THREAD, INLINE] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path(), options);
        let written = db.read(|c| Ok::<_, StoreError>(c.execute("INSERT INTO notes (n) VALUES (1)", [])?)).await;
        assert!(matches!(written, Err(StoreError::Sqlite(_))), "{written:?}");
        assert_eq!(notes(&db).await, [0; 0]);
    }
}

#[tokio::test]
async fn a_reader_does_not_wait_for_the_writer_and_sees_only_what_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let (gate, pass) = Gate::new();
    let mut writing = Box::pin(db.write(move |tx| {
        note(tx, 1)?;
        pass();
        Ok::<_, StoreError>(())
    }));
    assert!(start(&mut writing).is_pending());
    gate.is_reached();
    assert_eq!(notes(&db).await, [0; 0]);
    gate.opens();
    writing.await.unwrap();
    assert_eq!(notes(&db).await, [1]);
}

#[tokio::test]
async fn all_that_one_reader_reads_is_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let (gate, pass) = Gate::new();
    let mut reading = Box::pin(db.read(move |c| {
        let before = count(c)?;
        pass();
        Ok::<_, StoreError>((before, count(c)?))
    }));
    assert!(start(&mut reading).is_pending());
    gate.is_reached();
    db.write(|tx| note(tx, 1)).await.unwrap();
    gate.opens();
    assert_eq!(reading.await.unwrap(), (0, 0));
    assert_eq!(db.read(count).await.unwrap(), 1);
}

#[tokio::test]
async fn a_reader_that_panics_harms_nobody() {
    for options in [THREAD, INLINE] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path(), options);
        // More often than there are connections: each comes back.
        for _ in 0..4 {
            let panicked = db.read(|_| -> Result<(), StoreError> { panic!("lost among the pages") }).await;
            let words = panicked.unwrap_err().to_string();
            assert!(words.ends_with("lost among the pages"), "{words}");
        }
        assert_eq!(db.read(count).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn more_readers_than_connections_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let mut readers = Vec::new();
    let mut gates = Vec::new();
    for _ in 0..THREAD.readers {
        let (gate, pass) = Gate::new();
        let mut reader = Box::pin(db.read(move |c| {
            pass();
            count(c)
        }));
        assert!(start(&mut reader).is_pending());
        gate.is_reached();
        gates.push(gate);
        readers.push(reader);
    }
    let mut crowd: Vec<_> = (0..20).map(|_| Box::pin(db.read(count))).collect();
    for reader in &mut crowd {
        assert!(start(reader).is_pending(), "there is no connection left");
    }
    gates.iter().for_each(Gate::opens);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 0);
    }
    for reader in crowd {
        assert_eq!(reader.await.unwrap(), 0);
    }
}
