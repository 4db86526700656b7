-- dimension_figures --
-- Runs and ratings of a span added up by dimension, value and part of it, with every duration in milliseconds. An agent is in
-- no window of an arm unless an experiment assigned its work. Key: dimension, value, window_start.
with known as (
    select * from unnest(%(agents)s::text[], %(domains)s::text[]) as k (agent_id, domain)
), runs as materialized (
    -- Not the key: hashing every fact would take longer than all the rest.
    select v.dimension, coalesce(v.value, '') as value, date_trunc(%(part)s, f.started_at, 'UTC') as window_start,
        f.duration_ms, f.outcome,
        coalesce(f.error_type, case f.outcome when 'timeout' then 'timeout' else 'unknown' end) as error_type,
        f.tokens_in, f.tokens_out, f.tokens_cached, f.tokens_reasoning, f.cost_usd, f.accuracy, f.cache_hit
    from run_facts_checked f
    left join known k using (agent_id)
    left join workflow_executions w using (workflow_execution_id)
    cross join lateral (values
        ('agent', f.agent_id), ('version', f.agent_id || '@' || f.agent_version), ('domain', coalesce(k.domain, 'unknown')),
        ('workflow', w.template_name), ('engagement', coalesce(f.engagement_id, w.engagement_id)),
        ('client', coalesce(f.client_id, w.client_id)), ('arm', f.ab_test_id || '/' || f.variant),
        ('provider', f.provider), ('model', f.model)) as v (dimension, value)
    where f.started_at >= %(start)s and f.started_at < %(end)s
        and (doubt is null and k.agent_id is not null
            or exists (select from quarantined_facts q where q.fact_key = f.fact_key and q.released_at is not null))
        and (%(by)s::text is null or v.dimension = %(by)s) and (v.dimension <> 'arm' or v.value is not null)
        and (%(value)s::text is null or v.value = %(value)s)
), sums as (
    select dimension, value, window_start, count(*) as executions,
        count(*) filter (where outcome = 'error') as errors, count(*) filter (where outcome = 'timeout') as timeouts,
        array_agg(duration_ms) filter (where duration_ms is not null) as durations, coalesce(sum(duration_ms), 0) as busy_ms,
        coalesce(sum(tokens_in), 0)::bigint as tokens_in, coalesce(sum(tokens_out), 0)::bigint as tokens_out,
        coalesce(sum(tokens_cached), 0)::bigint as tokens_cached, coalesce(sum(tokens_reasoning), 0)::bigint as tokens_reasoning,
        count(*) filter (where tokens_in is not null or tokens_out is not null) as tokens_n,
        sum(cost_usd) as cost_usd, count(*) filter (where cost_usd is null) as unpriced,
        coalesce(sum(accuracy::numeric), 0) as accuracy_sum, count(accuracy) as accuracy_n,
        count(*) filter (where cache_hit) as cache_hits, count(cache_hit) as cache_n
    from runs group by 1, 2, 3
), failures as (
    select dimension, value, window_start, jsonb_object_agg(error_type, times) as error_types
    from (
        select dimension, value, window_start, error_type, count(*) as times
        from runs where outcome <> 'ok' group by 1, 2, 3, 4
    ) as by_type
    group by 1, 2, 3
), ratings as (
    select v.dimension, coalesce(v.value, '') as value, date_trunc(%(part)s, f.created_at, 'UTC') as window_start,
        sum(f.rating) as satisfaction_sum, count(*) as satisfaction_n
    from feedback_facts_checked f
    join agent_feedback a using (feedback_id)
    left join known k on k.agent_id = f.agent_id
    left join workflow_executions w using (workflow_execution_id)
    cross join lateral (values
        ('agent', f.agent_id), ('version', f.agent_id || '@' || f.agent_version), ('domain', coalesce(k.domain, 'unknown')),
        ('workflow', w.template_name), ('engagement', w.engagement_id), ('client', w.client_id),
        ('arm', a.ab_test_id || '/' || a.variant)) as v (dimension, value)
    where f.created_at >= %(start)s and f.created_at < %(end)s and f.rating is not null
        and (doubt is null and k.agent_id is not null
            or exists (select from quarantined_facts q where q.fact_key = f.fact_key and q.released_at is not null))
        and (%(by)s::text is null or v.dimension = %(by)s) and (v.dimension <> 'arm' or v.value is not null)
        and (%(value)s::text is null or v.value = %(value)s)
    group by 1, 2, 3
)
select dimension, nullif(value, '') as value, window_start,
    coalesce(executions, 0) as executions, coalesce(errors, 0) as errors, coalesce(timeouts, 0) as timeouts,
    coalesce(error_types, '{}') as error_types, durations, coalesce(busy_ms, 0) as busy_ms,
    coalesce(tokens_in, 0) as tokens_in, coalesce(tokens_out, 0) as tokens_out,
    coalesce(tokens_cached, 0) as tokens_cached, coalesce(tokens_reasoning, 0) as tokens_reasoning,
    coalesce(tokens_n, 0) as tokens_n, cost_usd, coalesce(unpriced, 0) as unpriced,
    coalesce(accuracy_sum, 0) as accuracy_sum, coalesce(accuracy_n, 0) as accuracy_n,
    coalesce(satisfaction_sum, 0) as satisfaction_sum, coalesce(satisfaction_n, 0) as satisfaction_n,
    coalesce(cache_hits, 0) as cache_hits, coalesce(cache_n, 0) as cache_n
