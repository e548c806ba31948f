-- What is ours, why, and everything that ever happened to it.

CREATE TABLE ledger (
    user         TEXT NOT NULL,
    target       TEXT NOT NULL,
    ownership    TEXT NOT NULL CHECK (ownership IN ('granted', 'adopted')),
    cause        TEXT NOT NULL CHECK (cause IN ('order', 'commit')),
    source       TEXT NOT NULL,
    order_id     TEXT NOT NULL,
    product      TEXT NOT NULL,
    line         INTEGER NOT NULL,
    config       TEXT NOT NULL,
    since        INTEGER NOT NULL,
    run          TEXT NOT NULL,
    confirmed_at INTEGER,
    PRIMARY KEY (user, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    run      TEXT NOT NULL,
    verb     TEXT NOT NULL CHECK (verb IN ('granted', 'adopted', 'revoked', 'refused', 'closed')),
    user     TEXT NOT NULL,
    target   TEXT NOT NULL,
    cause    TEXT CHECK (cause IN ('order', 'commit')),
    source   TEXT,
    order_id TEXT,
    product  TEXT,
    line     INTEGER,
    config   TEXT,
    note     TEXT
) STRICT;

CREATE INDEX audit_user ON audit (user, target);
CREATE INDEX audit_verb ON audit (verb, at);

CREATE TRIGGER audit_keeps_what_it_says BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER audit_forgets_nothing BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

-- A product of `entitlements.yaml` and a target that it leads to. New until it is settled.
CREATE TABLE mappings (
    product    TEXT NOT NULL,
    target     TEXT NOT NULL,
    since      INTEGER NOT NULL,
    settled_at INTEGER,
    PRIMARY KEY (product, target)
) STRICT, WITHOUT ROWID;
