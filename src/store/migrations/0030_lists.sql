-- How far each further list of a source was read: JSON, by the name of the list. NULL: it has none.
ALTER TABLE cursors ADD COLUMN lists TEXT;
