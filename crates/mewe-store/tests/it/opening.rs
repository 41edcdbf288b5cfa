//! Whose directory it is, whose file, how new, and how careful SQLite was told to be.

use std::{fs, path::Path};

use mewe_store::{Db, OpenError, Schema, StoreError};
use rusqlite::Connection;

use crate::support::{INLINE, THREAD, note, notes, open, schema};

fn open_with(dir: &Path, migrations: &[&str]) -> Result<Db, OpenError> {
    let migrations = migrations.iter().map(|&sql| sql.to_owned()).collect();
    Db::open(dir, "test.db", &Schema { application_id: 0x7e57, migrations }, INLINE)
}

#[test]
fn the_sqlite_inside_is_new_enough() {
    // 3.51.3 mends a way in which a write-ahead log could be damaged.
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}

#[tokio::test]
async fn a_second_one_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let second = Db::open(dir.path(), "test.db", &schema(), THREAD).unwrap_err();
    let OpenError::InUse { pid, .. } = &second else { panic!("{second}") };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(second.to_string().contains(&std::process::id().to_string()), "{second}");
    assert!(second.hint().contains("stop that process"));
    drop(db);
    open(dir.path(), THREAD);
}

#[tokio::test]
async fn each_opening_has_a_greater_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for options in [THREAD, INLINE, THREAD] {
        let epoch = open(dir.path(), options).epoch();
        assert!(epoch > last);
        last = epoch;
    }
}

#[tokio::test]
async fn what_was_written_is_there_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..3 {
        let db = open(dir.path(), if n == 1 { INLINE } else { THREAD });
        db.write(move |tx| note(tx, n)).await.unwrap();
    }
    assert_eq!(notes(&open(dir.path(), THREAD)).await, [0, 1, 2]);
}

#[tokio::test]
async fn a_migration_is_applied_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let first = "CREATE TABLE notes (n INTEGER PRIMARY KEY) STRICT";
    let second = "ALTER TABLE notes ADD COLUMN body TEXT";
    open_with(dir.path(), &[]).unwrap();
    let db = open_with(dir.path(), &[first]).unwrap();
    db.write(|tx| note(tx, 1)).await.unwrap();
    drop(db);
    for _ in 0..2 {
        let db = open_with(dir.path(), &[first, second]).unwrap();
        let body =
            db.read(|c| Ok::<Option<String>, StoreError>(c.query_row("SELECT body FROM notes", [], |r| r.get(0))?));
        assert_eq!(body.await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_file_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let first = "CREATE TABLE notes (n INTEGER PRIMARY KEY) STRICT";
    let broken = "CREATE TABLE half (n INTEGER) STRICT; CREATE TABLE nonsense (";
    let failed = open_with(dir.path(), &[first, broken]).unwrap_err();
    assert!(matches!(failed, OpenError::Store(_)), "{failed}");
    let mended = "CREATE TABLE half (n INTEGER) STRICT";
    open_with(dir.path(), &[first, mended]).unwrap();
}

#[tokio::test]
async fn a_newer_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let first = "CREATE TABLE notes (n INTEGER PRIMARY KEY) STRICT";
    let second = "CREATE TABLE more (n INTEGER PRIMARY KEY) STRICT";
    open_with(dir.path(), &[first, second]).unwrap();
    let file = dir.path().join("test.db");
    let before = fs::read(&file).unwrap();
    let refused = open_with(dir.path(), &[first]).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 2, known: 1, .. }), "{refused}");
    assert!(refused.hint().contains("newer version"));
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn another_programs_file_is_refused_and_left_alone() {
    let others: [fn(&Path); 3] = [
        |file| drop(Connection::open(file).unwrap().pragma_update(None, "application_id", 42)),
        |file| Connection::open(file).unwrap().execute_batch("CREATE TABLE theirs (n)").unwrap(),
        |file| fs::write(file, "Dear diary, this is not a database at all. ".repeat(100)).unwrap(),
    ];
    for make in others {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("test.db");
        make(&file);
        let before = fs::read(&file).unwrap();
        let refused = Db::open(dir.path(), "test.db", &schema(), THREAD).unwrap_err();
        assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named_with_the_cause() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a-file");
    fs::write(&file, "").unwrap();
    for below in [file.join("data"), file] {
        let refused = Db::open(&below, "test.db", &schema(), THREAD).unwrap_err();
        assert!(matches!(refused, OpenError::Unwritable { .. }), "{refused}");
        assert!(refused.to_string().contains("a-file"), "{refused}");
        assert!(refused.hint().contains("--data-dir"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_on_the_machine_can_read_what_is_stored() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new").join("data");
    let db = open(&dir, THREAD);
    db.write(|tx| note(tx, 1)).await.unwrap();
    assert_eq!(mode(&dir), 0o700);
    for file in ["lock", "test.db", "test.db-wal"] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn sqlite_is_told_to_be_careful() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), THREAD);
    let look = |c: &Connection, pragma: &str| -> String {
        c.pragma_query_value(None, pragma, |r| {
            r.get::<_, i64>(0).map(|n| n.to_string()).or_else(|_| r.get::<_, String>(0))
        })
        .unwrap()
    };
    let expected = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("secure_delete", "1"),
        ("trusted_schema", "0"),
        ("temp_store", "2"),
    ];
    let found = db.write(move |tx| Ok::<_, StoreError>(expected.map(|(pragma, _)| look(tx, pragma)))).await.unwrap();
    assert_eq!(found, expected.map(|(_, value)| value));
    let expected = [("query_only", "1"), ("trusted_schema", "0"), ("temp_store", "2")];
    let found = db.read(move |c| Ok::<_, StoreError>(expected.map(|(pragma, _)| look(c, pragma)))).await.unwrap();
    assert_eq!(found, expected.map(|(_, value)| value));
}
