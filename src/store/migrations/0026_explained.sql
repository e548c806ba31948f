-- Whether an order spoke of a grant of somebody else's when a pass first saw it: entitled to it, ended in its grace, or
-- of a standing that nobody knows. Where none did, no order that was known then is what gave it.
ALTER TABLE foreign_grants ADD COLUMN explained INTEGER NOT NULL DEFAULT 0 CHECK (explained IN (0, 1));
-- Of what was seen before this step nobody has asked: there the time of the payment alone decides, as it did.
UPDATE foreign_grants SET explained = 1;
