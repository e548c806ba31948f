-- What an order says now against what it gave: found from either side.

-- The rows of the ledger that an order is behind.
CREATE INDEX ledger_order ON ledger (source, order_id);

-- `bound` is the user whom a binding of the file named when it decided, `was` the user whom the same identity was
-- before it became another one, and `moved_at` when that was.
ALTER TABLE buyers ADD COLUMN bound TEXT;
ALTER TABLE buyers ADD COLUMN was TEXT;
ALTER TABLE buyers ADD COLUMN moved_at INTEGER;

CREATE INDEX buyers_moved ON buyers (moved_at) WHERE moved_at IS NOT NULL;

-- The rules by which a full pass has settled this store; none before the first.
CREATE TABLE rules (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    version    INTEGER NOT NULL,
    settled_at INTEGER NOT NULL
) STRICT;
