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
with recursive mine as materialized (
    -- Read once by the key: of a table that grows between two analyses the planner expects too little.
    select * from agent_spans where org_id = 'firm' and trace_id = any(%(traces)s::bytea[])
), climb as (
    select trace_id, span_id as call_id, parent_span_id as above, provider, model, tokens_in, tokens_out,
        tokens_cached, tokens_reasoning, cost_usd, price_version
    from mine where kind = 'call'
    -- Not `all`: a trace whose spans are each other's parents comes to an end.
    union
    select c.trace_id, c.call_id, l.parent_span_id, c.provider, c.model, c.tokens_in, c.tokens_out,
        c.tokens_cached, c.tokens_reasoning, c.cost_usd, c.price_version
    from climb c
    join mine l on l.trace_id = c.trace_id and l.span_id = c.above
    where l.kind = 'link'
), figures as (
    -- No join: grouping takes time in proportion whatever the planner expects.
    select false as is_run, trace_id, above as span_id, provider, model, tokens_in, tokens_out, tokens_cached,
        tokens_reasoning, cost_usd, price_version
    from climb
    union all
    select true, trace_id, span_id, provider, model, tokens_in, tokens_out, tokens_cached, tokens_reasoning,
        cost_usd, price_version
    from mine where kind = 'run'
), own as (
    select *, bool_or(is_run and (tokens_in is not null or tokens_out is not null))
        over (partition by trace_id, span_id) as tells_tokens
    from figures
), told as (
    select encode(trace_id, 'hex') || ':' || encode(span_id, 'hex') as run_key,
        coalesce(max(model) filter (where is_run), case when min(model) = max(model) then min(model) end) as model,
        coalesce(max(provider) filter (where is_run),
            case when min(provider) = max(provider) then min(provider) end) as provider,
        sum(tokens_in) filter (where is_run = tells_tokens) as tokens_in,
        sum(tokens_out) filter (where is_run = tells_tokens) as tokens_out,
        sum(tokens_cached) filter (where is_run = tells_tokens) as tokens_cached,
        sum(tokens_reasoning) filter (where is_run = tells_tokens) as tokens_reasoning,
        -- One call without a price, and the run has none.
        coalesce(max(cost_usd) filter (where is_run),
            case when bool_and(is_run or cost_usd is not null) then sum(cost_usd) end) as cost_usd,
        case when max(cost_usd) filter (where is_run) is not null then max(price_version) filter (where is_run)
            when bool_and(is_run or cost_usd is not null) then max(price_version) end as price_version
    from own
    group by trace_id, span_id
    having bool_or(is_run) and not bool_and(is_run)
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
