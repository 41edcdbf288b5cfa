-- Every key starts with the agent, so that no query can reach across owners by leaving it out.

-- standing: unknown (its owner is not known yet), obeyed, refused (its owner is none of ours), gone (unregistered)
CREATE TABLE agents (
    agent      BLOB PRIMARY KEY,
    name       TEXT NOT NULL,
    owner      BLOB,
    owner_name TEXT,
    personal   BLOB,
    standing   TEXT NOT NULL,
    since      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE threads (
    agent  BLOB NOT NULL,
    thread BLOB NOT NULL,
    number INTEGER NOT NULL,
    member INTEGER NOT NULL,
    PRIMARY KEY (agent, thread)
) STRICT, WITHOUT ROWID;

CREATE TABLE people (
    agent    BLOB NOT NULL,
    thread   BLOB NOT NULL,
    user     BLOB NOT NULL,
    name     TEXT,
    is_agent INTEGER NOT NULL,
    present  INTEGER NOT NULL,
    PRIMARY KEY (agent, thread, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX agents_known ON people (agent, user) WHERE is_agent;

-- The newest news about each membership: the same again is a duplicate, join after leave is not.
CREATE TABLE membership (
    agent   BLOB NOT NULL,
    thread  BLOB NOT NULL,
    subject BLOB NOT NULL,
    news    TEXT NOT NULL,
    PRIMARY KEY (agent, thread, subject)
) STRICT, WITHOUT ROWID;

-- Sets of threads, each stored once.
CREATE TABLE origins (
    id      INTEGER PRIMARY KEY,
    agent   BLOB NOT NULL,
    hash    BLOB NOT NULL,
    threads BLOB NOT NULL,
    UNIQUE (agent, hash)
) STRICT;

-- at: seconds. sure: the host named the time itself, by createdAt or in the id.
CREATE TABLE messages (
    agent   BLOB NOT NULL,
    message BLOB NOT NULL,
    thread  BLOB NOT NULL,
    author  BLOB NOT NULL,
    text    TEXT NOT NULL,
    at      INTEGER NOT NULL,
    sure    INTEGER NOT NULL,
    origin  INTEGER NOT NULL REFERENCES origins (id),
    PRIMARY KEY (agent, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_by_time ON messages (agent, thread, at, message);

-- id: the row of the inbox queue, whose payload is the event's body as it was verified.
-- named: a mention event has said that it mentions the agent. empty: its handler changed nothing.
CREATE TABLE events (
    id       INTEGER PRIMARY KEY,
    agent    BLOB NOT NULL,
    name     TEXT NOT NULL,
    message  BLOB,
    sent_at  INTEGER NOT NULL,
    received INTEGER NOT NULL,
    named    INTEGER NOT NULL,
    empty    INTEGER
) STRICT;
CREATE UNIQUE INDEX events_by_message ON events (agent, message) WHERE message IS NOT NULL;
CREATE INDEX events_by_age ON events (received);

-- Events of agents whose owner is not known yet, in the order in which they came.
CREATE TABLE held (
    id       INTEGER PRIMARY KEY,
    agent    BLOB NOT NULL,
    name     TEXT NOT NULL,
    body     BLOB NOT NULL,
    sent_at  INTEGER NOT NULL,
    received INTEGER NOT NULL
) STRICT;
CREATE INDEX held_by_agent ON held (agent, id);

-- Events that have no other identity are known again by the hash of their body, for a day.
CREATE TABLE seen (
    agent BLOB NOT NULL,
    name  TEXT NOT NULL,
    hash  BLOB NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (agent, name, hash)
) STRICT, WITHOUT ROWID;

-- Authentic events of a known name whose payload is not what it should be. A retry would not mend them; a person may.
CREATE TABLE malformed (
    id       INTEGER PRIMARY KEY,
    agent    BLOB NOT NULL,
    name     TEXT NOT NULL,
    body     BLOB NOT NULL,
    why      TEXT NOT NULL,
    received INTEGER NOT NULL
) STRICT;

CREATE TABLE state (
    agent      BLOB NOT NULL,
    place      BLOB NOT NULL,
    name       TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    value      BLOB NOT NULL,
    holds_text INTEGER NOT NULL,
    origin     INTEGER NOT NULL REFERENCES origins (id),
    PRIMARY KEY (agent, place, name)
) STRICT, WITHOUT ROWID;

-- id: the row of the outbox queue. event: what caused it. part: its place among the sends of that event.
-- after_at: the time (seconds) of the newest message that was known when it was first tried; NULL when none is sure.
-- message: the id under which it stands in the thread.
CREATE TABLE sends (
    id         INTEGER PRIMARY KEY,
    agent      BLOB NOT NULL,
    thread     BLOB NOT NULL,
    text       TEXT NOT NULL,
    event      INTEGER NOT NULL,
    part       INTEGER NOT NULL,
    state      TEXT NOT NULL,
    signed_at  INTEGER,
    tried      INTEGER NOT NULL DEFAULT 0,
    after_at   INTEGER,
    message    BLOB,
    created    INTEGER NOT NULL,
    origin     INTEGER NOT NULL REFERENCES origins (id),
    release_id INTEGER UNIQUE
) STRICT;
CREATE UNIQUE INDEX sends_by_message ON sends (agent, message) WHERE message IS NOT NULL;

-- The seconds that requests were signed for: one body to two threads in one second would be one request to the host.
CREATE TABLE seconds (
    agent  BLOB NOT NULL,
    second INTEGER NOT NULL,
    hash   BLOB NOT NULL,
    PRIMARY KEY (agent, second, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
