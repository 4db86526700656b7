-- page_markers --
-- What changes when something a page shows changes, by topic; compared with the last look, never read.
select concat((select max(recorded_at) from agent_feedback), (select max(deployment_event_id) from deployment_events),
              (select max(updated_at) from improvement_opportunities), (select max(begun_at) from roll_ups)) as learning,
       concat((select max(verdict_id) from experiment_verdicts), (select count(*) from ab_tests where status = 'running')) as experiments,
       (select concat(count(*), count(*) filter (where status = 'open'), count(*) filter (where status = 'resolved'), max(last_seen_at),
                      max(acknowledged_at), (select max(silence_id) from alert_silences)) from agent_monitoring_alerts) as alerts,
       concat((select max(incurred_at) from agent_cost_tracking), (select sum(spent_usd + reserved_usd) from budget_periods)) as costs,
       (select max(begun_at) from roll_ups)::text as agents

-- home_counts --
-- Today at a glance: executions by what they are at, and what agents' calls cost since the day began (UTC).
select count(*) filter (where status = 'RUNNING') as running,
       count(*) filter (where status = 'WAITING_APPROVAL') as waiting,
       count(*) filter (where status = 'COMPLETED' and updated_at >= %(since)s) as completed,
       count(*) filter (where status = 'FAILED' and updated_at >= %(since)s) as failed,
       (select sum(cost_usd) from agent_cost_tracking where incurred_at >= %(since)s) as spent_usd,
       (select count(*) from agent_cost_tracking where incurred_at >= %(since)s) as calls,
       (select count(*) from agent_cost_tracking where incurred_at >= %(since)s and cost_usd is null) as unpriced
from workflow_executions
where status in ('RUNNING', 'WAITING_APPROVAL') or (status in ('COMPLETED', 'FAILED') and updated_at >= %(since)s)

-- home_stopped --
-- Executions that failed lately and that nobody has resumed, the latest first. Key: execution_id.
select workflow_execution_id::text as execution_id, coalesce(engagement_id, template_name) as about, template_name,
       error ->> 'step_id' as step_id, error ->> 'message' as message, updated_at
from workflow_executions
where status = 'FAILED' and updated_at >= %(since)s
order by updated_at desc
limit %(limit)s
