-- How much of the work of workflows went without a person's correction or rework, and how long work waited to begin.
--
-- Why: automation, rework and escalation are promised as figures (90 %, below 5 %, below 3 %). They are judged days after
--      the step ended, so they are counted beside the runs and can be counted anew without them.
-- Locks: SHARE on workflow_step_executions, workflow_executions, step_redos, sign_off_requests while indexes are built.
-- Undo: DROP TABLE step_windows; DROP INDEX workflow_step_executions_by_end, workflow_executions_by_start,
--       step_redos_by_time, sign_off_requests_expired

BEGIN;

CREATE TABLE step_windows (
    org_id       text NOT NULL DEFAULT 'firm',
    dimension    text NOT NULL CHECK (dimension IN ('agent', 'version', 'domain', 'workflow', 'engagement', 'arm', 'client')),
    value        text,  -- NULL: the step does not say
    granularity  text NOT NULL CHECK (granularity IN ('1h', '1d')),
    window_start timestamptz NOT NULL,
    steps        integer NOT NULL CHECK (steps >= 0),  -- passes that were completed in it
    automated    integer NOT NULL CHECK (automated BETWEEN 0 AND steps),  -- neither corrected nor done again for a person
    corrected    integer NOT NULL CHECK (corrected BETWEEN 0 AND steps),
    reworked     integer NOT NULL CHECK (reworked BETWEEN 0 AND steps),
    escalated    integer NOT NULL CHECK (escalated BETWEEN 0 AND steps),  -- nobody signed in time
    waited_ms    double precision NOT NULL CHECK (waited_ms >= 0),  -- executions that began in it, from being asked for until then
    waited_n     integer NOT NULL CHECK (waited_n >= 0),
    CONSTRAINT step_windows_one_window UNIQUE NULLS NOT DISTINCT (org_id, dimension, value, granularity, window_start)
);
CREATE INDEX step_windows_by_window ON step_windows (granularity, window_start, dimension);
CREATE INDEX workflow_step_executions_by_end ON workflow_step_executions (completed_at) WHERE status = 'COMPLETED';
CREATE INDEX workflow_executions_by_start ON workflow_executions (started_at);
CREATE INDEX step_redos_by_time ON step_redos (requested_at);
CREATE INDEX sign_off_requests_expired ON sign_off_requests (expired_at) WHERE expired_at IS NOT NULL;

COMMIT;
