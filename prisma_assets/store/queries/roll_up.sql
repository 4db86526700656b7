-- lock_roll_up --
-- Waits until nobody else counts this day, and keeps others waiting until the transaction ends.
select pg_advisory_xact_lock(hashtext('roll_up'), hashtext(%(roll_up)s || %(day)s))

-- begin_look --
-- Nobody else looks for new facts until this transaction ends.
select is_only from facts_seen for update

-- oldest_writer --
-- Since when a fact may be on its way that nobody sees yet: the beginning of the oldest transaction.
select least(now(), min(xact_start)) as through
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()

-- mark_changed_days --
-- Marks the days (UTC) of facts that became known since the last look.
insert into changed_days (day, changed_at)
select day, clock_timestamp()
from (
    select (started_at at time zone 'UTC')::date as day
    from agent_run_facts
    where recorded_at >= (select through from facts_seen)
    union
    select (created_at at time zone 'UTC')::date
    from agent_feedback
    where recorded_at >= (select through from facts_seen)
) as found
on conflict (day) do update set changed_at = excluded.changed_at

-- end_look --
-- Facts recorded before have been looked at.
update facts_seen set through = greatest(through, %(through)s)

-- mark_changed_day --
-- One day is to be counted anew.
insert into changed_days (day, changed_at) values (%(day)s, clock_timestamp())
on conflict (day) do update set changed_at = excluded.changed_at

-- days_to_count --
-- Days (UTC) whose facts changed since one of these roll-ups counted them, and days of facts nobody looked at yet.
select c.day
from changed_days c
cross join unnest(%(roll_ups)s::text[]) as r (roll_up)
left join roll_ups u on u.roll_up = r.roll_up and u.day = c.day and u.begun_at > c.changed_at
where u.day is null and c.day between %(since)s and %(through)s
union
select (started_at at time zone 'UTC')::date
from agent_run_facts
where recorded_at >= (select through from facts_seen)
    and started_at >= %(since)s and started_at < %(through)s::date + 1
union
select (created_at at time zone 'UTC')::date
from agent_feedback
where recorded_at >= (select through from facts_seen)
    and created_at >= %(since)s and created_at < %(through)s::date + 1
order by day

-- days_before --
-- How many days before this one hold facts; they are not counted.
select count(*) as days from changed_days where day < %(day)s

-- record_roll_up --
-- This transaction has counted the day.
insert into roll_ups (roll_up, day, begun_at, rows) values (%(roll_up)s, %(day)s, now(), %(rows)s)
on conflict (roll_up, day) do update set begun_at = excluded.begun_at, rows = excluded.rows

