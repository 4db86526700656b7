-- delete_spend_day --
-- Forget what a day was found to have spent.
delete from spend_daily where day = %(day)s

-- insert_spend_day --
-- One row per agent, version, provider, model, client, engagement and workflow of a UTC day. A template names the workflow.
insert into spend_daily (
    day, agent_id, agent_version, provider, model, client_id, engagement_id, workflow, runs, unpriced, cost_usd, cost_sq,
    failed, failed_unpriced, failed_usd, failed_sq, tokens_in, tokens_out, tokens_cached, tokens_n,
    accuracy_sum, accuracy_sq, accuracy_n)
select %(day)s::date, f.agent_id, f.agent_version, f.provider, f.model, f.client_id, f.engagement_id, w.template_name,
    count(*), count(*) filter (where cost is null), sum(cost), coalesce(sum(cost::double precision ^ 2), 0),
    count(*) filter (where outcome <> 'ok'), count(*) filter (where outcome <> 'ok' and cost is null),
    sum(cost) filter (where outcome <> 'ok'), coalesce(sum(cost::double precision ^ 2) filter (where outcome <> 'ok'), 0),
    coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), coalesce(sum(tokens_cached), 0),
    count(*) filter (where tokens_in is not null or tokens_out is not null),
    coalesce(sum(accuracy), 0), coalesce(sum(accuracy ^ 2), 0), count(accuracy)
from (
    select agent_id, agent_version, provider, model, client_id, engagement_id, workflow_execution_id, outcome, cost_usd as cost,
        tokens_in, tokens_out, tokens_cached, accuracy
    from run_facts_checked c
    where started_at >= %(start)s and started_at < %(end)s
        and (doubt is null and agent_id = any(%(agents)s)
            or exists (select from quarantined_facts q where q.fact_key = c.fact_key and q.released_at is not null))
) f
left join workflow_executions w using (workflow_execution_id)
group by f.agent_id, f.agent_version, f.provider, f.model, f.client_id, f.engagement_id, w.template_name

-- spend_by --
-- Counted days added up by one of six things, the dearest first. Key: key, NULL: not known.
select case %(by)s when 'provider' then provider when 'model' then model when 'agent' then agent_id
        when 'client' then client_id when 'engagement' then engagement_id else workflow end as key,
    sum(runs) as runs, sum(unpriced) as unpriced, sum(cost_usd) as cost_usd, sum(failed) as failed,
    sum(failed_usd) as failed_usd, sum(tokens_n) as tokens_n, sum(tokens_in)::bigint as tokens_in,
    sum(tokens_out)::bigint as tokens_out, sum(tokens_cached)::bigint as tokens_cached
from spend_daily
where day between %(since)s and %(until)s
group by 1
order by cost_usd desc nulls last, key

-- spend_of_agents --
-- Counted days added up by agent, version, provider and model with sums of squares. Key: agent_id, agent_version, provider, model.
select agent_id, agent_version, provider, model, sum(runs)::int as runs, sum(unpriced)::int as unpriced, sum(cost_usd) as cost_usd,
    sum(cost_sq) as cost_sq, sum(failed)::int as failed, sum(failed_unpriced)::int as failed_unpriced, sum(failed_usd) as failed_usd,
    sum(failed_sq) as failed_sq, sum(tokens_n)::int as tokens_n, sum(tokens_in)::bigint as tokens_in, sum(tokens_cached)::bigint as tokens_cached,
    sum(accuracy_sum) as accuracy_sum, sum(accuracy_sq) as accuracy_sq, sum(accuracy_n)::int as accuracy_n
from spend_daily
where day between %(since)s and %(until)s
group by 1, 2, 3, 4
order by 1, 2, 3, 4

-- cache_hits_by_agent --
-- Work that an earlier result answered, by agent: how often, and what the calls it came from had cost. Key: agent_id.
select s.agent_id, count(*)::int as n, count(*) filter (where c.cost_usd is null)::int as unpriced, sum(c.cost_usd) as cost_usd,
    coalesce(sum(c.cost_usd::double precision ^ 2), 0) as cost_sq
from workflow_step_executions s
left join agent_cost_tracking c on c.call_id = s.cached_call_id and c.outcome = 'ok'
where s.cached_call_id is not null and s.completed_at >= %(start)s and s.completed_at < %(end)s and s.agent_id is not null
group by 1
order by 1

-- repeated_calls_by_agent --
-- Equal work that was paid for more than once, by agent: every call but the first of each engagement, agent version,
-- step and input. Work that came back from a reviewer has another iteration and is no repeat. Key: agent_id.
with paid as (
    select c.agent_id, c.cost_usd, row_number() over (
        partition by c.client_id, c.engagement_id, c.agent_id, c.agent_version, c.task, w.template_name, s.step_id, s.map_key, s.input_hash
        order by c.incurred_at, c.cost_id) as place
    from agent_cost_tracking c
    join workflow_step_executions s using (step_execution_id)
    join workflow_executions w on w.workflow_execution_id = s.workflow_execution_id
    where c.outcome = 'ok' and c.incurred_at >= %(start)s and c.incurred_at < %(end)s
        and s.input_hash is not null and s.iteration = 1 and (c.cost_usd is null or c.cost_usd > 0)
)
select agent_id, count(*)::int as n, count(*) filter (where cost_usd is null)::int as unpriced, sum(cost_usd) as cost_usd,
    coalesce(sum(cost_usd::double precision ^ 2), 0) as cost_sq
from paid
where place > 1
group by 1
order by 1

-- finished_rollouts --
-- Changes of agents that reached everybody up to a day, the latest of each agent. Key: agent_id.
select distinct on (agent_id) agent_id, from_version, to_version, (started_at at time zone 'utc')::date as started_on,
    (completed_at at time zone 'utc')::date as completed_on
from improvement_deployments
where stage = 'completed' and started_at is not null and completed_at < %(end)s
order by agent_id, completed_at desc

-- version_spend --
-- Cost of the runs of one version of an agent over some days; the concurrent ones are days on which the other ran too. One row.
select coalesce(sum(runs - unpriced), 0)::int as n, coalesce(sum(runs), 0)::int as runs, sum(cost_usd) as cost_usd, coalesce(sum(cost_sq), 0) as cost_sq
from spend_daily d
where agent_id = %(agent_id)s and agent_version = %(version)s and day between %(since)s and %(until)s
    and (%(beside)s::text is null or exists (
        select from spend_daily o where o.agent_id = d.agent_id and o.agent_version = %(beside)s and o.day = d.day))
