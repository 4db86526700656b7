-- What undid the work of an execution that failed or was cancelled; which runs died; and which executions somebody wants run.
--
-- Why: a compensation is durable like a step: begun, done or failed, and never paid twice. A run that ended says so, one
--      that died cannot: what is left without an end is a death, and too many in a row are not tried again by themselves.
--      run_asked_at: from the moment somebody asks until a run takes the execution up.
-- Locks: ACCESS EXCLUSIVE on execution_runs and workflow_executions for the new columns, which need no rewrite; the runs
--        there are count as ended.
-- Undo: DROP TABLE step_compensations; ALTER TABLE execution_runs DROP COLUMN kind, DROP COLUMN ended_at;
--       ALTER TABLE workflow_executions DROP COLUMN run_asked_at;

BEGIN;

CREATE TABLE step_compensations (
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text NOT NULL,
    iteration             integer NOT NULL CHECK (iteration >= 1),
    status                text NOT NULL CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED')),
    attempt               integer NOT NULL DEFAULT 1 CHECK (attempt >= 1),
    agent_id              text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    agent_version         text,
    output                jsonb,
    workpaper             jsonb,
    error                 jsonb,
    duration_ms           bigint CHECK (duration_ms >= 0),
    tokens                bigint NOT NULL DEFAULT 0 CHECK (tokens >= 0),
    cost_usd              numeric(14,6) CHECK (cost_usd >= 0),
    settled_by            text,
    reason                text,
    started_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at          timestamptz,
    PRIMARY KEY (workflow_execution_id, step_id, iteration),
    CONSTRAINT step_compensations_by_hand_says_why CHECK ((settled_by IS NULL) = (reason IS NULL)),
    CONSTRAINT step_compensations_has_an_end CHECK ((status = 'RUNNING') = (completed_at IS NULL))
);

ALTER TABLE execution_runs
    ADD COLUMN kind text NOT NULL DEFAULT 'work' CHECK (kind IN ('work', 'compensation')),
    ADD COLUMN ended_at timestamptz;
UPDATE execution_runs SET ended_at = started_at;

ALTER TABLE workflow_executions ADD COLUMN run_asked_at timestamptz;

COMMIT;
