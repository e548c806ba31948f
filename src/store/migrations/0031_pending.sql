-- The orders that wait to be paid (standing 0), so that those whose turn it is to be asked for are found without a look at
-- all orders.
CREATE INDEX orders_pending ON orders (source, standing_since) WHERE standing = 0;
