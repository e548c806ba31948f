-- What the last passes withheld, and what did not work: for whoever asks while no daemon answers. `document` is the
-- JSON that a status shows. `undoes` is the run that was to be taken back, or empty for what a pass withheld.
CREATE TABLE held_changes (
    undoes   TEXT NOT NULL,
    verb     TEXT NOT NULL,
    target   TEXT NOT NULL,
    user     TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (undoes, user, target, verb)
) STRICT, WITHOUT ROWID;

CREATE TABLE troubles (
    about    TEXT PRIMARY KEY,
    since    INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
