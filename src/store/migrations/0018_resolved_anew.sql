-- What a name stood for when the mappings were noted last, where that was something else.
ALTER TABLE names ADD COLUMN before TEXT;

-- The target that the product led to until the name in the file came to stand for another one.
ALTER TABLE mappings ADD COLUMN replaces TEXT;
