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
