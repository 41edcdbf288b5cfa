-- What is seen of the wire, in one order: deliveries and calls as they began. The order never changes, whatever becomes of them.
CREATE TABLE wire (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery INTEGER UNIQUE REFERENCES deliveries (id) ON DELETE CASCADE,
    call     INTEGER UNIQUE REFERENCES calls (id) ON DELETE CASCADE
) STRICT;
INSERT INTO wire (delivery, call) SELECT delivery, call FROM (
    SELECT created AS at, id AS delivery, NULL AS call FROM deliveries
    UNION ALL SELECT at, NULL, id FROM calls
) ORDER BY at, delivery, call;

-- Up to which message somebody has seen a thread.
CREATE TABLE seen (
    user    BLOB NOT NULL,
    thread  BLOB NOT NULL REFERENCES threads (id),
    message BLOB NOT NULL,
    PRIMARY KEY (user, thread)
) STRICT, WITHOUT ROWID;

-- With what an attempt was signed: the second, and the end of the key. trouble: what was done to it on purpose.
ALTER TABLE attempts ADD COLUMN signed INTEGER;
ALTER TABLE attempts ADD COLUMN key_end TEXT;
ALTER TABLE attempts ADD COLUMN trouble TEXT;
-- Whether any of its attempts was touched on purpose.
ALTER TABLE deliveries ADD COLUMN trouble TEXT;

-- What a call came with: its second, its signature, and the beginning of its body, which is kept for the newest alone.
ALTER TABLE calls ADD COLUMN signed INTEGER;
ALTER TABLE calls ADD COLUMN signature TEXT;
ALTER TABLE calls ADD COLUMN body BLOB;
ALTER TABLE calls ADD COLUMN trouble TEXT;
CREATE INDEX calls_refused ON calls (id) WHERE code IS NOT NULL;
