-- How careful each version of the file was that passes went by, and until when they did. The last has not been left.
CREATE TABLE safeguards (
    id      INTEGER PRIMARY KEY,
    body    TEXT NOT NULL,
    left_at INTEGER
) STRICT;

-- Who is behind a change: `file` where a version of the file did it, `undo` where it takes back what one did shortly
-- before, which counts for no limit. Of grants by a version the cause tells.
ALTER TABLE audit ADD COLUMN author TEXT CHECK (author IN ('file', 'undo'));
ALTER TABLE open_revocations ADD COLUMN author TEXT CHECK (author IN ('file', 'undo'));
