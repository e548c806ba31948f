-- What overlays say of orders, when an order was last asked for by its id, and how a source was read.

-- One row is what one item of an overlay says. `standing` NULL: it forces nothing any more. `since` is when that
-- was first read, `reading` the settings it was read with. Open: the order was not recorded with it yet.
CREATE TABLE marks (
    source   INTEGER NOT NULL REFERENCES sources (key),
    overlay  INTEGER NOT NULL,
    item     TEXT NOT NULL,
    order_id TEXT NOT NULL,
    standing INTEGER CHECK (standing BETWEEN 0 AND 8),
    ended_at INTEGER,
    since    INTEGER NOT NULL,
    reading  INTEGER NOT NULL,
    open     INTEGER NOT NULL CHECK (open IN (0, 1)),
    PRIMARY KEY (source, overlay, item)
) STRICT, WITHOUT ROWID;

CREATE INDEX marks_order ON marks (source, order_id);
CREATE INDEX marks_open ON marks (source, order_id) WHERE open;

CREATE TABLE checks (
    order_key    INTEGER PRIMARY KEY REFERENCES orders (key),
    asked_at     INTEGER NOT NULL,
    confirmed_at INTEGER
) STRICT;

-- A number for the settings of the last full read. Other settings read the same answers otherwise.
ALTER TABLE cursors ADD COLUMN reading INTEGER;