from sums
full join ratings using (dimension, value, window_start)
left join failures using (dimension, value, window_start)
order by 1, 2, 3

-- delete_metric_windows --
-- Removes the hours and the day of a span, to be counted anew.
delete from metric_windows where granularity in ('1h', '1d') and window_start >= %(start)s and window_start < %(end)s

-- insert_metric_windows --
-- Writes windows of one granularity.
insert into metric_windows (
    dimension, value, granularity, window_start, executions, errors, timeouts, error_types, latency_sketch, busy_ms,
    tokens_in, tokens_out, tokens_cached, tokens_reasoning, tokens_n, cost_usd, unpriced, accuracy_sum, accuracy_n,
    satisfaction_sum, satisfaction_n, cache_hits, cache_n)
select dimension, value, %(granularity)s, window_start, executions, errors, timeouts, error_types, decode(latency_sketch, 'hex'),
    busy_ms, tokens_in, tokens_out, tokens_cached, tokens_reasoning, tokens_n, cost_usd, unpriced, accuracy_sum, accuracy_n,
    satisfaction_sum, satisfaction_n, cache_hits, cache_n
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    dimension text, value text, window_start timestamptz, executions integer, errors integer, timeouts integer,
    error_types jsonb, latency_sketch text, busy_ms double precision, tokens_in bigint, tokens_out bigint,
    tokens_cached bigint, tokens_reasoning bigint, tokens_n integer, cost_usd numeric, unpriced integer,
    accuracy_sum numeric, accuracy_n integer, satisfaction_sum integer, satisfaction_n integer, cache_hits integer,
    cache_n integer)

-- forget_metric_hours --
-- Removes hours nobody asks for any more; their days stay.
delete from metric_windows where granularity = '1h' and window_start < %(before)s