-- hourly_figures --
-- One row per agent, version and UTC hour of the span: its runs added up, their durations, and what people rated.
-- Key: agent_id, agent_version, window_start.
with fit as materialized (
    -- Not the key: hashing every fact would take longer than all the rest.
    select agent_id, agent_version, date_trunc('hour', started_at, 'UTC') as window_start, duration_ms, outcome,
        error_type, tokens_in, tokens_out, tokens_cached, tokens_reasoning, cost_usd, accuracy, cache_hit
    from run_facts_checked f
    where started_at >= %(start)s and started_at < %(end)s
        and (doubt is null and agent_id = any(%(agents)s)
            or exists (select from quarantined_facts q where q.fact_key = f.fact_key and q.released_at is not null))
), runs as (
    select agent_id, agent_version, window_start, count(*) as executions,
        count(*) filter (where outcome = 'ok') as successes,
        count(*) filter (where outcome = 'error') as errors,
        count(*) filter (where outcome = 'timeout') as timeouts,
        array_agg(duration_ms) filter (where duration_ms is not null) as durations,
        coalesce(sum(tokens_in), 0) as tokens_in, coalesce(sum(tokens_out), 0) as tokens_out,
        coalesce(sum(tokens_cached), 0) as tokens_cached, coalesce(sum(tokens_reasoning), 0) as tokens_reasoning,
        count(*) filter (where tokens_in is not null or tokens_out is not null) as tokens_n,
        sum(cost_usd) as cost_usd, count(*) filter (where cost_usd is null) as unpriced,
        coalesce(sum(accuracy::numeric), 0) as accuracy_sum, count(accuracy) as accuracy_n,
        count(*) filter (where cache_hit) as cache_hits, count(cache_hit) as cache_n
    from fit group by 1, 2, 3
), failures as (
    select agent_id, agent_version, window_start, jsonb_object_agg(error_type, times) as error_types
    from (
        select agent_id, agent_version, window_start,
            coalesce(error_type, case outcome when 'timeout' then 'timeout' else 'unknown' end) as error_type,
            count(*) as times
        from fit where outcome <> 'ok' group by 1, 2, 3, 4
    ) as by_type
    group by 1, 2, 3
), ratings as (
    select agent_id, agent_version, date_trunc('hour', created_at, 'UTC') as window_start,
        sum(rating) as satisfaction_sum, count(*) as satisfaction_n
    from feedback_facts_checked f
    where created_at >= %(start)s and created_at < %(end)s and rating is not null
        and (doubt is null and agent_id = any(%(agents)s)
            or exists (select from quarantined_facts q where q.fact_key = f.fact_key and q.released_at is not null))
    group by 1, 2, 3
)
select agent_id, agent_version, window_start, window_start + interval '1 hour' as window_end,
    coalesce(executions, 0) as executions, coalesce(successes, 0) as successes, coalesce(errors, 0) as errors,
    coalesce(timeouts, 0) as timeouts, durations, coalesce(error_types, '{}') as error_types,
    coalesce(tokens_in, 0) as tokens_in, coalesce(tokens_out, 0) as tokens_out,
    coalesce(tokens_cached, 0) as tokens_cached, coalesce(tokens_reasoning, 0) as tokens_reasoning,
    coalesce(tokens_n, 0) as tokens_n, cost_usd, coalesce(unpriced, 0) as unpriced,
    coalesce(accuracy_sum, 0) as accuracy_sum, coalesce(accuracy_n, 0) as accuracy_n,
    coalesce(satisfaction_sum, 0) as satisfaction_sum, coalesce(satisfaction_n, 0) as satisfaction_n,
    coalesce(cache_hits, 0) as cache_hits, coalesce(cache_n, 0) as cache_n
from runs
full join ratings using (agent_id, agent_version, window_start)
left join failures using (agent_id, agent_version, window_start)
order by 1, 2, 3

-- daily_figures --
-- One row per agent and version of the UTC day, added up from its hours, with their sketches. Key: agent_id, agent_version.
with hours as materialized (
    select * from agent_performance_metrics
    where granularity = '1h' and window_start >= %(start)s and window_start < %(end)s
), failures as (
    select agent_id, agent_version, jsonb_object_agg(error_type, times) as error_types
    from (
        select agent_id, agent_version, e.key as error_type, sum(e.value::bigint) as times
        from hours, jsonb_each_text(error_types) as e group by 1, 2, 3
    ) as by_type
    group by 1, 2
)
select h.agent_id, h.agent_version, %(start)s::timestamptz as window_start, %(end)s::timestamptz as window_end,
    sum(executions) as executions, sum(successes) as successes, sum(errors) as errors, sum(timeouts) as timeouts,
    array_agg(latency_sketch) filter (where latency_sketch is not null) as sketches,
    coalesce(f.error_types, '{}') as error_types,
    sum(tokens_in) as tokens_in, sum(tokens_out) as tokens_out, sum(tokens_cached) as tokens_cached,
    sum(tokens_reasoning) as tokens_reasoning, sum(tokens_n) as tokens_n,
    sum(cost_usd) as cost_usd, sum(unpriced) as unpriced,
    sum(accuracy_sum) as accuracy_sum, sum(accuracy_n) as accuracy_n,
    sum(satisfaction_sum) as satisfaction_sum, sum(satisfaction_n) as satisfaction_n,
    sum(cache_hits) as cache_hits, sum(cache_n) as cache_n
from hours h
left join failures f using (agent_id, agent_version)
group by h.agent_id, h.agent_version, f.error_types
order by 1, 2

-- delete_agent_metrics --
-- Removes the windows of a span, to be counted anew.
delete from agent_performance_metrics
where granularity = %(granularity)s and window_start >= %(start)s and window_start < %(end)s

