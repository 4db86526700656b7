-- listen_events --
-- From here on this session hears of every change of status.
listen prisma_events

-- present_state --
-- Status of one execution and of everything begun in it, steps first, in the order begun; each row with the snapshot they
-- were all read in. Key: step_id (null: the execution itself), map_key.
select *, pg_current_snapshot()::text as snapshot
from (
    select step_id, iteration, map_key, status, coalesce(completed_at, started_at, now()) as at
    from latest_step_executions
    where workflow_execution_id = %(workflow_execution_id)s
    union all
    select null, 1, '', status, updated_at
    from workflow_executions
    where workflow_execution_id = %(workflow_execution_id)s
) as present
order by step_id is null, at, step_id, map_key
