-- insert_deployment --
-- A change of an agent that wants to become its version.
insert into improvement_deployments (opportunity_id, ab_test_id, verdict_id, agent_id, from_version, to_version, change_set, change_hash,
    risk_level, strategy, offline_evidence, created_by)
values (%(opportunity_id)s, %(ab_test_id)s, %(verdict_id)s, %(agent_id)s, %(from_version)s, %(to_version)s, %(change_set)s,
    %(change_hash)s, %(risk_level)s, 'canary', %(offline_evidence)s, %(created_by)s)
returning deployment_id::text as deployment_id

-- deployments --
-- Deployments, the latest first; all or of one id, agent or state. Key: deployment_id.
select deployment_id::text as deployment_id, opportunity_id::text as opportunity_id, ab_test_id::text as ab_test_id, verdict_id, agent_id,
       from_version, to_version, change_set, change_hash, risk_level, stage, traffic_pct, auto_deployed, stage_entered_at, stage_units,
       paused_by, released_by, waits_for, needs_person, rollout_test_id::text as rollout_test_id, observed_metrics,
       rollback_reason, rolled_back_at, created_by, created_at, started_at, completed_at
from improvement_deployments
where (%(deployment_id)s::uuid is null or deployment_id = %(deployment_id)s)
  and (%(agent_id)s::text is null or agent_id = %(agent_id)s)
  and (%(stages)s::text[] is null or stage = any(%(stages)s))
order by created_at desc
limit %(limit)s

-- lock_deployment --
-- Nobody else changes the deployment until this transaction ends.
select stage from improvement_deployments where deployment_id = %(deployment_id)s for update

-- insert_deployment_approval --
-- One person's consent.
insert into deployment_approvals (deployment_id, user_id, role, comment) values (%(deployment_id)s, %(user)s, %(role)s, %(comment)s)

-- deployment_approvals --
-- Consents to a deployment, in order.
select user_id, role, comment, approved_at from deployment_approvals where deployment_id = %(deployment_id)s order by approved_at

-- insert_deployment_event --
-- Something that happened to a deployment.
insert into deployment_events (deployment_id, what, by_whom, reason, facts)
values (%(deployment_id)s, %(what)s, %(by)s, %(reason)s, %(facts)s)

-- deployment_events --
-- The history of a deployment, in order.
select what, by_whom, reason, facts, happened_at from deployment_events where deployment_id = %(deployment_id)s order by deployment_event_id

-- begin_rollout --
-- A deployment's first share of the work.
update improvement_deployments
set stage = 'canary', traffic_pct = %(percent)s, auto_deployed = %(auto)s, approved_by = %(approved_by)s,
    approved_at = case when %(approved_by)s::text is null then null else clock_timestamp() end,
    started_at = clock_timestamp(), stage_entered_at = %(at)s, rollout_test_id = %(rollout_test_id)s, waits_for = null, needs_person = false
where deployment_id = %(deployment_id)s

-- advance_rollout --
-- A deployment's next share.
update improvement_deployments
set stage = %(stage)s, traffic_pct = %(percent)s, stage_entered_at = %(at)s, stage_units = null, waits_for = null, needs_person = false
where deployment_id = %(deployment_id)s

-- note_rollout --
-- What a deployment waits for, and what was seen so far.
update improvement_deployments
set waits_for = %(waits_for)s, needs_person = %(needs_person)s, stage_units = %(stage_units)s, observed_metrics = %(observed)s
where deployment_id = %(deployment_id)s

-- pause_rollout --
-- A person has a deployment stand still, or go on.
update improvement_deployments set paused_by = %(by)s where deployment_id = %(deployment_id)s

-- release_rollout --
-- A person lets a deployment reach everybody although a guardrail is not shown unharmed.
update improvement_deployments set released_by = %(by)s where deployment_id = %(deployment_id)s

