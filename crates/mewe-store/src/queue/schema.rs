//! The tables of a queue.

use super::Queue;

impl Queue {
    /// The tables and their indexes, for a migration. Callers may read the first, by the columns it has here, and join their own
    /// tables to its `id`.
    ///
    /// What the module promises of a lane, the database holds: two heads or two claims of one key do not fit into its
    /// indexes.
    pub fn schema(&self) -> String {
        let q = self.table;
        format!(
            "CREATE TABLE {q} (
                id          INTEGER PRIMARY KEY AUTOINCREMENT,
                key         BLOB NOT NULL,
                state       TEXT NOT NULL CHECK (state IN
                            ('waiting', 'ready', 'aside', 'claimed', 'parked', 'done', 'cancelled')),
                due         INTEGER NOT NULL,
                attempts    INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
                set_aside   INTEGER NOT NULL DEFAULT 0,
                interrupted INTEGER NOT NULL DEFAULT 0,
                epoch       INTEGER NOT NULL DEFAULT 0,
                number      INTEGER NOT NULL DEFAULT 0,
                cause       TEXT,
                created     INTEGER NOT NULL,
                changed     INTEGER NOT NULL,
                payload     BLOB NOT NULL
            ) STRICT;
            CREATE INDEX {q}_waiting ON {q} (key, id) WHERE state = 'waiting';
            CREATE UNIQUE INDEX {q}_ready ON {q} (key) WHERE state = 'ready';
            CREATE INDEX {q}_aside ON {q} (key, due, id) WHERE state = 'aside';
            CREATE UNIQUE INDEX {q}_claimed ON {q} (key) WHERE state = 'claimed';
            CREATE INDEX {q}_parked ON {q} (key, id) WHERE state = 'parked';
            CREATE INDEX {q}_ended ON {q} (changed) WHERE state IN ('done', 'cancelled');
            -- The lanes that are free and have something to do: when, and which row.
            CREATE TABLE {q}_lanes (
                key BLOB PRIMARY KEY,
                due INTEGER NOT NULL,
                id  INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX {q}_lanes_due ON {q}_lanes (due, id);
            "
        )
    }
}
