-- Whether a subscription goes on when its paid period ends: 1 unless the payment API says that it does not.
ALTER TABLE orders ADD COLUMN renews INTEGER NOT NULL DEFAULT 1;

-- Of those that are stored nobody has asked. They end with their period until they are read again, and the next
-- reading counts as a new one even where it says nothing else.
UPDATE orders SET renews = 0, digest = ~digest WHERE period_end IS NOT NULL;
