-- Calls of versions that serve nobody are no runs of the agent.
--
-- Why: what a version does on tasks with known answers, or in the shadow, would count as the agent's own errors, durations and traffic, and
--      raise alerts about work nobody gets. Its cost stays where money is counted (agent_cost_tracking).
-- Locks: ACCESS EXCLUSIVE on the view for a moment.
-- Undo: the view as in 0061; DROP FUNCTION is_trial_call.

BEGIN;

CREATE FUNCTION is_trial_call(call_id text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT call_id LIKE 'paired:%' OR call_id LIKE 'shadow:%'
$$;

CREATE OR REPLACE VIEW agent_run_facts AS
SELECT agent_id, agent_version, task_id, started_at, duration_ms, outcome, error_type, provider, model,
    tokens_in, tokens_out, tokens_cached, tokens_reasoning, cost_usd, accuracy, client_id, engagement_id,
    workflow_execution_id, step_execution_id, ab_test_id, variant, cache_hit, source, recorded_at
FROM agent_runs
UNION ALL
SELECT c.agent_id, c.agent_version, c.task,
    (c.incurred_at AT TIME ZONE 'UTC' - c.duration_ms * interval '1 millisecond') AT TIME ZONE 'UTC',
    c.duration_ms::double precision, c.outcome, nullif(split_part(c.error, ':', 1), ''), c.provider, c.model,
    c.tokens_in::bigint, c.tokens_out::bigint, c.tokens_cached::bigint, NULL::bigint, c.cost_usd,
    NULL::double precision, c.client_id, c.engagement_id,
    c.workflow_execution_id, c.step_execution_id, coalesce(c.ab_test_id, s.ab_test_id), coalesce(c.variant, s.variant),
    c.cache_hit, 'gateway', c.incurred_at
FROM agent_cost_tracking c
LEFT JOIN workflow_step_executions s USING (step_execution_id)
WHERE NOT is_trial_call(c.call_id);

COMMIT;
