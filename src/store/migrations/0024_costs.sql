-- What every turn and every sale asks for, so that no answer takes a look at every row.

-- Orders of each source, and those of them that are odd: counted as they come and go.
ALTER TABLE sources ADD COLUMN orders INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN odd INTEGER NOT NULL DEFAULT 0;

UPDATE sources SET orders = (SELECT count(*) FROM orders WHERE source = sources.key),
                   odd = (SELECT count(*) FROM odd WHERE source = sources.key);

CREATE TRIGGER orders_come AFTER INSERT ON orders
BEGIN
    UPDATE sources SET orders = orders + 1 WHERE key = NEW.source;
END;

CREATE TRIGGER orders_go AFTER DELETE ON orders
BEGIN
    UPDATE sources SET orders = orders - 1 WHERE key = OLD.source;
END;

CREATE TRIGGER orders_move AFTER UPDATE OF source ON orders
BEGIN
    UPDATE sources SET orders = orders - 1 WHERE key = OLD.source;
    UPDATE sources SET orders = orders + 1 WHERE key = NEW.source;
END;

CREATE TRIGGER odd_come AFTER INSERT ON odd
BEGIN
    UPDATE sources SET odd = odd + 1 WHERE key = NEW.source;
END;

CREATE TRIGGER odd_go AFTER DELETE ON odd
BEGIN
    UPDATE sources SET odd = odd - 1 WHERE key = OLD.source;
END;

CREATE TRIGGER odd_move AFTER UPDATE OF source ON odd
BEGIN
    UPDATE sources SET odd = odd - 1 WHERE key = OLD.source;
    UPDATE sources SET odd = odd + 1 WHERE key = NEW.source;
END;

-- Rows of the ledger, for a figure that is shown. The limits count them one by one.
CREATE TABLE ledger_size (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    total INTEGER NOT NULL
) STRICT;

INSERT INTO ledger_size (one, total) SELECT 1, count(*) FROM ledger;

CREATE TRIGGER ledger_comes AFTER INSERT ON ledger
BEGIN
    UPDATE ledger_size SET total = total + 1;
END;

CREATE TRIGGER ledger_goes AFTER DELETE ON ledger
BEGIN
    UPDATE ledger_size SET total = total - 1;
END;

-- By which version of the file passes go now, and since when by no other.
CREATE TABLE config_in_force (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    config TEXT NOT NULL,
    since  INTEGER NOT NULL
) STRICT;

INSERT INTO config_in_force (one, config, since)
SELECT 1, last.config, coalesce(
    (SELECT min(r.started) FROM runs r WHERE r.config = last.config AND r.started > coalesce(
        (SELECT max(o.started) FROM runs o WHERE o.config <> last.config), -1)),
    last.started)
FROM (SELECT config, started FROM runs ORDER BY started DESC, id DESC LIMIT 1) last;

CREATE INDEX runs_full ON runs (finished) WHERE kind = 'full' AND outcome = 'succeeded';
CREATE INDEX ledger_undone ON ledger (undone_at) WHERE undone > 0;
CREATE INDEX ledger_lost ON ledger (lost_at) WHERE lost_at IS NOT NULL;
CREATE INDEX buyers_email ON buyers (email);
CREATE INDEX buyers_waiting ON buyers (key) WHERE user IS NULL;
CREATE INDEX approvals_created ON approvals (created);
CREATE INDEX approvals_expires ON approvals (expires);
CREATE INDEX freezes_open ON freezes (until) WHERE ended_at IS NULL;

-- Finds what is odd as it is shown, and whether anything of a source stands unknown.
DROP INDEX odd_source;
CREATE INDEX odd_newest ON odd (source, unknown, since, order_key);