-- end_deployment --
-- A deployment that is over, one way or another.
update improvement_deployments
set stage = %(stage)s, completed_at = clock_timestamp(), waits_for = null, needs_person = false,
    traffic_pct = case when %(stage)s = 'completed' then 100 else 0 end,
    rollback_reason = %(reason)s, rolled_back_at = case when %(stage)s = 'rolled_back' then clock_timestamp() end
where deployment_id = %(deployment_id)s

-- insert_rollout_test --
-- The assignment of a rollout: a row beside the experiments, so that one agent never has two at once.
insert into ab_tests (kind, agent_id, name, hypothesis, opportunity_id, control_version, treatment_version, variant_b_changes,
    traffic_split_b, assignment_unit, assignment_salt, metrics, primary_metric, metric_plan, risk_level, outcome_hours, status,
    started_at, created_by)
values ('rollout', %(agent_id)s, %(name)s, 'No guardrail is harmed.', %(opportunity_id)s, %(from_version)s, %(to_version)s, %(changes)s,
    %(split)s, %(unit)s, gen_random_uuid()::text, %(metrics)s, 'error_rate', %(metric_plan)s::jsonb, %(risk_level)s, %(outcome_hours)s,
    'running', clock_timestamp(), %(created_by)s)
returning ab_test_id::text as ab_test_id

-- split_rollout_test --
-- Another share of the work from now on.
update ab_tests set traffic_split_b = %(split)s where ab_test_id = %(rollout_test_id)s

-- end_rollout_test --
-- No more work is assigned.
update ab_tests set status = %(status)s, ended_at = clock_timestamp() where ab_test_id = %(rollout_test_id)s and status = 'running'

-- rollout_stage_units --
-- Units each version met since the stage began and whose outcomes have been looked at.
select count(*) filter (where e.variant = 'B') as treated, count(*) filter (where e.variant = 'A') as control
from experiment_exposures e
join experiment_states s using (ab_test_id)
where e.ab_test_id = %(rollout_test_id)s and e.first_exposed_at >= %(since)s and e.exposure_id <= s.last_exposure_id

-- insert_live_version --
-- Another version of an agent is at work from now on; its card is the last one kept under that version.
insert into live_agent_versions (agent_id, version, card_sha256, set_by, reason, deployment_id)
select %(agent_id)s, %(version)s, card_sha256, %(set_by)s, %(reason)s, %(deployment_id)s
from (
    select card_sha256, 0 as later, created_at as at from agent_versions where agent_id = %(agent_id)s and version = %(version)s
    union all
    select sha256, 1, first_used_at from agent_cards where agent_id = %(agent_id)s and version = %(version)s
) as known
order by later, at desc
limit 1

-- insert_breach --
-- Evidence that a deployment does harm; one deployment has one.
insert into guardrail_breaches (deployment_id, found_by, reason, evidence)
values (%(deployment_id)s, %(found_by)s, %(reason)s, %(evidence)s)
on conflict (deployment_id) do nothing

-- unserved_breaches --
-- Breaches whose version is not taken back yet, the oldest first. Key: breach_id.
select b.breach_id::text as breach_id, b.deployment_id::text as deployment_id, b.attempts, b.reason, b.found_by, b.last_error, d.agent_id
from guardrail_breaches b join improvement_deployments d using (deployment_id)
where b.served_at is null
order by b.found_at
limit %(limit)s

-- lock_breach --
-- One rollback of a breach at a time; no row when another works on it, or it is served.
select breach_id::text as breach_id, deployment_id::text as deployment_id, reason, evidence, found_by, attempts
from guardrail_breaches
where breach_id = %(breach_id)s and served_at is null
for update skip locked

-- count_breach_attempt --
-- Somebody begins to take the version back.
update guardrail_breaches set attempts = attempts + 1 where breach_id = %(breach_id)s and served_at is null

-- note_breach_error --
-- Why it failed.
update guardrail_breaches set last_error = %(error)s where breach_id = %(breach_id)s and served_at is null

