-- What the host keeps of itself: one row.
CREATE TABLE host (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    last_id   BLOB NOT NULL,    -- the id that was issued last; the next one is greater
    latest    INTEGER NOT NULL, -- the latest time that was ever seen (unix ms); it never steps back
    forgotten INTEGER NOT NULL  -- the newest second of a request whose replay is no longer remembered
) STRICT;
INSERT INTO host VALUES (1, zeroblob(12), 0, -1);

CREATE TABLE apps (
    id          BLOB PRIMARY KEY,
    name        TEXT NOT NULL,
    permissions TEXT NOT NULL,  -- one a line
    webhook_url TEXT NOT NULL,
    api_key     TEXT NOT NULL,
    disabled    TEXT,           -- why nothing is delivered
    failures    INTEGER NOT NULL DEFAULT 0, -- attempts in a row that failed
    created     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id         BLOB PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name  TEXT,            -- some people have one name
    created    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE threads (
    id       BLOB PRIMARY KEY,
    name     TEXT,
    personal INTEGER NOT NULL,
    created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- An agent that was unregistered stays, for its name beside its messages; its application may be gone altogether.
CREATE TABLE agents (
    id       BLOB PRIMARY KEY,
    app      BLOB NOT NULL,
    owner    BLOB NOT NULL REFERENCES users (id),
    name     TEXT NOT NULL,
    personal BLOB NOT NULL REFERENCES threads (id),
    created  INTEGER NOT NULL,
    gone     INTEGER,
    paused   INTEGER NOT NULL DEFAULT 0 -- whether its deliveries wait until somebody resumes them
) STRICT, WITHOUT ROWID;
CREATE INDEX agents_of_app ON agents (app);
CREATE UNIQUE INDEX agents_one_each ON agents (owner, app) WHERE gone IS NULL;

-- Who sits where: people and agents. `place` gives the order of coming.
CREATE TABLE members (
    place  INTEGER PRIMARY KEY AUTOINCREMENT,
    thread BLOB NOT NULL REFERENCES threads (id),
    user   BLOB NOT NULL,
    joined INTEGER NOT NULL,
    UNIQUE (thread, user)
) STRICT;
CREATE INDEX members_of_user ON members (user);

CREATE TABLE messages (
    id      BLOB PRIMARY KEY,
    thread  BLOB NOT NULL REFERENCES threads (id),
    user    BLOB NOT NULL,
    text    TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_of_thread ON messages (thread, created, id);

-- Requests that stored a message: a second use is a replay. `message` ties the call to what it did.
CREATE TABLE sends (
    app       BLOB NOT NULL,
    agent     BLOB NOT NULL,
    timestamp INTEGER NOT NULL, -- unix seconds, as signed
    body_hash BLOB NOT NULL,
    message   BLOB NOT NULL,
    PRIMARY KEY (app, agent, timestamp, body_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX sends_by_time ON sends (timestamp);

-- What became of each event: one row beside each row of the queue, with the same id.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,
    agent       BLOB NOT NULL,
    app         BLOB NOT NULL,
    event       TEXT NOT NULL,
    thread      BLOB,
    message     BLOB,
    state       TEXT NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    faults      INTEGER NOT NULL DEFAULT 0, -- failures that this delivery itself may be the cause of
    last_status INTEGER,
    last_error  TEXT,
    test        INTEGER NOT NULL DEFAULT 0, -- whether it tells of nothing that happened
    created     INTEGER NOT NULL,
    changed     INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_of_agent ON deliveries (agent, id);
CREATE INDEX deliveries_in_state ON deliveries (state, id);
CREATE INDEX deliveries_of_message ON deliveries (message) WHERE message IS NOT NULL;
CREATE INDEX deliveries_open ON deliveries (app, agent) WHERE state IN ('waiting', 'in_flight', 'retrying');
CREATE INDEX deliveries_ended ON deliveries (changed) WHERE state IN ('delivered', 'cancelled');

-- What each attempt of a delivery came to. number: from 1, whoever asked for it.
CREATE TABLE attempts (
    delivery INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL, -- when it began
    took     INTEGER NOT NULL, -- milliseconds
    status   INTEGER,          -- of the answer, if at least that came
    error    TEXT,             -- why it was no success, in words
    answer   BLOB NOT NULL,    -- the beginning of the answer's body
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_time ON attempts (at);

-- Calls of the agent API, refused ones included. app and agent are whom it claimed to be, if it claimed anybody.
CREATE TABLE calls (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    took    INTEGER NOT NULL, -- milliseconds
    verb    TEXT NOT NULL,    -- send, read
    app     BLOB,
    agent   BLOB,
    thread  BLOB,
    status  INTEGER NOT NULL,
    code    TEXT,             -- of a refusal
    cause   TEXT,             -- of a refusal, in words
    message BLOB              -- what a send became
) STRICT;
CREATE INDEX calls_of_agent ON calls (agent, id);
CREATE INDEX calls_of_message ON calls (message) WHERE message IS NOT NULL;
CREATE INDEX calls_by_time ON calls (at);

-- What happened, in its order: a row that was written or changed, or news of a membership in words of its own.
CREATE TABLE live (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL, -- message, delivery, call, membership
    message  BLOB,
    delivery INTEGER,
    call     INTEGER,
    note     TEXT
) STRICT;
CREATE INDEX live_by_time ON live (at);
CREATE INDEX live_of_call ON live (call) WHERE call IS NOT NULL;

-- What was made for a demonstration, by the plan's own words, so that a renamed thing is not made again.
CREATE TABLE demo (
    thing TEXT PRIMARY KEY,
    id    BLOB NOT NULL
) STRICT, WITHOUT ROWID;
