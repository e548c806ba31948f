-- The webhook that was set up in Logto, and the key that it signs with. There is one, since there is one tenant.

CREATE TABLE logto_hook (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    id          TEXT NOT NULL,
    url         TEXT NOT NULL,
    signing_key TEXT NOT NULL,
    since       INTEGER NOT NULL
) STRICT;
