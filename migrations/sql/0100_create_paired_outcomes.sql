-- Experiments that are run on tasks with known answers, both versions on each, instead of on live work.
--
-- Why: a change of high risk is never tried on a client's file, so its proof comes from past tasks; what both versions did there
--      is evidence like the exposures of a live experiment, and a verdict on it can be counted again.
-- Locks: ACCESS EXCLUSIVE on ab_tests and improvement_deployments for a moment, no rewrite.
-- Undo: DROP TABLE paired_outcomes; ALTER TABLE ab_tests DROP COLUMN mode; and the constraint as in 0081.

BEGIN;

ALTER TABLE ab_tests
    ADD COLUMN mode text NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'paired'));

ALTER TABLE improvement_deployments
    DROP CONSTRAINT improvement_deployments_risk_was_tested,
    ADD CONSTRAINT improvement_deployments_risk_was_tested CHECK (
        CASE risk_level WHEN 'low' THEN true WHEN 'medium' THEN ab_test_id IS NOT NULL
            ELSE num_nonnulls(offline_evidence, ab_test_id) > 0 END);

CREATE TABLE paired_outcomes (
    paired_outcome_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ab_test_id        uuid NOT NULL REFERENCES ab_tests,
    task              text NOT NULL CHECK (task <> ''),
    task_sha256       text NOT NULL CHECK (task_sha256 ~ '^[0-9a-f]{64}$'),
    control           jsonb NOT NULL CHECK (jsonb_typeof(control) = 'object'),
    treatment         jsonb NOT NULL CHECK (jsonb_typeof(treatment) = 'object'),
    price_version     text,
    done_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT paired_outcomes_once UNIQUE (ab_test_id, task)
);
CREATE TRIGGER paired_outcomes_stay BEFORE UPDATE OR DELETE ON paired_outcomes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

COMMIT;
