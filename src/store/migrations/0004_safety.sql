-- What a person may say to the daemon (approve, freeze, release, adopt), and who undid what.

-- The lease is a lock on a file beside the store.
DROP TABLE lease;

CREATE TABLE approvals (
    digest  TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    who     TEXT NOT NULL,
    note    TEXT,
    used_at INTEGER,
    run     TEXT,
    CHECK ((used_at IS NULL) = (run IS NULL))
) STRICT, WITHOUT ROWID;

-- `until` is when it ends by itself, `ended_at` when somebody ended it before.
CREATE TABLE freezes (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    scope    TEXT NOT NULL CHECK (scope IN ('revocations', 'all')),
    since    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    who      TEXT NOT NULL,
    ended_at INTEGER,
    ended_by TEXT,
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
) STRICT;

-- What a person gave up: not to be adopted by a pass.
CREATE TABLE released (
    user   TEXT NOT NULL,
    target TEXT NOT NULL,
    since  INTEGER NOT NULL,
    who    TEXT NOT NULL,
    PRIMARY KEY (user, target)
) STRICT, WITHOUT ROWID;

-- How often somebody else took away what Logto had confirmed, and when that was last seen.
ALTER TABLE ledger ADD COLUMN undone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN undone_at INTEGER;

-- SQLite cannot widen a CHECK, so the trail moves into a wider table, each line under its own id. Dropping
-- the old one fires none of its triggers. A line is the work of a pass or of a person, and is about a grant
-- or about something else.
CREATE TABLE audit_wider (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    run      TEXT,
    who      TEXT,
    verb     TEXT NOT NULL CHECK (verb IN ('granted', 'adopted', 'revoked', 'refused', 'closed', 'released',
                                           'approved', 'approval_used', 'frozen', 'unfrozen')),
    user     TEXT,
    target   TEXT,
    subject  TEXT,
    cause    TEXT CHECK (cause IN ('order', 'commit')),
    source   TEXT,
    order_id TEXT,
    product  TEXT,
    line     INTEGER,
    config   TEXT,
    note     TEXT,
    CHECK ((run IS NULL) <> (who IS NULL)),
    CHECK ((user IS NULL) = (target IS NULL)),
    CHECK ((user IS NULL) <> (subject IS NULL))
) STRICT;

INSERT INTO audit_wider (id, at, run, verb, user, target, cause, source, order_id, product, line, config, note)
SELECT id, at, run, verb, user, target, cause, source, order_id, product, line, config, note FROM audit ORDER BY id;

DROP TABLE audit;
ALTER TABLE audit_wider RENAME TO audit;

CREATE INDEX audit_user ON audit (user, target);
CREATE INDEX audit_verb ON audit (verb, at);
CREATE INDEX audit_run ON audit (run);

CREATE TRIGGER audit_keeps_what_it_says BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER audit_forgets_nothing BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
