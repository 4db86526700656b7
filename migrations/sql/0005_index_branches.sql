-- Branches of a for-each step are rows of their own beside the step's row.
--
-- Why: a run that continues a for-each looks up the branches of one step and iteration.
-- Locks: SHARE on workflow_step_executions while the index is built; writers wait.
-- Undo: DROP INDEX workflow_step_executions_branches;

BEGIN;

CREATE INDEX workflow_step_executions_branches ON workflow_step_executions (workflow_execution_id, step_id, iteration) WHERE map_key <> '';

COMMIT;