-- insert_agent_metrics --
-- Writes windows; averages are made here from the sums, so that the two never differ.
insert into agent_performance_metrics (
    agent_id, agent_version, domain, granularity, window_start, window_end, executions, successes, errors, timeouts,
    p50_ms, p95_ms, p99_ms, latency_sketch, tokens_in, tokens_out, tokens_cached, tokens_reasoning, tokens_n,
    cost_usd, unpriced, accuracy, accuracy_sum, accuracy_n, satisfaction_avg, satisfaction_sum, satisfaction_n,
    cache_hit_rate, cache_hits, cache_n, error_types)
select agent_id, agent_version, domain, %(granularity)s, window_start, window_end, executions, successes, errors, timeouts,
    p50_ms, p95_ms, p99_ms, decode(latency_sketch, 'hex'), tokens_in, tokens_out, tokens_cached, tokens_reasoning, tokens_n,
    cost_usd, unpriced, accuracy_sum / nullif(accuracy_n, 0), accuracy_sum, accuracy_n,
    satisfaction_sum::numeric / nullif(satisfaction_n, 0), satisfaction_sum, satisfaction_n,
    cache_hits::numeric / nullif(cache_n, 0), cache_hits, cache_n, error_types
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    agent_id text, agent_version text, domain text, window_start timestamptz, window_end timestamptz,
    executions integer, successes integer, errors integer, timeouts integer, p50_ms integer, p95_ms integer,
    p99_ms integer, latency_sketch text, tokens_in bigint, tokens_out bigint, tokens_cached bigint,
    tokens_reasoning bigint, tokens_n integer, cost_usd numeric, unpriced integer, accuracy_sum numeric,
    accuracy_n integer, satisfaction_sum integer, satisfaction_n integer, cache_hits integer, cache_n integer,
    error_types jsonb)

-- agent_windows --
-- Windows of one agent or all, a row per version, oldest first. Key: agent_id, agent_version, window_start.
select agent_id, agent_version, window_start, executions, successes, errors, timeouts, error_types, latency_sketch,
    tokens_in, tokens_out, tokens_cached, tokens_reasoning, tokens_n, cost_usd, unpriced,
    accuracy_sum, accuracy_n, satisfaction_sum, satisfaction_n, cache_hits, cache_n
from agent_performance_metrics
where granularity = %(granularity)s and window_start >= %(start)s and window_start < %(end)s
    and (%(agent_id)s::text is null or agent_id = %(agent_id)s)
order by agent_id, window_start, agent_version

-- windows_to_check --
-- Counted windows of a span with what checks look at. Key: agent_id, agent_version, window.
select agent_id, agent_version, to_char(window_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as window,
    executions, executions - successes - errors - timeouts as unaccounted, p50_ms, p95_ms, p99_ms,
    tokens_n, unpriced, unpriced::float8 / nullif(executions, 0) as unpriced_share,
    accuracy::float8 as accuracy, satisfaction_avg::float8 as satisfaction
from agent_performance_metrics
where granularity = %(granularity)s and window_start >= %(start)s and window_start < %(end)s
order by 1, 3, 2

-- day_volumes --
-- Runs of each UTC day of a span beside the median of the same weekday in the four weeks before. Key: day.
with volumes as (
    select (window_start at time zone 'UTC')::date as day, sum(executions)::float8 as executions
    from agent_performance_metrics
    where granularity = '1d' and window_start >= %(start)s - interval '28 days' and window_start < %(end)s
    group by 1
)
select d.day::date::text as day, coalesce(v.executions, 0) as executions, u.usual, u.weeks,
    case when u.weeks >= 3 then coalesce(v.executions, 0) / nullif(u.usual, 0) end as ratio
from generate_series(%(start)s at time zone 'UTC', %(end)s at time zone 'UTC' - interval '1 day', interval '1 day') as d (day)
left join volumes v on v.day = d.day::date
cross join lateral (
    select percentile_cont(0.5) within group (order by w.executions) as usual, count(*) as weeks
    from volumes w
    where w.day in (d.day::date - 7, d.day::date - 14, d.day::date - 21, d.day::date - 28)
) as u
order by 1
