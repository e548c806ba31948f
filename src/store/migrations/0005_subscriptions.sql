-- Subscriptions: a ninth standing, and until when an order is paid.
--
-- SQLite cannot widen a CHECK, so both tables move into wider ones, each row under its own key. Renaming takes
-- the references and the highest key ever given along.

CREATE TABLE orders_wider (
    key              INTEGER PRIMARY KEY AUTOINCREMENT CHECK (key < 4294967296),
    source           INTEGER NOT NULL REFERENCES sources (key),
    id               TEXT NOT NULL,
    buyer            INTEGER NOT NULL REFERENCES buyers (key),
    standing         INTEGER NOT NULL CHECK (standing BETWEEN 0 AND 8),
    status           TEXT,
    paid_at          INTEGER,
    updated_at       INTEGER,
    ended_at         INTEGER,
    period_end       INTEGER,
    seen_at          INTEGER NOT NULL,
    entitled_seen_at INTEGER,
    standing_since   INTEGER NOT NULL,
    digest           INTEGER NOT NULL,
    UNIQUE (source, id)
) STRICT;

CREATE TABLE items_wider (
    order_key INTEGER NOT NULL REFERENCES orders_wider (key),
    line      INTEGER NOT NULL,
    product   INTEGER NOT NULL REFERENCES products (key),
    quantity  INTEGER NOT NULL,
    said      INTEGER CHECK (said BETWEEN 0 AND 8),
    standing  INTEGER NOT NULL CHECK (standing BETWEEN 0 AND 8),
    since     INTEGER NOT NULL,
    PRIMARY KEY (order_key, line)
) STRICT, WITHOUT ROWID;

INSERT INTO orders_wider (key, source, id, buyer, standing, status, paid_at, updated_at, ended_at, seen_at,
                          entitled_seen_at, standing_since, digest)
SELECT key, source, id, buyer, standing, status, paid_at, updated_at, ended_at, seen_at, entitled_seen_at,
       standing_since, digest
FROM orders ORDER BY key;

INSERT INTO items_wider (order_key, line, product, quantity, said, standing, since)
SELECT order_key, line, product, quantity, said, standing, since FROM items ORDER BY order_key, line;

UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'orders') WHERE name = 'orders_wider';

DROP TABLE items;
DROP TABLE orders;
ALTER TABLE orders_wider RENAME TO orders;
ALTER TABLE items_wider RENAME TO items;

CREATE INDEX orders_buyer ON orders (buyer);
