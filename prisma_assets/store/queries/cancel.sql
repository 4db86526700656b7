-- request_cancel --
-- Asks for the end of an execution that has not ended; the first to ask is kept. Rows: none when it has ended.
update workflow_executions
set cancel_requested_at = coalesce(cancel_requested_at, now()),
    cancel_requested_by = coalesce(cancel_requested_by, %(requested_by)s),
    cancel_reason = coalesce(cancel_reason, %(reason)s)
where workflow_execution_id = %(workflow_execution_id)s
  and status not in ('COMPLETED', 'FAILED', 'CANCELLED', 'DECLINED')
returning workflow_execution_id

-- cancel_request --
-- Who asked for the end of an execution, why and when. Rows: none when nobody has.
select cancel_requested_by, cancel_reason, cancel_requested_at
from workflow_executions
where workflow_execution_id = %(workflow_execution_id)s and cancel_requested_at is not null

-- withdraw_cancel --
-- The execution may be worked on again.
update workflow_executions
set cancel_requested_at = null, cancel_requested_by = null, cancel_reason = null
where workflow_execution_id = %(workflow_execution_id)s

-- update_steps_cancelled --
-- Nobody works on the execution any more: what a run that died left RUNNING is over.
update workflow_step_executions
set status = 'CANCELLED', error = %(error)s, completed_at = clock_timestamp()
where workflow_execution_id = %(workflow_execution_id)s and status = 'RUNNING'