-- summed_dimension --
-- Counted windows of one dimension added up by value, and by beginning where asked, with the packed sketches of their parts.
-- The busiest first, as many as asked for. Key: value, window_start (NULL where it was added up over).
with windows as materialized (
    select case when %(by_window)s then window_start end as start, *
    from metric_windows
    where dimension = %(by)s and granularity = %(granularity)s and window_start >= %(start)s and window_start < %(end)s
        and (%(value)s::text is null or value = %(value)s)
), sums as (
    select value, start as window_start, sum(executions)::bigint as executions, sum(errors)::bigint as errors,
        sum(timeouts)::bigint as timeouts, array_agg(latency_sketch) filter (where latency_sketch is not null) as sketches,
        sum(busy_ms) as busy_ms, sum(tokens_in)::bigint as tokens_in, sum(tokens_out)::bigint as tokens_out,
        sum(tokens_cached)::bigint as tokens_cached, sum(tokens_reasoning)::bigint as tokens_reasoning,
        sum(tokens_n)::bigint as tokens_n, sum(cost_usd) as cost_usd, sum(unpriced)::bigint as unpriced,
        sum(accuracy_sum) as accuracy_sum, sum(accuracy_n)::bigint as accuracy_n,
        sum(satisfaction_sum)::bigint as satisfaction_sum, sum(satisfaction_n)::bigint as satisfaction_n,
        sum(cache_hits)::bigint as cache_hits, sum(cache_n)::bigint as cache_n
    from windows group by 1, 2 order by 3 desc, 1, 2 limit %(most)s
)
select s.*, coalesce((
    select jsonb_object_agg(error_type, times) from (
        select e.key as error_type, sum(e.value::bigint) as times
        from windows w, jsonb_each_text(w.error_types) as e
        where w.value is not distinct from s.value and w.start is not distinct from s.window_start and w.error_types <> '{}'
        group by 1) as by_type), '{}') as error_types
from sums s
order by executions desc, value, window_start

-- judged_days --
-- UTC days on which passes ended that were corrected, sent back, done again or left unsigned in a span. Key: day.
select distinct (w.completed_at at time zone 'UTC')::date as day
from workflow_step_executions w
join (
    select a.step_execution_id from agent_feedback a
    where a.feedback_type = 'correction' and a.created_at >= %(start)s and a.created_at < %(end)s
    union
    select p.step_execution_id from step_redos r
    join workflow_step_executions p using (workflow_execution_id)
    where r.requested_at >= %(start)s and r.requested_at < %(end)s and p.step_id = any(r.opened_step_ids)
    union
    select p.step_execution_id from step_sign_offs d
    join workflow_step_executions p using (workflow_execution_id, step_id, iteration)
    where d.decision <> 'approve' and d.decided_at >= %(start)s and d.decided_at < %(end)s
    union
    select p.step_execution_id from sign_off_requests q
    join workflow_step_executions p using (workflow_execution_id, step_id, iteration)
    where q.expired_at >= %(start)s and q.expired_at < %(end)s
) as judged using (step_execution_id)
where w.completed_at is not null
order by 1

-- step_figures --
-- Passes of a span that agents completed, how they were judged since, and how long executions waited to begin. A redo is
-- about the last pass before it. Key: dimension, value, window_start.
with known as (
    select * from unnest(%(agents)s::text[], %(domains)s::text[]) as k (agent_id, domain)
), passes as materialized (
    select p.completed_at as at, p.agent_id, coalesce(p.agent_version, 'unknown') as agent_version,
        coalesce(k.domain, 'unknown') as domain, e.template_name, e.engagement_id, e.client_id, p.ab_test_id, p.variant,
        exists (select from agent_feedback a where a.step_execution_id = p.step_execution_id and a.feedback_type = 'correction'
            and a.workflow_execution_id = p.workflow_execution_id) as is_corrected,
        exists (select from step_sign_offs d where d.workflow_execution_id = p.workflow_execution_id and d.step_id = p.step_id
            and d.iteration = p.iteration and d.decision <> 'approve')
        or exists (select from step_redos r where r.workflow_execution_id = p.workflow_execution_id
            and p.step_id = any(r.opened_step_ids) and r.requested_at > p.completed_at
            and not exists (select from workflow_step_executions o where o.workflow_execution_id = p.workflow_execution_id
                and o.step_id = p.step_id and o.map_key = p.map_key and o.iteration > p.iteration
                and o.completed_at < r.requested_at)) as is_reworked,
        exists (select from sign_off_requests q where q.workflow_execution_id = p.workflow_execution_id and q.step_id = p.step_id
            and q.iteration = p.iteration and q.expired_at is not null) as is_escalated
    from workflow_step_executions p
    join workflow_executions e using (workflow_execution_id)
    left join known k on k.agent_id = p.agent_id
    where p.status = 'COMPLETED' and p.agent_id is not null and p.completed_at >= %(start)s and p.completed_at < %(end)s
), counted as (
    select v.dimension, v.value, at, 1 as steps, (not is_corrected and not is_reworked)::int as automated,
        is_corrected::int as corrected, is_reworked::int as reworked, is_escalated::int as escalated,
        0::double precision as waited_ms, 0 as waited_n
    from passes
    cross join lateral (values
        ('agent', agent_id), ('version', agent_id || '@' || agent_version), ('domain', domain), ('workflow', template_name),
        ('engagement', engagement_id), ('client', client_id), ('arm', ab_test_id || '/' || variant)) as v (dimension, value)
    union all
    select v.dimension, v.value, started_at, 0, 0, 0, 0, 0,
        greatest(extract(epoch from started_at - created_at) * 1000, 0)::double precision, 1
    from workflow_executions
    cross join lateral (values
        ('workflow', template_name), ('engagement', engagement_id), ('client', client_id)) as v (dimension, value)
    where started_at >= %(start)s and started_at < %(end)s
)
select dimension, value, date_trunc(%(part)s, at, 'UTC') as window_start, sum(steps) as steps, sum(automated) as automated,
    sum(corrected) as corrected, sum(reworked) as reworked, sum(escalated) as escalated, sum(waited_ms) as waited_ms,
    sum(waited_n) as waited_n
