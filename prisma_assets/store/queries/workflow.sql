-- insert_execution --
-- Creates an execution unless its idempotency key is known. Rows: the new id, none when it existed.
insert into workflow_executions (
    workflow_execution_id, template_name, template_version, template_sha256, dagster_job, client_id, engagement_id,
    period, context, status, idempotency_key, created_by, run_asked_at)
values (
    %(workflow_execution_id)s, %(template_name)s, %(template_version)s, %(template_sha256)s, %(dagster_job)s,
    %(client_id)s, %(engagement_id)s, %(period)s, %(context)s, 'PENDING', %(idempotency_key)s, %(created_by)s,
    case when %(is_asked_for)s then now() end)
on conflict do nothing
returning workflow_execution_id

-- execution_by_key --
-- The execution an idempotency key stands for.
select workflow_execution_id from workflow_executions where idempotency_key = %(idempotency_key)s

-- execution --
-- One execution. Key: workflow_execution_id.
select workflow_execution_id, template_name, template_version, template_sha256, dagster_job, dagster_run_id,
       client_id, engagement_id, period, context, status, created_by, created_at, started_at, completed_at,
       error, cost_usd
from workflow_executions
where workflow_execution_id = %(workflow_execution_id)s

-- recent_executions --
-- The newest executions, at most `limit`. Key: workflow_execution_id.
select workflow_execution_id, template_name, template_version, template_sha256, dagster_job, dagster_run_id,
       client_id, engagement_id, period, context, status, created_by, created_at, started_at, completed_at,
       error, cost_usd
from workflow_executions
order by created_at desc
limit %(limit)s

-- resumable_executions --
-- Executions that may go on, latest news first: waiting with a decision given since their last run began (it may have passed
-- the step by then), opened again for rework, RUNNING (its process may have died), or asked for so long ago that whoever
-- asked must have died before a run took it up. Those that lack a second signature stay here and must not hide what comes
-- later. Key: workflow_execution_id.
select e.workflow_execution_id, e.template_name, e.template_sha256, e.status, s.decisions, r.runs, e.run_asked_at
from workflow_executions e
cross join lateral (
    select count(*) as runs, max(started_at) as started_at
    from execution_runs r
    where r.workflow_execution_id = e.workflow_execution_id
) r
cross join lateral (
    select count(*) as decisions, max(decided_at) as decided_at
    from step_sign_offs s
    where s.workflow_execution_id = e.workflow_execution_id
) s
where e.cancel_requested_at is null
  and ((e.status = 'PENDING' and e.dagster_run_id is not null)
    or (e.status = 'WAITING_APPROVAL' and s.decided_at > r.started_at)
    or e.status = 'RUNNING'
    or (e.status in ('PENDING', 'WAITING_APPROVAL', 'FAILED', 'CANCELLED')
        and e.run_asked_at < now() - make_interval(secs => %(asked_seconds)s)))
order by greatest(e.updated_at, s.decided_at) desc
limit %(limit)s

-- ask_for_run --
-- Somebody wants the execution run.
update workflow_executions set run_asked_at = now() where workflow_execution_id = %(workflow_execution_id)s

-- deaths_in_a_row --
-- Runs of one kind that never ended, since a step was last done or undone or a run last ended.
select count(*)::int as deaths
from execution_runs r
where r.workflow_execution_id = %(workflow_execution_id)s and r.kind = %(kind)s and r.ended_at is null
  and r.started_at > greatest(
    (select max(coalesce(w.completed_at, w.started_at)) from workflow_step_executions w
     where w.workflow_execution_id = %(workflow_execution_id)s and w.status in ('COMPLETED', 'SKIPPED', 'WAITING_APPROVAL')),
    (select max(c.completed_at) from step_compensations c where c.workflow_execution_id = %(workflow_execution_id)s),
    (select max(d.ended_at) from execution_runs d where d.workflow_execution_id = %(workflow_execution_id)s),
    '-infinity')

-- silent_executions --
-- Executions being worked on of which nothing was heard for so long, and the steps under way. Key: workflow_execution_id.
select e.workflow_execution_id, e.template_name, e.template_sha256, l.running,
       extract(epoch from clock_timestamp() - l.heard_at)::float8 as silent_seconds
