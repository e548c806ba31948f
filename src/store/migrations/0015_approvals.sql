-- What an approval lets through, action by action: each once. `lifts` is the kind of hold that it lifts, as
-- `planner::approval::Lifts` has it; `verb` is `grant` or `revoke`. An approval without any of these lines is one of
-- an earlier version, and stands for exactly the set that has its digest.
CREATE TABLE approved_actions (
    digest  TEXT NOT NULL REFERENCES approvals (digest),
    lifts   TEXT NOT NULL,
    verb    TEXT NOT NULL,
    target  TEXT NOT NULL,
    user    TEXT NOT NULL,
    used_at INTEGER,
    run     TEXT,
    PRIMARY KEY (digest, lifts, verb, target, user)
) STRICT, WITHOUT ROWID;
