-- Revocations that Logto was asked for, until somebody has seen that the grant is gone; each with what ended it.
CREATE TABLE open_revocations (
    user     TEXT NOT NULL,
    target   TEXT NOT NULL,
    -- When it was asked for first.
    at       INTEGER NOT NULL,
    because  TEXT NOT NULL,
    source   TEXT,
    order_id TEXT,
    product  TEXT,
    line     INTEGER,
    config   TEXT NOT NULL,
    -- How often Logto said that it was made, and the holder was there all the same.
    in_vain  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user, target)
) STRICT, WITHOUT ROWID;

CREATE INDEX ledger_unconfirmed ON ledger (user) WHERE confirmed_at IS NULL;