from workflow_executions e
cross join lateral (
    select greatest(
               max(w.started_at), max(w.completed_at),
               (select max(r.started_at) from execution_runs r where r.workflow_execution_id = e.workflow_execution_id),
               (select max(c.incurred_at) from agent_cost_tracking c where c.workflow_execution_id = e.workflow_execution_id)
           ) as heard_at,
           coalesce(array_agg(distinct w.step_id) filter (where w.status = 'RUNNING'), '{}') as running
    from workflow_step_executions w
    where w.workflow_execution_id = e.workflow_execution_id
) l
where e.status = 'RUNNING'
  and (%(workflow_execution_id)s::uuid is null or e.workflow_execution_id = %(workflow_execution_id)s)
  and l.heard_at < clock_timestamp() - make_interval(secs => %(silent_seconds)s)

-- take_up_execution --
-- A run takes the execution up: remembers the run, once, and clears an earlier failure.
with run as (
    insert into execution_runs (workflow_execution_id, dagster_run_id)
    values (%(workflow_execution_id)s, %(dagster_run_id)s)
    on conflict do nothing
)
update workflow_executions
set status = 'RUNNING', dagster_run_id = %(dagster_run_id)s, error = null,
    completed_at = null, run_asked_at = null, started_at = coalesce(started_at, now()), updated_at = now()
where workflow_execution_id = %(workflow_execution_id)s

-- lock_execution --
-- Holds the execution's row until the transaction ends, so that two settlements do not cross.
select status from workflow_executions where workflow_execution_id = %(workflow_execution_id)s for update

-- update_execution_status --
-- What became of the execution; counts and cost follow from its steps and from what undid them. Its run has ended.
with ended as (
    update execution_runs r
    set ended_at = clock_timestamp()
    from workflow_executions e
    where e.workflow_execution_id = %(workflow_execution_id)s and r.workflow_execution_id = e.workflow_execution_id
      and r.dagster_run_id = e.dagster_run_id and r.ended_at is null
)
update workflow_executions e
set status = %(status)s, error = %(error)s,
    completed_at = case when %(is_ended)s then coalesce(e.completed_at, now()) end,
    cost_usd = s.cost_usd + c.cost_usd, tokens = s.tokens + c.tokens, updated_at = now()
from (
    select coalesce(sum(tokens_in + tokens_out), 0) as tokens,
           -- One unpriced step leaves the total unknown, which is not the same as free.
           case when bool_and(cost_usd is not null or status = 'SKIPPED') then coalesce(sum(cost_usd), 0) end as cost_usd
    from latest_step_executions
    where workflow_execution_id = %(workflow_execution_id)s and map_key = ''
) s, (
    select coalesce(sum(tokens), 0) as tokens,
           case when coalesce(bool_and(cost_usd is not null), true) then coalesce(sum(cost_usd), 0) end as cost_usd
    from step_compensations
    where workflow_execution_id = %(workflow_execution_id)s and status = 'COMPLETED' and settled_by is null
) c
where e.workflow_execution_id = %(workflow_execution_id)s

-- step_records --
-- Latest iteration of every step begun. Key: step_id.
select step_execution_id, step_id, step_name, iteration, attempt, status, agent_id, agent_version, output, output_hash,
       workpaper, error, duration_ms, cost_usd, cached_call_id, started_at, completed_at
from latest_step_executions
where workflow_execution_id = %(workflow_execution_id)s and map_key = ''
order by started_at, step_id

-- branch_records --
-- Branches of one for-each step in one iteration. Key: map_key.
select step_execution_id, step_id, step_name, iteration, map_key, attempt, status, agent_id, agent_version, output,
       output_hash, workpaper, error, duration_ms, cost_usd, cached_call_id, started_at, completed_at
from workflow_step_executions
where workflow_execution_id = %(workflow_execution_id)s and step_id = %(step_id)s and iteration = %(iteration)s
  and map_key <> ''
order by map_key

-- upsert_step_started --
-- A step begins, or begins again after a crash or failure; a completed one is never touched. Rows: none if completed.
insert into workflow_step_executions as w (
    workflow_execution_id, step_id, step_name, iteration, map_key, attempt, agent_id, input_hash, status, started_at,
    scheduled_at)
