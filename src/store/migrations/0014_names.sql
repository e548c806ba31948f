-- What each name of the file stood for when Logto was last asked and knew it. A name that Logto does not know any
-- more keeps that id, and one that stands for another is said to.
CREATE TABLE names (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    id   TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
