-- insert_agent_runs --
-- How many of the runs given are new; one stored before, or given twice, is stored once. One row.
with given as (
    select distinct on (run_key) * from json_to_recordset(%(rows)s::json) as r (
        run_key text, agent_id text, agent_version text, task_id text, started_at timestamptz,
        duration_ms double precision, outcome text, error_type text, provider text, model text, tokens_in bigint,
        tokens_out bigint, tokens_cached bigint, tokens_reasoning bigint, cost_usd numeric, price_version text,
        accuracy double precision, client_id text, engagement_id text, workflow_execution_id uuid,
        step_execution_id uuid, ab_test_id uuid, variant text, cache_hit boolean)
    -- In the order of the keys: two deliveries at once wait for each other, never in a circle.
    order by run_key
), inserted as (
    insert into agent_runs (
        source, run_key, agent_id, agent_version, task_id, started_at, duration_ms, outcome, error_type, provider,
        model, tokens_in, tokens_out, tokens_cached, tokens_reasoning, cost_usd, price_version, accuracy, client_id,
        engagement_id, workflow_execution_id, step_execution_id, ab_test_id, variant, cache_hit)
    select %(source)s, run_key, agent_id, agent_version, task_id, started_at, duration_ms, outcome, error_type, provider,
        model, tokens_in, tokens_out, tokens_cached, tokens_reasoning, cost_usd, price_version, accuracy, client_id,
        engagement_id, workflow_execution_id, step_execution_id, ab_test_id, variant, cache_hit
    from given
    on conflict (org_id, run_key) do nothing
    returning 1
)
select count(*)::int as stored from inserted

-- lock_agent_spans --
-- One writer of spans at a time, until its transaction ends: else a call and its run, written at once, would not meet.
select pg_advisory_xact_lock(hashtext('agent_spans'))

-- insert_agent_spans --
-- Spans that are not stored yet.
insert into agent_spans (
    trace_id, span_id, parent_span_id, kind, provider, model, tokens_in, tokens_out, tokens_cached, tokens_reasoning,
    cost_usd, price_version)
select decode(trace_id, 'hex'), decode(span_id, 'hex'), decode(parent_id, 'hex'), kind, provider, model, tokens_in,
    tokens_out, tokens_cached, tokens_reasoning, cost_usd, price_version
from json_to_recordset(%(rows)s::json) as r (
    trace_id text, span_id text, parent_id text, kind text, provider text, model text, tokens_in bigint,
    tokens_out bigint, tokens_cached bigint, tokens_reasoning bigint, cost_usd numeric, price_version text)
on conflict do nothing

-- complete_agent_runs --
-- Give the runs of these traces what the calls below them used, where the run does not tell it itself.
with recursive climb as (
    select c.trace_id, c.span_id as call_id, c.parent_span_id as above
    from (select distinct decode(t, 'hex') as trace_id from unnest(%(traces)s::text[]) as t) as touched
    join agent_spans c using (trace_id)
    where c.org_id = 'firm' and c.kind = 'call'
    -- Not `all`: a trace whose spans are each other's parents comes to an end.
    union
    select c.trace_id, c.call_id, l.parent_span_id
    from climb c
    join agent_spans l on l.org_id = 'firm' and l.trace_id = c.trace_id and l.span_id = c.above
    where l.kind = 'link'
), used as (
    select r.trace_id, r.span_id, sum(c.tokens_in) as tokens_in, sum(c.tokens_out) as tokens_out,
        sum(c.tokens_cached) as tokens_cached, sum(c.tokens_reasoning) as tokens_reasoning,
        -- One call without a price, and the run has none.
        case when bool_and(c.cost_usd is not null) then sum(c.cost_usd) end as cost_usd,
        max(c.price_version) as price_version,
        case when min(c.model) = max(c.model) then min(c.model) end as model,
        case when min(c.provider) = max(c.provider) then min(c.provider) end as provider
    from climb
    join agent_spans c on c.org_id = 'firm' and c.trace_id = climb.trace_id and c.span_id = climb.call_id
    join agent_spans r on r.org_id = 'firm' and r.trace_id = climb.trace_id and r.span_id = climb.above
    where r.kind = 'run'
    group by 1, 2
), told as (
    select encode(s.trace_id, 'hex') || ':' || encode(s.span_id, 'hex') as run_key,
        coalesce(s.model, u.model) as model, coalesce(s.provider, u.provider) as provider,
        case when o.is_own then s.tokens_in else u.tokens_in end as tokens_in,
        case when o.is_own then s.tokens_out else u.tokens_out end as tokens_out,
        case when o.is_own then s.tokens_cached else u.tokens_cached end as tokens_cached,
        case when o.is_own then s.tokens_reasoning else u.tokens_reasoning end as tokens_reasoning,
        coalesce(s.cost_usd, u.cost_usd) as cost_usd,
        case when s.cost_usd is not null then s.price_version when u.cost_usd is not null then u.price_version end
            as price_version
    from used u
    join agent_spans s on s.org_id = 'firm' and s.trace_id = u.trace_id and s.span_id = u.span_id
    cross join lateral (select s.tokens_in is not null or s.tokens_out is not null as is_own) as o
)
update agent_runs a
set model = t.model, provider = t.provider, tokens_in = t.tokens_in, tokens_out = t.tokens_out,
    tokens_cached = t.tokens_cached, tokens_reasoning = t.tokens_reasoning, cost_usd = t.cost_usd,
    price_version = t.price_version, recorded_at = now()
from told t
where a.org_id = 'firm' and a.run_key = t.run_key
    and (a.model, a.provider, a.tokens_in, a.tokens_out, a.tokens_cached, a.tokens_reasoning, a.cost_usd, a.price_version)
        is distinct from
        (t.model, t.provider, t.tokens_in, t.tokens_out, t.tokens_cached, t.tokens_reasoning, t.cost_usd, t.price_version)

-- delete_old_spans --
-- Spans of traces nothing was heard of for that long. A trace goes as a whole: half of its calls would be summed as all.
delete from agent_spans s
where s.recorded_at < now() - %(keep)s::interval
    and not exists (
        select from agent_spans n
        where n.org_id = s.org_id and n.trace_id = s.trace_id and n.recorded_at >= now() - %(keep)s::interval)
