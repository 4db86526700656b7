-- When a step's work was first taken up, whether its result came from an earlier call, and which calls may answer again.
--
-- Why: schedule-to-close counts from the first start, over every attempt and run; a step may ask that equal work is not
--      done twice, and what was saved that way must be seen.
-- Locks: ACCESS EXCLUSIVE on workflow_step_executions for the new columns, which need no rewrite.
-- Undo: DROP TABLE step_result_cache; recreate the view without the columns; ALTER TABLE workflow_step_executions DROP COLUMN scheduled_at, DROP COLUMN cached_call_id;

BEGIN;

ALTER TABLE workflow_step_executions
    ADD COLUMN scheduled_at timestamptz,
    ADD COLUMN cached_call_id text;

-- A view keeps the columns it was made with.
CREATE OR REPLACE VIEW latest_step_executions AS
SELECT DISTINCT ON (workflow_execution_id, step_id, map_key) *
FROM workflow_step_executions
ORDER BY workflow_execution_id, step_id, map_key, iteration DESC;

CREATE TABLE step_result_cache (
    cache_key     text PRIMARY KEY CHECK (cache_key ~ '^[0-9a-f]{64}$'),
    call_id       text NOT NULL REFERENCES agent_calls ON DELETE CASCADE,
    client_id     text,
    agent_id      text NOT NULL,
    agent_version text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX step_result_cache_by_agent ON step_result_cache (agent_id, agent_version);

COMMIT;
