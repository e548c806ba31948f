-- Whether the last full pass went by a file that does not name the source. What its orders would be given when it comes
-- back is a commit's doing, whatever has been settled meanwhile.
ALTER TABLE sources ADD COLUMN absent INTEGER NOT NULL DEFAULT 0 CHECK (absent IN (0, 1));
