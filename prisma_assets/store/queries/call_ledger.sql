-- insert_call --
-- One attempt of an agent call, and what it answered. A second success of the same call changes nothing.
with attempt as (
    insert into agent_cost_tracking (
        call_id, attempt, outcome, error, task, step_id, agent_id, agent_version, client_id, engagement_id,
        workflow_execution_id, step_execution_id, call_type, provider, model, duration_ms,
        tokens_in, tokens_out, tokens_cached, cost_usd, price_version, ab_test_id, variant, experiment_unit, incurred_at)
    values (
        %(call_id)s, %(attempt)s, %(outcome)s, %(error)s, %(task)s, %(step_id)s, %(agent_id)s, %(agent_version)s,
        %(client_id)s, %(engagement_id)s, %(execution_id)s, %(step_execution_id)s,
        case when %(model)s::text is null then 'procedure' else 'llm' end, %(provider)s, %(model)s, %(duration_ms)s,
        %(tokens_in)s, %(tokens_out)s, %(tokens_cached)s, %(cost_usd)s, %(price_version)s, %(ab_test_id)s, %(variant)s,
        %(experiment_unit)s, clock_timestamp())
    on conflict (call_id) where outcome = 'ok' do nothing
    returning call_id
)
insert into agent_calls (call_id, result)
select call_id, %(result)s::json from attempt where %(result)s::json is not null
on conflict do nothing

-- attempts_of_late --
-- Attempts of an execution's calls within the last so many seconds. Key: call_id.
select call_id, count(*)::int as attempts
from agent_cost_tracking
where workflow_execution_id = %(execution_id)s::uuid and incurred_at > clock_timestamp() - make_interval(secs => %(seconds)s)
group by 1

-- recorded_call --
-- What a call answered, as text; no row while it has not succeeded.
select result::text as result from agent_calls where call_id = %(call_id)s
