-- When Logto was last asked who a buyer is, whatever came of it.
ALTER TABLE buyers ADD COLUMN asked_at INTEGER;

-- The newest user of Logto, and how many there were, when everybody who waits for an account had last been asked for.
CREATE TABLE users_mark (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    newest TEXT,
    total  INTEGER NOT NULL
) STRICT;
