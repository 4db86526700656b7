-- What an opportunity is about, since when, how large, what it costs, and why it ended.
--
-- Why: the same trouble found again is the same row with new figures; trouble that has gone closes itself; a person's
--      no is remembered with its reason. A value nobody can compute is NULL, never 0.
-- Locks: ACCESS EXCLUSIVE on improvement_opportunities, which the new checks read once.
-- Undo: DELETE FROM improvement_opportunities WHERE status = 'resolved' OR detector IN ('new_error_type', 'complaint_theme');
--       put the two checks back as phase5_optimization.sql has them;
--       ALTER TABLE improvement_opportunities DROP COLUMN metric, DROP COLUMN subject, DROP COLUMN began_on, DROP COLUMN found_on,
--       DROP COLUMN last_seen_on, DROP COLUMN size, DROP COLUMN usd_per_month, DROP COLUMN hours_per_month,
--       DROP COLUMN status_reason, DROP COLUMN closed_at;

BEGIN;

ALTER TABLE improvement_opportunities
    ADD COLUMN metric          text,
    ADD COLUMN subject         text,  -- the error type, theme or category in question; NULL: all of the metric
    ADD COLUMN began_on        date,  -- likeliest first day of the trouble
    ADD COLUMN found_on        date,  -- day whose look found it first
    ADD COLUMN last_seen_on    date,  -- day whose look found it last
    ADD COLUMN size            double precision,  -- change for the worse, in the metric's unit
    ADD COLUMN usd_per_month   numeric(14,2),  -- what the trouble costs; NULL: unknown
    ADD COLUMN hours_per_month numeric(14,2),  -- what people wait longer; NULL: unknown
    ADD COLUMN status_reason   text,  -- of rejected and resolved
    ADD COLUMN closed_at       timestamptz,
    DROP CONSTRAINT improvement_opportunities_detector_check,
    ADD CONSTRAINT improvement_opportunities_detector_check CHECK (detector IN ('low_rating', 'repeated_correction', 'high_error', 'slow_p95', 'cost_spike', 'drift', 'low_similarity', 'new_error_type', 'complaint_theme', 'manual')),
    DROP CONSTRAINT improvement_opportunities_status_check,
    ADD CONSTRAINT improvement_opportunities_status_check CHECK (status IN ('identified', 'triaged', 'in_test', 'validated', 'rejected', 'deployed', 'rolled_back', 'superseded', 'resolved'));

COMMIT;
