-- counted_state --
-- A number that changes whenever a day is counted, or counted anew; 0 before the first.
select coalesce(sum(extract(epoch from begun_at)), 0)::text as state from roll_ups

-- summed_windows --
-- Windows added up, by agent, by beginning, by both or altogether, with the packed sketches of their parts.
-- Key: agent_id, window_start, each NULL where it was added up over.
with windows as materialized (
    select case when %(by_agent)s then agent_id end as agent, case when %(by_window)s then window_start end as start, *
    from agent_performance_metrics
    where granularity = %(granularity)s and window_start >= %(start)s and window_start < %(end)s
        and (%(agents)s::text[] is null or agent_id = any(%(agents)s))
), failures as (
    select agent, start, jsonb_object_agg(error_type, times) as error_types
    from (
        select agent, start, e.key as error_type, sum(e.value::bigint) as times
        from windows, jsonb_each_text(error_types) as e where error_types <> '{}' group by 1, 2, 3
    ) as by_type
    group by 1, 2
), sums as (
    select agent, start, sum(executions) as executions, sum(errors) as errors, sum(timeouts) as timeouts,
        array_agg(latency_sketch) filter (where latency_sketch is not null) as sketches,
        sum(tokens_in)::bigint as tokens_in, sum(tokens_out)::bigint as tokens_out,
        sum(tokens_cached)::bigint as tokens_cached, sum(tokens_reasoning)::bigint as tokens_reasoning,
        sum(tokens_n) as tokens_n, sum(cost_usd) as cost_usd, sum(unpriced) as unpriced,
        sum(accuracy_sum) as accuracy_sum, sum(accuracy_n) as accuracy_n,
        sum(satisfaction_sum) as satisfaction_sum, sum(satisfaction_n) as satisfaction_n,
        sum(cache_hits) as cache_hits, sum(cache_n) as cache_n
    from windows
    group by 1, 2
)
select s.agent as agent_id, s.start as window_start, coalesce(f.error_types, '{}') as error_types, s.*
from sums s
left join failures f on f.agent is not distinct from s.agent and f.start is not distinct from s.start
order by 1, 2

-- agent_runs_by_window --
-- How many runs each agent had in each window, one array beside the other. Key: agent_id.
select agent_id, array_agg(window_start) as starts, array_agg(runs) as runs
from (
    select agent_id, window_start, sum(executions) as runs
    from agent_performance_metrics
    where granularity = %(granularity)s and window_start >= %(start)s and window_start < %(end)s
    group by 1, 2
) as by_window
group by agent_id
