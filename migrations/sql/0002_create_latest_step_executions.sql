-- Why: loops and requests for changes open new iterations; readers want the one that counts.
-- Locks: none beyond the catalog. Undo: drop view latest_step_executions.
create view latest_step_executions as
select distinct on (workflow_execution_id, step_id, map_key) *
from workflow_step_executions
order by workflow_execution_id, step_id, map_key, iteration desc;
