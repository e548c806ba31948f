-- What was given by hand, and what a target is called.

-- Grants that Logto holds and the ledger does not own, and when a pass first saw each. An order takes over only
-- what was not there before it was paid.
CREATE TABLE foreign_grants (
    user       TEXT NOT NULL,
    target     TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    PRIMARY KEY (user, target)
) STRICT, WITHOUT ROWID;

CREATE INDEX foreign_first_seen ON foreign_grants (first_seen);

-- When a pass saw that a grant of ours is not there, and did not make it again. Whoever holds it later has it
-- from somebody else.
ALTER TABLE ledger ADD COLUMN lost_at INTEGER;

-- How the file, or Logto, last called a target, for whoever reads the trail without asking Logto.
CREATE TABLE target_names (
    target TEXT PRIMARY KEY,
    name   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