-- serve_breach --
-- The version is taken back.
update guardrail_breaches set served_at = clock_timestamp(), last_error = null where breach_id = %(breach_id)s

-- drop_cached_results --
-- What a version computed answers nothing any more.
delete from step_result_cache where agent_id = %(agent_id)s and agent_version = %(version)s

-- mark_reperformances --
-- Every latest result a version wrote, branches included, and the execution it stands in.
insert into reperformances (deployment_id, step_execution_id, workflow_execution_id, step_id)
select %(deployment_id)s, l.step_execution_id, l.workflow_execution_id, l.step_id
from latest_step_executions l
where l.agent_id = %(agent_id)s and l.agent_version = %(version)s and l.status in ('COMPLETED', 'WAITING_APPROVAL')
on conflict do nothing
returning workflow_execution_id::text as workflow_execution_id, step_id

-- reperformances --
-- What a bad version wrote, and what became of it. Key: step_execution_id.
select r.workflow_execution_id::text as workflow_execution_id, r.step_id, s.map_key, s.iteration, s.output_hash, e.engagement_id, e.client_id,
       e.status as execution_status, r.marked_at, r.opened_at, r.left_because
from reperformances r
join workflow_step_executions s using (step_execution_id)
join workflow_executions e on e.workflow_execution_id = r.workflow_execution_id
where r.deployment_id = %(deployment_id)s
order by e.engagement_id, r.workflow_execution_id, r.step_id, s.map_key

-- executions_to_reperform --
-- Executions with marked steps that are not opened yet; step_ids: those that still stand as the bad version left them, NULL
-- when all were done again meanwhile. Key: workflow_execution_id, deployment_id.
select r.workflow_execution_id::text as workflow_execution_id, r.deployment_id::text as deployment_id,
       array_agg(distinct r.step_id order by r.step_id) filter (where l.status in ('COMPLETED', 'WAITING_APPROVAL')) as step_ids
from reperformances r
left join latest_step_executions l on l.step_execution_id = r.step_execution_id
where r.opened_at is null and r.left_because is null
group by 1, 2
order by 1
limit %(limit)s

-- opened_reperformances --
-- The marked steps of an execution are open again.
update reperformances set opened_at = clock_timestamp()
where workflow_execution_id = %(workflow_execution_id)s and deployment_id = %(deployment_id)s and opened_at is null and left_because is null

-- leave_reperformances --
-- The marked steps of an execution stay as they are, for a reason.
update reperformances set left_because = %(reason)s
where workflow_execution_id = %(workflow_execution_id)s and deployment_id = %(deployment_id)s and opened_at is null and left_because is null

-- agent_version_card --
-- The card of a proposed version.
select v.version, v.parent_version, v.changes, v.changes_sha256, v.card_sha256, v.opportunity_id::text as opportunity_id, v.created_by, c.card::text as card
from agent_versions v join agent_cards c on c.sha256 = v.card_sha256
where v.agent_id = %(agent_id)s and v.version = %(version)s

-- recorded_of_agent --
-- What is recorded of an agent's recent work. One row.
select coalesce(bool_or(f.accuracy is not null), false) as accuracy,
       coalesce(bool_and(f.cost_usd > 0), false) as cost,
       coalesce(bool_or(f.duration_ms is not null), false) as response_time,
       avg((f.engagement_id is not null)::int)::float8 as share_on_files,
       exists (select from agent_feedback b where b.agent_id = %(agent_id)s and b.rating is not null and b.created_at >= %(since)s) as satisfaction
from agent_run_facts f
where f.agent_id = %(agent_id)s and f.started_at >= %(since)s

-- live_card --
-- The card an agent works by now, where a deployment or a rollback has set one.
select card_sha256, version from live_agent_versions where agent_id = %(agent_id)s order by live_version_id desc limit 1

