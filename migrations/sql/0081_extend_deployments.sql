-- Deployments that go stage by stage and come back by themselves: approvals, evidence of harm, and the work to be done again.
--
-- Why: a rollout is an assignment like an experiment's, so it is a row of ab_tests of another kind; a breach is stored before
--      anything acts on it; and what the bad version wrote is listed, never searched for later.
-- Locks: ACCESS EXCLUSIVE on ab_tests and improvement_deployments for a moment, no rewrite.
-- Undo: DROP TABLE reperformances, guardrail_breaches, deployment_events, deployment_approvals;
--       ALTER TABLE improvement_deployments DROP COLUMN rollout_test_id, DROP COLUMN verdict_id, DROP COLUMN stage_entered_at,
--       DROP COLUMN stage_units, DROP COLUMN paused_by, DROP COLUMN released_by, DROP COLUMN waits_for,
--       DROP COLUMN needs_person, DROP COLUMN offline_evidence, ALTER COLUMN opportunity_id SET NOT NULL; ALTER TABLE ab_tests DROP COLUMN kind;

BEGIN;

ALTER TABLE ab_tests
    ADD COLUMN kind text NOT NULL DEFAULT 'experiment' CHECK (kind IN ('experiment', 'rollout'));

ALTER TABLE improvement_deployments
    ALTER COLUMN opportunity_id DROP NOT NULL,
    ADD COLUMN rollout_test_id uuid REFERENCES ab_tests,
    ADD COLUMN verdict_id bigint REFERENCES experiment_verdicts,
    ADD COLUMN stage_entered_at timestamptz,
    ADD COLUMN stage_units jsonb,
    ADD COLUMN paused_by text,
    ADD COLUMN released_by text,
    ADD COLUMN waits_for text,
    ADD COLUMN needs_person boolean NOT NULL DEFAULT false,
    ADD COLUMN offline_evidence jsonb,
    DROP CONSTRAINT improvement_deployments_risk_was_tested,
    ADD CONSTRAINT improvement_deployments_risk_was_tested CHECK (
        CASE risk_level WHEN 'low' THEN true WHEN 'medium' THEN ab_test_id IS NOT NULL ELSE offline_evidence IS NOT NULL END);

CREATE TABLE deployment_approvals (
    deployment_id uuid NOT NULL REFERENCES improvement_deployments ON DELETE CASCADE,
    user_id       text NOT NULL,
    role          text NOT NULL,
    comment       text NOT NULL DEFAULT '',
    approved_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (deployment_id, user_id)
);

CREATE TABLE deployment_events (
    deployment_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment_id       uuid NOT NULL REFERENCES improvement_deployments ON DELETE CASCADE,
    what                text NOT NULL,
    by_whom             text NOT NULL,
    reason              text NOT NULL DEFAULT '',
    facts               jsonb NOT NULL DEFAULT '{}',
    happened_at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX deployment_events_by_deployment ON deployment_events (deployment_id, deployment_event_id);

CREATE TABLE guardrail_breaches (
    breach_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    deployment_id uuid NOT NULL UNIQUE REFERENCES improvement_deployments,
    found_by      text NOT NULL,
    reason        text NOT NULL CHECK (reason <> ''),
    evidence      jsonb NOT NULL DEFAULT '{}',
    found_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts      integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    last_error    text,
    served_at     timestamptz
);
CREATE INDEX guardrail_breaches_unserved ON guardrail_breaches (found_at) WHERE served_at IS NULL;

CREATE TABLE reperformances (
    deployment_id         uuid NOT NULL REFERENCES improvement_deployments,
    step_execution_id     uuid NOT NULL REFERENCES workflow_step_executions ON DELETE CASCADE,
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text NOT NULL,
    marked_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    opened_at             timestamptz,
    left_because          text,
    PRIMARY KEY (deployment_id, step_execution_id),
    CONSTRAINT reperformances_one_end CHECK (opened_at IS NULL OR left_because IS NULL)
);
CREATE INDEX reperformances_to_open ON reperformances (workflow_execution_id) WHERE opened_at IS NULL AND left_because IS NULL;

COMMIT;
