-- due_compensations --
-- Work of an execution that is to be undone, what was done last first: done, signed or not, and not undone yet.
select w.step_id, w.iteration, w.output, c.status, c.attempt
from workflow_step_executions w
left join step_compensations c using (workflow_execution_id, step_id, iteration)
where w.workflow_execution_id = %(workflow_execution_id)s and w.map_key = '' and w.step_id = any(%(step_ids)s)
  and w.status in ('COMPLETED', 'WAITING_APPROVAL') and c.status is distinct from 'COMPLETED'
order by w.completed_at desc nulls first, w.started_at desc, w.step_id desc

-- executions_to_compensate --
-- Executions that have failed or were cancelled or declined with work to be undone, latest first; not those in which a
-- compensation has failed: people look into them. Key: workflow_execution_id.
select e.workflow_execution_id, e.template_sha256,
       (select count(*) from execution_runs r where r.workflow_execution_id = e.workflow_execution_id) as runs
from workflow_executions e
join template_versions v on v.sha256 = e.template_sha256 and v.compensated_steps <> '{}'
where e.status in ('FAILED', 'CANCELLED', 'DECLINED')
  and exists (
    select from workflow_step_executions w
    left join step_compensations c using (workflow_execution_id, step_id, iteration)
    where w.workflow_execution_id = e.workflow_execution_id and w.map_key = '' and w.step_id = any(v.compensated_steps)
      and w.status in ('COMPLETED', 'WAITING_APPROVAL') and c.status is distinct from 'COMPLETED')
  and not exists (
    select from step_compensations c
    where c.workflow_execution_id = e.workflow_execution_id and c.status = 'FAILED')
order by e.updated_at desc
limit %(limit)s

-- compensations --
-- Every compensation of an execution, in the order begun.
select step_id, iteration, status, attempt, agent_id, agent_version, output, workpaper, error, duration_ms, cost_usd,
       settled_by, reason, started_at, completed_at
from step_compensations
where workflow_execution_id = %(workflow_execution_id)s
order by started_at, step_id

-- upsert_compensation_started --
-- A compensation begins, or begins again after it failed or its process died. Rows: none if it is done.
insert into step_compensations as c (workflow_execution_id, step_id, iteration, status, agent_id)
values (%(workflow_execution_id)s, %(step_id)s, %(iteration)s, 'RUNNING', %(agent_id)s)
on conflict (workflow_execution_id, step_id, iteration) do update
set status = 'RUNNING', attempt = c.attempt + 1, error = null, completed_at = null
where c.status <> 'COMPLETED'

-- update_compensation_done --
-- The work is undone.
update step_compensations
set status = 'COMPLETED', agent_version = %(agent_version)s, output = %(output)s, workpaper = %(workpaper)s,
    duration_ms = %(duration_ms)s, tokens = %(tokens)s, cost_usd = %(cost_usd)s, completed_at = clock_timestamp()
where workflow_execution_id = %(workflow_execution_id)s and step_id = %(step_id)s and iteration = %(iteration)s

-- update_compensation_failed --
-- It could not be undone.
update step_compensations
set status = 'FAILED', error = %(error)s, completed_at = clock_timestamp()
where workflow_execution_id = %(workflow_execution_id)s and step_id = %(step_id)s and iteration = %(iteration)s
  and status = 'RUNNING'

-- update_compensations_settled --
-- A person has undone by hand what could not be undone. Rows: the steps.
update step_compensations
set status = 'COMPLETED', settled_by = %(settled_by)s, reason = %(reason)s, completed_at = clock_timestamp()
where workflow_execution_id = %(workflow_execution_id)s and step_id = %(step_id)s and status <> 'COMPLETED'

-- insert_compensation_run --
-- A run begins to undo the execution's work.
insert into execution_runs (workflow_execution_id, dagster_run_id, kind)
values (%(workflow_execution_id)s, %(dagster_run_id)s, 'compensation')
on conflict do nothing

-- update_run_ended --
-- The run has come to its end.
update execution_runs set ended_at = clock_timestamp()
where workflow_execution_id = %(workflow_execution_id)s and dagster_run_id = %(dagster_run_id)s
