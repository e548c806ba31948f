-- Sources that go by another name now, and where each source was read: not the address, which may be a secret, but
-- a name for it.

ALTER TABLE sources ADD COLUMN address TEXT;

CREATE TABLE renamed (
    was    TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
