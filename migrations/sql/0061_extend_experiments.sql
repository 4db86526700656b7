-- Experiments that run: what is declared beforehand, who saw which version, and verdicts with all they rest on.
--
-- Why: a verdict is evidence for changing an agent; it is worth what can be checked about it later.
-- Locks: ACCESS EXCLUSIVE on ab_tests and agent_cost_tracking for a moment, SHARE on agent_cost_tracking and agent_runs
--        while indexes over the rows of experiments are built.
-- Undo: DROP TABLE experiment_verdicts, experiment_states, experiment_exposures; DROP FUNCTION refuse_change();
--       ALTER TABLE ab_tests DROP COLUMN treatment_version, DROP COLUMN metric_plan, DROP COLUMN max_blocks,
--       DROP COLUMN power_statement, DROP COLUMN outcome_hours, DROP COLUMN approved_by, DROP COLUMN approved_role,
--       DROP COLUMN approved_at; the view agent_run_facts as in 0013;
--       ALTER TABLE agent_cost_tracking DROP COLUMN variant, DROP COLUMN experiment_unit; DROP INDEX agent_runs_by_experiment;

BEGIN;

ALTER TABLE ab_tests
    ADD COLUMN treatment_version text,
    ADD COLUMN metric_plan jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN max_blocks integer CHECK (max_blocks > 0),
    ADD COLUMN power_statement text,
    ADD COLUMN outcome_hours double precision NOT NULL DEFAULT 1 CHECK (outcome_hours > 0),
    ADD COLUMN approved_by text,
    ADD COLUMN approved_role text,
    ADD COLUMN approved_at timestamptz,
    ADD CONSTRAINT ab_tests_second_person CHECK (approved_by <> created_by),
    ADD CONSTRAINT ab_tests_approved CHECK (num_nonnulls(approved_by, approved_role, approved_at) IN (0, 3));

ALTER TABLE agent_cost_tracking
    ADD COLUMN variant text CHECK (variant IN ('A', 'B')),
    ADD COLUMN experiment_unit text;
CREATE INDEX agent_cost_tracking_by_unit ON agent_cost_tracking (ab_test_id, experiment_unit) WHERE ab_test_id IS NOT NULL;
CREATE INDEX agent_runs_by_experiment ON agent_runs (ab_test_id, recorded_at) WHERE ab_test_id IS NOT NULL;

CREATE OR REPLACE VIEW agent_run_facts AS
SELECT agent_id, agent_version, task_id, started_at, duration_ms, outcome, error_type, provider, model,
    tokens_in, tokens_out, tokens_cached, tokens_reasoning, cost_usd, accuracy, client_id, engagement_id,
    workflow_execution_id, step_execution_id, ab_test_id, variant, cache_hit, source, recorded_at
FROM agent_runs
UNION ALL
SELECT c.agent_id, c.agent_version, c.task,
    (c.incurred_at AT TIME ZONE 'UTC' - c.duration_ms * interval '1 millisecond') AT TIME ZONE 'UTC',
    c.duration_ms::double precision, c.outcome, nullif(split_part(c.error, ':', 1), ''), c.provider, c.model,
    c.tokens_in::bigint, c.tokens_out::bigint, c.tokens_cached::bigint, NULL::bigint, c.cost_usd,
    NULL::double precision, c.client_id, c.engagement_id,
    c.workflow_execution_id, c.step_execution_id, coalesce(c.ab_test_id, s.ab_test_id), coalesce(c.variant, s.variant),
    c.cache_hit, 'gateway', c.incurred_at
FROM agent_cost_tracking c
LEFT JOIN workflow_step_executions s USING (step_execution_id);

CREATE TABLE experiment_exposures (
    exposure_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ab_test_id       uuid NOT NULL REFERENCES ab_tests ON DELETE CASCADE,
    unit             text NOT NULL,
    variant          text NOT NULL CHECK (variant IN ('A', 'B')),
    split            double precision NOT NULL CHECK (split > 0 AND split < 1),
    agent_version    text,  -- NULL: not reported
    first_exposed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    source           text NOT NULL DEFAULT 'gateway' CHECK (source IN ('gateway', 'reported')),
    is_crossed       boolean NOT NULL DEFAULT false,
    CONSTRAINT experiment_exposures_once UNIQUE (ab_test_id, unit)
);
CREATE INDEX experiment_exposures_in_order ON experiment_exposures (ab_test_id, exposure_id);

CREATE TABLE experiment_states (
    ab_test_id       uuid PRIMARY KEY REFERENCES ab_tests ON DELETE CASCADE,
    state            jsonb NOT NULL,
    last_exposure_id bigint NOT NULL,
    units            integer NOT NULL CHECK (units >= 0),
    data_sha256      text NOT NULL CHECK (data_sha256 ~ '^[0-9a-f]{64}$'),
    reported_until   timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE experiment_verdicts (
    verdict_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ab_test_id        uuid NOT NULL REFERENCES ab_tests,
    as_of             timestamptz NOT NULL,
    verdict           text NOT NULL CHECK (verdict IN ('adopt', 'keep control', 'inconclusive', 'roll back', 'hold')),
    reason            text NOT NULL,
    decided_at_units  integer CHECK (decided_at_units BETWEEN 0 AND units),
    units             integer NOT NULL CHECK (units >= 0),
    data_sha256       text NOT NULL CHECK (data_sha256 ~ '^[0-9a-f]{64}$'),
    plan_sha256       text NOT NULL CHECK (plan_sha256 ~ '^[0-9a-f]{64}$'),
    price_version     text,
    code_version      text NOT NULL,
    control_version   text NOT NULL,
    treatment_version text NOT NULL,
    numbers           jsonb NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT experiment_verdicts_once UNIQUE (ab_test_id, data_sha256, plan_sha256, code_version, verdict)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are evidence: they are added, never changed', TG_TABLE_NAME;
END $$;
CREATE TRIGGER experiment_verdicts_stay BEFORE UPDATE OR DELETE ON experiment_verdicts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

COMMIT;
