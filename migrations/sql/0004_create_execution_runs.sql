-- Every Dagster run that worked on an execution.
--
-- Why: an execution that waits for a sign-off is continued by a further run; a reader of the file wants all of them.
-- Locks: none that matter; it only creates.
-- Undo: DROP TABLE execution_runs;

BEGIN;

CREATE TABLE execution_runs (
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    dagster_run_id        text NOT NULL,
    started_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workflow_execution_id, dagster_run_id)
);

COMMIT;
