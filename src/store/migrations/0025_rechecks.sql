-- The orders that back grants, and when each was last asked for by its id: so that the next ones are found without a
-- look at all of them. Follows from `ledger`, `orders` and `checks`, and is kept by what changes those.
CREATE TABLE backing (
    order_key INTEGER PRIMARY KEY,
    source    INTEGER NOT NULL,
    -- What was never asked for was new when it was first read.
    asked_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX backing_waiting ON backing (source, asked_at);

-- How many of each source there are.
ALTER TABLE sources ADD COLUMN backing INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER backing_comes AFTER INSERT ON backing
BEGIN
    UPDATE sources SET backing = backing + 1 WHERE key = NEW.source;
END;

CREATE TRIGGER backing_goes AFTER DELETE ON backing
BEGIN
    UPDATE sources SET backing = backing - 1 WHERE key = OLD.source;
END;

INSERT INTO backing (order_key, source, asked_at)
SELECT DISTINCT o.key, o.source, coalesce(c.asked_at, o.seen_at)
FROM ledger l CROSS JOIN sources s ON s.name = l.source CROSS JOIN orders o ON o.source = s.key AND o.id = l.order_id
    LEFT JOIN checks c ON c.order_key = o.key;

CREATE TRIGGER ledger_is_backed AFTER INSERT ON ledger
BEGIN
    INSERT OR IGNORE INTO backing (order_key, source, asked_at)
    SELECT o.key, o.source, coalesce(c.asked_at, o.seen_at)
    FROM sources s CROSS JOIN orders o ON o.source = s.key AND o.id = NEW.order_id
        LEFT JOIN checks c ON c.order_key = o.key
    WHERE s.name = NEW.source;
END;

CREATE TRIGGER ledger_is_backed_no_more AFTER DELETE ON ledger
WHEN NOT EXISTS (SELECT 1 FROM ledger WHERE source = OLD.source AND order_id = OLD.order_id)
BEGIN
    DELETE FROM backing WHERE order_key IN (
        SELECT o.key FROM sources s CROSS JOIN orders o ON o.source = s.key AND o.id = OLD.order_id
        WHERE s.name = OLD.source);
END;

CREATE TRIGGER ledger_is_backed_elsewhere AFTER UPDATE OF source ON ledger
BEGIN
    INSERT OR IGNORE INTO backing (order_key, source, asked_at)
    SELECT o.key, o.source, coalesce(c.asked_at, o.seen_at)
    FROM sources s CROSS JOIN orders o ON o.source = s.key AND o.id = NEW.order_id
        LEFT JOIN checks c ON c.order_key = o.key
    WHERE s.name = NEW.source;
END;

CREATE TRIGGER backing_is_gone AFTER DELETE ON orders
BEGIN
    DELETE FROM backing WHERE order_key = OLD.key;
END;

-- Of two copies of an order it may be this one that the ledger means now.
CREATE TRIGGER backing_moves AFTER UPDATE OF source ON orders
BEGIN
    DELETE FROM backing WHERE order_key = OLD.key;
    INSERT OR IGNORE INTO backing (order_key, source, asked_at)
    SELECT NEW.key, NEW.source, coalesce((SELECT asked_at FROM checks WHERE order_key = NEW.key), NEW.seen_at)
    FROM sources s WHERE s.key = NEW.source
        AND EXISTS (SELECT 1 FROM ledger WHERE source = s.name AND order_id = NEW.id);
END;

CREATE TRIGGER backing_is_asked_for AFTER INSERT ON checks
BEGIN
    UPDATE backing SET asked_at = NEW.asked_at WHERE order_key = NEW.order_key;
END;

CREATE TRIGGER backing_is_asked_for_again AFTER UPDATE OF asked_at ON checks
BEGIN
    UPDATE backing SET asked_at = NEW.asked_at WHERE order_key = NEW.order_key;
END;
