-- execution_page --
-- Executions from the newest on, after the one a page ended with. Key: workflow_execution_id.
select workflow_execution_id, template_name, template_version, status, client_id, engagement_id, period, created_by,
       created_at, started_at, completed_at, cost_usd
from workflow_executions
where (%(status)s::text is null or status = %(status)s)
  and (%(template)s::text is null or template_name = %(template)s)
  and (%(created_before)s::timestamptz is null
       or (created_at, workflow_execution_id) < (%(created_before)s, %(id_before)s::uuid))
order by created_at desc, workflow_execution_id desc
limit %(limit)s

-- execution_progress --
-- How far executions are: steps done, and those that failed. Key: execution_id.
select workflow_execution_id::text as execution_id, count(distinct step_id) filter (where status in ('COMPLETED', 'SKIPPED')) as done,
       string_agg(distinct step_id, ', ') filter (where status in ('FAILED', 'TIMED_OUT', 'BLOCKED')) as failed,
       string_agg(distinct step_id, ', ') filter (where status = 'RUNNING') as running
from workflow_step_executions
where workflow_execution_id = any(%(ids)s::uuid[]) and map_key = ''
group by workflow_execution_id

-- template_history --
-- How executions of each workflow went that ended in the last 90 days: how many, their middle time and cost. Key: template_name.
select template_name, count(*) as n,
       percentile_cont(0.5) within group (order by extract(epoch from completed_at - started_at) * 1000) as median_ms,
       avg(cost_usd) as mean_usd, count(*) filter (where cost_usd is null) as unpriced
from workflow_executions
where status = 'COMPLETED' and updated_at > now() - interval '90 days'
group by template_name

-- branch_lines --
-- Branches of an execution's for-each steps in their latest iterations, without what they made. Key: step_id, map_key.
select step_id, map_key, iteration, status, attempt, agent_version, duration_ms, cost_usd, cached_call_id is not null as is_cached,
       error ->> 'message' as error
from latest_step_executions
where workflow_execution_id = %(workflow_execution_id)s and map_key <> ''
order by step_id, map_key
