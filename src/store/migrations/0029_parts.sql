-- Of how much of an order an item of an overlay is: the JSON of `model::Part`. NULL: all of it.
ALTER TABLE marks ADD COLUMN part TEXT;

-- What a refund calls a line, where the API tells lines apart so.
ALTER TABLE items ADD COLUMN id TEXT;
