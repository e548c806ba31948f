-- The file that was in force last, as it was written: its references are not resolved, so it holds no secret. A
-- daemon that starts on a broken one goes on with it.
CREATE TABLE valid_file (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    text       TEXT NOT NULL,
    commit_id  TEXT,
    entered_at INTEGER NOT NULL
) STRICT;
