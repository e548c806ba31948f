-- Whether a subscription goes on when its paid period ends: 1 unless the payment API says that it does not.
ALTER TABLE orders ADD COLUMN renews INTEGER NOT NULL DEFAULT 1;
