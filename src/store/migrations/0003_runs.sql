-- The passes, and who may write.

CREATE TABLE runs (
    id       TEXT PRIMARY KEY,
    kind     TEXT NOT NULL CHECK (kind IN ('quick', 'full')),
    config   TEXT NOT NULL,
    revision TEXT,
    started  INTEGER NOT NULL,
    finished INTEGER,
    outcome  TEXT CHECK (outcome IN ('succeeded', 'failed')),
    done     INTEGER,
    held     INTEGER,
    failed   INTEGER,
    calls    INTEGER,
    CHECK ((finished IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_started ON runs (started);

CREATE TABLE lease (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    holder TEXT NOT NULL,
    until  INTEGER NOT NULL
) STRICT;
