-- The mirror of the orders and the directory of buyers.
--
-- Times are milliseconds since 1970 (UTC). Standings are the numbers of `model::Standing`.
-- AUTOINCREMENT: a key that was handed out is never handed out again, even for another order.

CREATE TABLE sources (
    key  INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE products (
    key    INTEGER PRIMARY KEY AUTOINCREMENT CHECK (key < 4294967296),
    source INTEGER NOT NULL REFERENCES sources (key),
    id     TEXT NOT NULL,
    UNIQUE (source, id)
) STRICT;

-- An absent user id or email is the empty text, since UNIQUE holds two NULLs for different.
CREATE TABLE buyers (
    key        INTEGER PRIMARY KEY AUTOINCREMENT CHECK (key < 4294967296),
    claimed    TEXT NOT NULL,
    email      TEXT NOT NULL,
    resolution TEXT CHECK (resolution IN ('user', 'ambiguous', 'no_account', 'no_identity')),
    user       TEXT CHECK ((user IS NOT NULL) = (resolution IS 'user')),
    candidates TEXT,
    checked_at INTEGER,
    UNIQUE (claimed, email)
) STRICT;

CREATE INDEX buyers_user ON buyers (user) WHERE user IS NOT NULL;

CREATE TABLE orders (
    key              INTEGER PRIMARY KEY AUTOINCREMENT CHECK (key < 4294967296),
    source           INTEGER NOT NULL REFERENCES sources (key),
    id               TEXT NOT NULL,
    buyer            INTEGER NOT NULL REFERENCES buyers (key),
    standing         INTEGER NOT NULL CHECK (standing BETWEEN 0 AND 7),
    status           TEXT,
    paid_at          INTEGER,
    updated_at       INTEGER,
    ended_at         INTEGER,
    seen_at          INTEGER NOT NULL,
    entitled_seen_at INTEGER,
    standing_since   INTEGER NOT NULL,
    digest           INTEGER NOT NULL,
    UNIQUE (source, id)
) STRICT;

CREATE INDEX orders_buyer ON orders (buyer);

-- `said` is the line's own standing, where the API tells lines apart; `standing` is what holds for the
-- line, and `since` is when it came to hold.
CREATE TABLE items (
    order_key INTEGER NOT NULL REFERENCES orders (key),
    line      INTEGER NOT NULL,
    product   INTEGER NOT NULL REFERENCES products (key),
    quantity  INTEGER NOT NULL,
    said      INTEGER CHECK (said BETWEEN 0 AND 7),
    standing  INTEGER NOT NULL CHECK (standing BETWEEN 0 AND 7),
    since     INTEGER NOT NULL,
    PRIMARY KEY (order_key, line)
) STRICT, WITHOUT ROWID;

-- `watermark` is the newest change that was stored; an increment starts an overlap before it.
CREATE TABLE cursors (
    source          INTEGER PRIMARY KEY REFERENCES sources (key),
    watermark       INTEGER,
    last_full_read  INTEGER,
    last_full_count INTEGER
) STRICT;
