-- Trouble on purpose: the switches of agents, each from the first time that it was set.
CREATE TABLE trouble (
    agent   BLOB NOT NULL REFERENCES agents (id),
    kind    TEXT NOT NULL,
    every   INTEGER NOT NULL,           -- one of so many in a row; 0 if it is off, or on for the next one only
    next    INTEGER NOT NULL,           -- whether it is on for the next one only
    seconds INTEGER,                    -- of a delay
    seen    INTEGER NOT NULL DEFAULT 0, -- how many it could have touched since it was set
    touched INTEGER NOT NULL DEFAULT 0, -- how many it has touched, ever
    PRIMARY KEY (agent, kind)
) STRICT, WITHOUT ROWID;

-- What decides which ones it befalls; and how many switches are on, so that without trouble nobody looks for any.
ALTER TABLE agents ADD COLUMN seed INTEGER NOT NULL DEFAULT 4711;
ALTER TABLE agents ADD COLUMN troubles INTEGER NOT NULL DEFAULT 0;
CREATE INDEX agents_in_trouble ON agents (id) WHERE troubles > 0;

-- A delivery that is held before its first attempt: until when, and whether that is over once the one after it was taken.
ALTER TABLE deliveries ADD COLUMN held INTEGER;
ALTER TABLE deliveries ADD COLUMN swap INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_held ON deliveries (agent, id) WHERE held IS NOT NULL;
-- Whether it was taken, and is to be taken once more.
ALTER TABLE deliveries ADD COLUMN second INTEGER NOT NULL DEFAULT 0;
