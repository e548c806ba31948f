-- Until when a line is paid, where that is not when its order is: the end of a period of its own, or the last moment
-- there is for what was bought once.
ALTER TABLE items ADD COLUMN until INTEGER;
