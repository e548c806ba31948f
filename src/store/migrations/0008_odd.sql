-- Orders of which something could not be read, and what: a list in JSON, as `model::Odd` has it.
-- `unknown`: whether that keeps the order from being evidence.
CREATE TABLE odd (
    order_key INTEGER PRIMARY KEY REFERENCES orders (key),
    source    INTEGER NOT NULL REFERENCES sources (key),
    says      TEXT NOT NULL,
    unknown   INTEGER NOT NULL CHECK (unknown IN (0, 1)),
    since     INTEGER NOT NULL
) STRICT;

CREATE INDEX odd_source ON odd (source);

-- Rows since the last full read of which not even the id could be read.
ALTER TABLE cursors ADD COLUMN nameless INTEGER NOT NULL DEFAULT 0;