values (
    %(workflow_execution_id)s, %(step_id)s, %(step_name)s, %(iteration)s, %(map_key)s, 1, %(agent_id)s, %(input_hash)s,
    'RUNNING', clock_timestamp(), clock_timestamp())
on conflict (workflow_execution_id, step_id, iteration, map_key) do update
set attempt = case when w.status = 'PENDING' then w.attempt else w.attempt + 1 end,  -- a rework opens as PENDING
    status = 'RUNNING', input_hash = excluded.input_hash, error = null, started_at = clock_timestamp(),
    scheduled_at = coalesce(w.scheduled_at, excluded.scheduled_at), completed_at = null
where w.status not in ('COMPLETED', 'SKIPPED', 'WAITING_APPROVAL')
returning step_execution_id, attempt, extract(epoch from clock_timestamp() - scheduled_at)::float8 as waited_seconds

-- update_step_finished --
-- What the step produced, and whether a sign-off is still missing.
update workflow_step_executions
set status = %(status)s, output = %(output)s, output_hash = %(output_hash)s, workpaper = %(workpaper)s,
    agent_version = %(agent_version)s, retry_count = %(retry_count)s, duration_ms = %(duration_ms)s,
    tokens_in = %(tokens_in)s, tokens_out = %(tokens_out)s, cost_usd = %(cost_usd)s, cached_call_id = %(cached_call_id)s,
    approval_kind = %(approval_kind)s, required_roles = %(required_roles)s,
    completed_at = case when %(status)s = 'COMPLETED' then clock_timestamp() end
where step_execution_id = %(step_execution_id)s

-- update_step_ended --
-- The step failed, timed out or was cancelled.
update workflow_step_executions
set status = %(status)s, error = %(error)s, completed_at = clock_timestamp()
where step_execution_id = %(step_execution_id)s and status = 'RUNNING'

-- insert_step_skipped --
-- The step's condition is false: recorded as skipped, with the expression that decided it.
insert into workflow_step_executions (
    workflow_execution_id, step_id, step_name, iteration, attempt, agent_id, condition_expr, condition_result, status,
    started_at, completed_at)
values (
    %(workflow_execution_id)s, %(step_id)s, %(step_name)s, %(iteration)s, 1, %(agent_id)s, %(condition_expr)s, false,
    'SKIPPED', clock_timestamp(), clock_timestamp())
on conflict (workflow_execution_id, step_id, iteration, map_key) do update
set status = 'SKIPPED', condition_expr = excluded.condition_expr, condition_result = false,
    started_at = excluded.started_at, completed_at = excluded.completed_at
where workflow_step_executions.status = 'PENDING'

-- insert_step_iteration --
-- Changes were requested: the steps open a new iteration in which they are done again.
insert into workflow_step_executions (
    workflow_execution_id, step_id, step_name, iteration, attempt, agent_id, status)
select workflow_execution_id, step_id, step_name, iteration + 1, 1, agent_id, 'PENDING'
from latest_step_executions
where workflow_execution_id = %(workflow_execution_id)s and step_id = %(step_id)s and map_key = ''
on conflict do nothing

-- execution_runs --
-- Dagster runs that worked on the execution, in order. Key: dagster_run_id.
select dagster_run_id from execution_runs
where workflow_execution_id = %(workflow_execution_id)s
order by started_at

-- update_context --
-- Facts of the execution that hold from now on, beside those it started with.
update workflow_executions set context = context || %(change)s where workflow_execution_id = %(workflow_execution_id)s

-- insert_redo --
-- Somebody has finished work done again.
insert into step_redos (workflow_execution_id, step_ids, opened_step_ids, requested_by, reason)
values (%(workflow_execution_id)s, %(step_ids)s, %(opened_step_ids)s, %(requested_by)s, %(reason)s)

-- redos --
-- Work done again on request, in the order asked. Key: redo_id.
select step_ids, opened_step_ids, requested_by, reason, requested_at
from step_redos
where workflow_execution_id = %(workflow_execution_id)s
order by requested_at
