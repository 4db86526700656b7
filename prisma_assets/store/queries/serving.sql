-- served_agents --
-- Agents with a live version of their own, a running experiment or a version in their shadow. A file, or a user, whose work was under way before the
-- experiment began takes no part in it. Key: agent_id.
select a.agent_id, l.card_sha256 as live_sha256, t.ab_test_id::text, t.assignment_unit as unit, t.assignment_salt as salt,
    t.traffic_split_b::float8 as split, v.card_sha256 as treatment_sha256,
    t.ab_test_id is not null and exists (
        select from workflow_executions e
        where e.created_at < t.started_at and e.status in ('PENDING', 'RUNNING', 'WAITING_APPROVAL', 'FAILED')
          and e.context->'agent_versions' ? a.agent_id
          and case t.assignment_unit
              when 'engagement' then e.engagement_id = %(engagement_id)s
              when 'user' then e.created_by = %(user)s and e.engagement_id is null
              else false end) as is_under_way,
    s.deployment_id::text as shadow_deployment_id, s.share as shadow_share
from unnest(%(agent_ids)s::text[]) as a (agent_id)
left join lateral (
    select card_sha256 from live_agent_versions where agent_id = a.agent_id order by live_version_id desc limit 1) l on true
left join ab_tests t on t.agent_id = a.agent_id and t.status = 'running'
left join agent_versions v on v.agent_id = t.agent_id and v.version = t.treatment_version
left join lateral (
    select r.deployment_id, r.share from shadow_runs r
    join improvement_deployments d using (deployment_id)
    where r.agent_id = a.agent_id and r.ended_at is null and d.stage = 'pending_approval' and clock_timestamp() < r.until) s on true
where l.card_sha256 is not null or v.card_sha256 is not null or s.deployment_id is not null

-- running_tests --
-- Those of the experiments that run.
select ab_test_id::text from ab_tests where ab_test_id = any(%(ab_test_ids)s::uuid[]) and status = 'running'

-- insert_exposure --
-- A unit meets its version for the first time, and the step that is at work is marked with the experiment.
with met as (
    insert into experiment_exposures (ab_test_id, unit, variant, split, agent_version)
    select ab_test_id, %(unit)s, %(variant)s, %(split)s, %(agent_version)s
    from ab_tests where ab_test_id = %(ab_test_id)s and status = 'running'
    on conflict (ab_test_id, unit) do nothing
)
update workflow_step_executions
set ab_test_id = %(ab_test_id)s, variant = %(variant)s
where workflow_execution_id = %(execution_id)s and step_id = %(step_id)s and status = 'RUNNING'
