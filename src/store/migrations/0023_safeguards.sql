-- How careful each version of the file was that passes went by, when they went by another one, and until when it counts
-- beside that. The last has not been left.
CREATE TABLE safeguards (
    id       INTEGER PRIMARY KEY,
    body     TEXT NOT NULL UNIQUE,
    left_at  INTEGER,
    until_at INTEGER,
    CHECK ((left_at IS NULL) = (until_at IS NULL))
) STRICT;

-- Who is behind a change: `file` where a version of the file did it, `undo` where it takes back what one did shortly
-- before, which counts for no limit.
ALTER TABLE audit ADD COLUMN author TEXT CHECK (author IN ('file', 'undo'));
ALTER TABLE open_revocations ADD COLUMN author TEXT CHECK (author IN ('file', 'undo'));

CREATE INDEX audit_by_file ON audit (at) WHERE author = 'file';
