-- The run that is taken back, where what is approved is part of taking it back: no pass uses such an approval.
ALTER TABLE approvals ADD COLUMN undoes TEXT;

-- An approval lifts one kind of hold, named by that hold's own word. What let an amount through counts for the limits.
UPDATE approved_actions SET lifts = CASE lifts WHEN 'clock' THEN 'ClockDoubtful' ELSE 'OverLimit' END;
