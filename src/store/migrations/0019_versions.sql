-- In which commit a content lies. What was done by an edited file is said to be of the commit once it has those bytes.
CREATE TABLE versions (
    digest    TEXT PRIMARY KEY,
    commit_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
