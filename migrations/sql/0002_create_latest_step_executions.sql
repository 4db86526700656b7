-- The pass of each step that counts.
--
-- Why: loops and requests for changes open new iterations of a step; readers want the latest.
-- Locks: none that matter; it only creates.
-- Undo: DROP VIEW latest_step_executions;

BEGIN;

CREATE VIEW latest_step_executions AS
SELECT DISTINCT ON (workflow_execution_id, step_id, map_key) *
FROM workflow_step_executions
ORDER BY workflow_execution_id, step_id, map_key, iteration DESC;

COMMIT;