from counted
where (%(by)s::text is null or dimension = %(by)s) and (dimension <> 'arm' or value is not null)
    and (%(value)s::text is null or value = %(value)s)
group by 1, 2, 3
order by 1, 2, 3

-- delete_step_windows --
-- Removes the hours and the day of a span, to be counted anew.
delete from step_windows where granularity in ('1h', '1d') and window_start >= %(start)s and window_start < %(end)s

-- insert_step_windows --
-- Writes windows of one granularity.
insert into step_windows (
    dimension, value, granularity, window_start, steps, automated, corrected, reworked, escalated, waited_ms, waited_n)
select dimension, value, %(granularity)s, window_start, steps, automated, corrected, reworked, escalated, waited_ms, waited_n
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    dimension text, value text, window_start timestamptz, steps integer, automated integer, corrected integer,
    reworked integer, escalated integer, waited_ms double precision, waited_n integer)

-- forget_step_hours --
-- Removes hours nobody asks for any more; their days stay.
delete from step_windows where granularity = '1h' and window_start < %(before)s

-- summed_steps --
-- Counted passes of one dimension added up by value, and by beginning where asked. Key: value, window_start.
select value, case when %(by_window)s then window_start end as window_start, sum(steps)::bigint as steps,
    sum(automated)::bigint as automated, sum(corrected)::bigint as corrected, sum(reworked)::bigint as reworked,
    sum(escalated)::bigint as escalated, sum(waited_ms) as waited_ms, sum(waited_n)::bigint as waited_n
from step_windows
where dimension = %(by)s and granularity = %(granularity)s and window_start >= %(start)s and window_start < %(end)s
    and (%(value)s::text is null or value = %(value)s)
group by 1, 2

-- metric_windows_to_check --
-- Days of a span by dimension, and whether their runs are those of the agents' own roll-up. Key: dimension, day.
with own as (
    select dimension, (window_start at time zone 'UTC')::date::text as day, sum(executions) as executions
    from metric_windows
    where granularity = '1d' and window_start >= %(start)s and window_start < %(end)s and dimension <> 'arm'
    group by 1, 2
), agents as (
    select (window_start at time zone 'UTC')::date::text as day, sum(executions) as executions
    from agent_performance_metrics
    where granularity = '1h' and window_start >= %(start)s and window_start < %(end)s
    group by 1
)
select o.dimension, o.day, o.executions::int as executions, (o.executions - coalesce(a.executions, 0))::int as difference
from own o left join agents a using (day)
order by 1, 2
