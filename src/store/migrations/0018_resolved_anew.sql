-- What a name stood for before, where it has ever stood for something else.
ALTER TABLE names ADD COLUMN before TEXT;

-- The target that the product led to until the name in the file came to stand for another one.
ALTER TABLE mappings ADD COLUMN replaces TEXT;