-- deployed_improvements --
-- Deployments that were at work, the latest first, with what measured them before: the experiment that proved them, work with known
-- answers, the trouble they were to undo; and what the rollout saw. Key: deployment_id.
select d.deployment_id::text as deployment_id, d.agent_id, d.from_version, d.to_version, d.stage, coalesce(d.started_at, d.created_at) as began_at,
       d.observed_metrics, d.ab_test_id::text as ab_test_id, t.name, t.primary_metric, t.metric_plan, t.effect, t.ci_low, t.ci_high,
       c.effect as candidate_effect, c.ci_low as candidate_low, c.ci_high as candidate_high, o.metric as trouble, o.evidence
from improvement_deployments d
left join ab_tests t on t.ab_test_id = d.ab_test_id
left join improvement_opportunities o on o.opportunity_id = d.opportunity_id
left join lateral (
    select effect, ci_low, ci_high from improvement_candidates c
    where c.opportunity_id = d.opportunity_id and c.is_proposed and c.changes = d.change_set
    order by created_at desc limit 1) c on true
where d.stage in ('canary', 'ramp', 'full', 'completed', 'rolled_back')
order by d.created_at desc

-- found_effects --
-- What every concluded experiment found of its goal, and every search on work with known answers. Key: id.
select 'experiment' as source, ab_test_id::text as id, primary_metric as metric, effect, ci_low, ci_high
from ab_tests
where kind = 'experiment' and effect is not null and ci_low is not null and ci_high is not null
union all
select 'candidate', candidate_id::text, 'accuracy', effect, ci_low, ci_high
from improvement_candidates
where effect is not null

-- work_before_and_after --
-- Units of work (client files, executions, else tasks) with a version in the four weeks before it was replaced, and with its successor in the
-- quarter since: of times and costs the logarithm. A unit whose cost is partly unknown is left out. The latest 2,000 runs of each side are
-- enough to tell a mean to a fiftieth of its spread, and bound what a page costs. Key: deployment_id, is_after.
with asked as (
    select a.*, s.*
    from jsonb_to_recordset(%(asked)s::jsonb) as a (
        deployment_id text, agent_id text, from_version text, to_version text, metric text, began_at timestamptz)
    cross join lateral (values
        (false, a.from_version, a.began_at - interval '28 days', a.began_at),
        (true, a.to_version, a.began_at, a.began_at + interval '90 days')) as s (is_after, version, since, until)
), work as (
    select a.deployment_id, a.metric, a.is_after,
        coalesce(f.engagement_id, f.workflow_execution_id::text, coalesce(f.task_id, '') || f.started_at) as unit,
        case a.metric
            when 'error_rate' then (f.outcome <> 'ok')::int::float8
            when 'accuracy' then f.accuracy
            when 'response_time' then ln(nullif(f.duration_ms, 0))
            when 'cost' then ln(nullif(f.cost_usd, 0))::float8 end as value
    from asked a
    cross join lateral (
        select x.engagement_id, x.workflow_execution_id, x.task_id, x.started_at, x.outcome, x.accuracy, x.duration_ms, x.cost_usd from agent_run_facts x
        where x.agent_id = a.agent_id and x.agent_version = a.version and x.started_at >= a.since and x.started_at < a.until
        order by x.started_at desc limit 2000) f
    where a.metric <> 'satisfaction'
    union all
    select a.deployment_id, a.metric, a.is_after, coalesce(w.engagement_id, b.workflow_execution_id::text, b.task_id), b.rating::float8
    from asked a
    join agent_feedback b on b.agent_id = a.agent_id and b.rating is not null and b.agent_version = a.version
        and b.created_at >= a.since and b.created_at < a.until
    left join workflow_executions w using (workflow_execution_id)
    where a.metric = 'satisfaction'
), units as (
    select deployment_id, is_after, unit,
        case when metric = 'cost' and count(value) < count(*) then null else avg(value) end as value
    from work group by deployment_id, metric, is_after, unit
)
select deployment_id, is_after, count(value)::int as n, avg(value) as mean, var_samp(value) as variance
from units where value is not null
group by deployment_id, is_after
