-- insert_experiment --
-- A declaration; it runs once somebody starts it.
insert into ab_tests (
    agent_id, name, hypothesis, opportunity_id, control_version, treatment_version, variant_b_changes, traffic_split_b,
    assignment_unit, assignment_salt, metrics, primary_metric, guardrail_metrics, metric_plan, min_samples_per_variant,
    min_duration_hours, max_duration_days, outcome_hours, alpha, mde, max_blocks, power_statement, risk_level, created_by)
values (
    %(agent_id)s, %(name)s, %(hypothesis)s, %(opportunity_id)s, %(control_version)s, %(treatment_version)s, %(changes)s,
    %(split)s, %(unit)s, gen_random_uuid()::text, %(metrics)s, %(primary)s, %(guardrails)s, %(metric_plan)s::jsonb,
    %(min_samples)s, %(min_hours)s, %(max_days)s, %(outcome_hours)s, %(alpha)s, %(margin)s, %(max_blocks)s,
    %(power_statement)s, %(risk)s, %(created_by)s)
returning ab_test_id::text

-- insert_version --
-- A version somebody proposes; its number follows the agent's last one. Call under `lock_versions`.
with card as (
    insert into agent_cards (sha256, agent_id, version, card)
    values (%(card_sha256)s, %(agent_id)s, %(version)s, %(card)s::json)
    on conflict do nothing
)
insert into agent_versions (
    agent_id, version, parent_version, changes, changes_sha256, card_sha256, reason, opportunity_id, created_by)
values (
    %(agent_id)s, %(version)s, %(parent_version)s, %(changes)s, %(changes_sha256)s, %(card_sha256)s, %(reason)s,
    %(opportunity_id)s, %(created_by)s)

-- lock_versions --
-- One at a time numbers versions of an agent.
select pg_advisory_xact_lock(hashtextextended('agent_versions:' || %(agent_id)s, 0))

-- versions_of --
-- Versions proposed of an agent so far, and the card at work where it is not that of the code. One row.
select (select count(*) from agent_versions where agent_id = %(agent_id)s) as versions,
    (select c.card::text from live_agent_versions l join agent_cards c on c.sha256 = l.card_sha256
     where l.agent_id = %(agent_id)s order by l.live_version_id desc limit 1) as live_card

-- live_versions --
-- Version at work of each agent where it is not that of the code. Key: agent_id.
select distinct on (agent_id) agent_id, version from live_agent_versions order by agent_id, live_version_id desc

-- opportunity --
-- What an experiment may come from. Key: opportunity_id.
select opportunity_id::text, agent_id, improvement_type, title, description, risk_level, status
from improvement_opportunities where opportunity_id = %(opportunity_id)s

-- experiments --
-- Experiments with the latest verdict, newest first. Key: ab_test_id.
select t.*, t.ab_test_id::text as ab_test_id, t.opportunity_id::text as opportunity_id, v.verdict, v.reason, v.units, v.as_of
from ab_tests t
left join lateral (
    select verdict, reason, units, as_of from experiment_verdicts where ab_test_id = t.ab_test_id
    order by verdict_id desc limit 1) v on true
where t.kind = 'experiment'
  and (%(ab_test_id)s::uuid is null or t.ab_test_id = %(ab_test_id)s)
  and (%(agent_id)s::text is null or t.agent_id = %(agent_id)s)
  and (%(status)s::text is null or t.status = %(status)s)
order by t.created_at desc, t.ab_test_id
limit %(limit)s

-- other_change --
-- What else changes the agent now: a running experiment, or an open deployment. Rows: none when nothing does.
select 'experiment' as kind, name as about, ab_test_id::text as id from ab_tests
where agent_id = %(agent_id)s and status in ('running', 'paused') and ab_test_id <> %(ab_test_id)s
union all
select 'deployment', to_version, deployment_id::text from improvement_deployments
where agent_id = %(agent_id)s and stage in ('canary', 'ramp', 'full')
limit 1

-- start_experiment --
-- It runs from now on.
update ab_tests
set status = 'running', started_at = clock_timestamp(), approved_by = %(approved_by)s, approved_role = %(approved_role)s,
    approved_at = case when %(approved_by)s::text is not null then clock_timestamp() end
where ab_test_id = %(ab_test_id)s and status in ('draft', 'approved')
returning started_at

-- end_experiments --
-- They are over, with what was found.
update ab_tests t
set status = r.status, ended_at = greatest(t.started_at, r.ended_at), effect = r.effect, ci_low = r.low, ci_high = r.high,
    decision = r.decision, decided_by = r.decided_by, decided_at = case when r.decision is not null then clock_timestamp() end,
    decision_notes = r.notes
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    ab_test_id uuid, status text, ended_at timestamptz, decision text, decided_by text, effect float8, low float8, high float8, notes text)
where t.ab_test_id = r.ab_test_id and t.status in ('draft', 'approved', 'running', 'paused')

-- running_experiment_ids --
-- Experiments that run, rollouts apart. Key: ab_test_id.
select ab_test_id::text from ab_tests where status = 'running' and kind = 'experiment' order by ab_test_id

-- hold_experiments --
-- Running experiments with what is remembered of each; nobody else looks at them meanwhile. Key: ab_test_id.
select t.*, t.ab_test_id::text as ab_test_id, s.state, s.last_exposure_id, s.units as seen, s.data_sha256, s.reported_until
from ab_tests t
left join experiment_states s using (ab_test_id)
where t.ab_test_id = any(%(ab_test_ids)s::uuid[]) and t.status = 'running'
order by t.ab_test_id
for no key update of t

-- insert_reported_exposures --
-- Units of runs reported from outside, which say themselves which arm they had; one that had both is marked.
insert into experiment_exposures as x (ab_test_id, unit, variant, split, agent_version, first_exposed_at, source, is_crossed)
select r.ab_test_id, u.unit, (array_agg(r.variant order by r.started_at, r.agent_run_id))[1], t.traffic_split_b,
    (array_agg(r.agent_version order by r.started_at, r.agent_run_id))[1], min(r.started_at), 'reported',
    count(distinct r.variant) > 1
from ab_tests t
left join experiment_states s using (ab_test_id)
join agent_runs r on r.ab_test_id = t.ab_test_id and r.recorded_at > coalesce(s.reported_until, '-infinity')
cross join lateral (
    select case t.assignment_unit
        when 'engagement' then r.engagement_id when 'task' then coalesce(r.task_id, r.run_key) end) as u (unit)
where t.ab_test_id = any(%(ab_test_ids)s::uuid[]) and t.status = 'running' and r.agent_id = t.agent_id
  and r.variant is not null and u.unit is not null
group by r.ab_test_id, u.unit, t.traffic_split_b
order by r.ab_test_id, min(r.started_at), u.unit
on conflict (ab_test_id, unit) do update set is_crossed = true
where x.variant <> excluded.variant or excluded.is_crossed

-- ripe_units --
-- New units of experiments, in order, up to the first whose time is not over, with their outcomes: shares of failed attempts,
-- geometric means of milliseconds and dollars (none where an attempt has no price), means of accuracy and rating.
-- Key: ab_test_id, exposure_id. Each `offset 0` keeps a look by index per experiment or unit: otherwise whole tables are read.
with fresh as materialized (
    select e.*, t.assignment_unit, e.first_exposed_at + t.outcome_hours * interval '1 hour' as until,
        bool_and(greatest(e.first_exposed_at + t.outcome_hours * interval '1 hour', e.recorded_at) <= %(as_of)s)
            over (partition by e.ab_test_id order by e.exposure_id) as is_ripe
    from unnest(%(ab_test_ids)s::uuid[], %(after)s::bigint[]) as a (ab_test_id, after)
    join ab_tests t using (ab_test_id)
    cross join lateral (
        select * from experiment_exposures x where x.ab_test_id = a.ab_test_id and x.exposure_id > a.after offset 0) e
), ripe as materialized (
    select * from fresh where is_ripe
), outcomes as (
    select r.exposure_id, c.outcome, c.duration_ms::float8 as ms, c.cost_usd::float8 as usd, null::float8 as accuracy,
        c.price_version, c.agent_version
    from ripe r
    cross join lateral (
        select * from agent_cost_tracking x
        where x.ab_test_id = r.ab_test_id and x.experiment_unit = r.unit and x.incurred_at between r.first_exposed_at and r.until
        offset 0) c
    where r.source = 'gateway'
    union all
    select r.exposure_id, o.outcome, o.duration_ms, o.cost_usd::float8, o.accuracy, o.price_version, o.agent_version
    from ripe r
    cross join lateral (
        select * from agent_runs x
        where x.ab_test_id = r.ab_test_id and coalesce(x.task_id, x.run_key) = r.unit and r.assignment_unit <> 'engagement'
        union all
        select * from agent_runs x
        where x.ab_test_id = r.ab_test_id and x.engagement_id = r.unit and r.assignment_unit = 'engagement'
        offset 0) o
    where r.source = 'reported' and o.started_at between r.first_exposed_at and r.until
), runs as (
    select exposure_id, avg((outcome <> 'ok')::int)::float8 as error_rate, max(price_version) as price_version,
        case when count(ms) < count(*) then null when min(ms) <= 0 then 0 else exp(avg(ln(nullif(ms, 0)))) end as response_time,
        case when count(usd) < count(*) or min(usd) <= 0 then null else exp(avg(ln(nullif(usd, 0)))) end as cost,
        avg(accuracy) as accuracy,
        array_agg(distinct agent_version) filter (where agent_version is not null) as versions
    from outcomes group by exposure_id
), ratings as (
    select r.exposure_id, avg(f.rating)::float8 as satisfaction
    from ripe r
    join agent_feedback f on f.ab_test_id = r.ab_test_id and f.rating is not null
        and f.created_at between r.first_exposed_at and r.until
    left join workflow_step_executions s on s.step_execution_id = f.step_execution_id
    left join workflow_executions w on w.workflow_execution_id = coalesce(f.workflow_execution_id, s.workflow_execution_id)
    where r.unit = coalesce(
        case r.assignment_unit
            when 'engagement' then w.engagement_id
            when 'user' then w.created_by
            when 'task' then s.workflow_execution_id || ':' || s.step_id || ':' || s.iteration end,
        f.task_id)
    group by r.exposure_id
)
select r.ab_test_id::text, r.exposure_id, r.unit, r.variant, r.split, r.agent_version, r.first_exposed_at, r.is_crossed,
    o.error_rate, o.response_time, o.cost, o.accuracy, o.price_version, coalesce(o.versions, '{}') as versions, q.satisfaction
from ripe r
left join runs o using (exposure_id)
left join ratings q using (exposure_id)
order by r.ab_test_id, r.exposure_id

-- upsert_experiment_states --
-- What is remembered of experiments.
insert into experiment_states as s (ab_test_id, state, last_exposure_id, units, data_sha256, reported_until)
select ab_test_id, state, last_exposure_id, units, data_sha256, reported_until
from jsonb_to_recordset(%(rows)s::jsonb)
    as r (ab_test_id uuid, state jsonb, last_exposure_id bigint, units integer, data_sha256 text, reported_until timestamptz)
on conflict (ab_test_id) do update
set state = excluded.state, last_exposure_id = excluded.last_exposure_id, units = excluded.units,
    data_sha256 = excluded.data_sha256, reported_until = excluded.reported_until, updated_at = now()

-- insert_verdicts --
-- Verdicts on data that were not judged so before.
insert into experiment_verdicts (
    ab_test_id, as_of, verdict, reason, decided_at_units, units, data_sha256, plan_sha256, price_version, code_version,
    control_version, treatment_version, numbers)
select ab_test_id, %(as_of)s, verdict, reason, decided_at_units, units, data_sha256, plan_sha256, price_version, code_version,
    control_version, treatment_version, numbers
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    ab_test_id uuid, verdict text, reason text, decided_at_units integer, units integer, data_sha256 text, plan_sha256 text,
    price_version text, code_version text, control_version text, treatment_version text, numbers jsonb)
on conflict do nothing

-- insert_arm_metrics --
-- Sums per arm and metric at a moment.
insert into ab_test_metrics (ab_test_id, variant, metric, snapshot_at, n, sum_value, sum_sq, success_count, is_final)
select ab_test_id, variant, metric, %(as_of)s, n, sum_value, sum_sq, success_count, is_final
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    ab_test_id uuid, variant text, metric text, n integer, sum_value float8, sum_sq float8, success_count integer,
    is_final boolean)
on conflict (ab_test_id, variant, metric, snapshot_at) do update set is_final = true
where excluded.is_final

-- verdicts --
-- Verdicts on an experiment, oldest first. Key: verdict_id.
select verdict_id, as_of, verdict, reason, decided_at_units, units, data_sha256, plan_sha256, price_version, code_version,
    control_version, treatment_version, numbers
from experiment_verdicts where ab_test_id = %(ab_test_id)s order by verdict_id

-- exposure_counts --
-- Units that met each arm of the running experiments (rollouts apart), and those seen in both. Key: ab_test_id, variant.
select t.ab_test_id::text, t.agent_id, t.name, t.traffic_split_b::float8 as split, e.variant, count(*) as units,
    count(*) filter (where e.is_crossed) as crossed, max(e.first_exposed_at) as latest
from ab_tests t
join experiment_exposures e using (ab_test_id)
where t.status = 'running' and t.kind = 'experiment'
group by t.ab_test_id, e.variant
order by t.ab_test_id, e.variant

-- arm_metrics --
-- Latest sums per arm and metric of the running experiments. Key: ab_test_id, variant, metric.
select distinct on (m.ab_test_id, m.variant, m.metric) m.ab_test_id::text, m.variant, m.metric, m.snapshot_at, m.n,
    m.sum_value, m.sum_sq, m.success_count
from ab_test_metrics m
join ab_tests t using (ab_test_id)
where t.status = 'running'
order by m.ab_test_id, m.variant, m.metric, m.snapshot_at desc

-- agent_past --
-- Units of an agent's recent past as an experiment would count them. Key: unit.
with facts as (
    select f.*, case %(unit)s
        when 'engagement' then f.engagement_id
        when 'user' then w.created_by
        else coalesce(f.workflow_execution_id::text, '') || f.task_id || f.started_at end as unit
    from agent_run_facts f
    left join workflow_executions w on %(unit)s = 'user' and w.workflow_execution_id = f.workflow_execution_id
    where f.agent_id = %(agent_id)s and f.started_at >= %(since)s
)
select u.*, r.satisfaction from (
    select unit, avg((outcome <> 'ok')::int)::float8 as error_rate, avg(accuracy) as accuracy,
        case when count(duration_ms) < count(*) then null when min(duration_ms) <= 0 then 0
            else exp(avg(ln(nullif(duration_ms, 0)))) end as response_time,
        case when count(cost_usd) < count(*) or min(cost_usd) <= 0 then null
            else exp(avg(ln(nullif(cost_usd, 0))))::float8 end as cost,
        max(engagement_id) as engagement_id, max(workflow_execution_id::text) as workflow_execution_id, min(started_at) as first_at
    from facts where unit is not null group by unit order by first_at desc limit %(limit)s) u
left join lateral (
    select avg(b.rating)::float8 as satisfaction from agent_feedback b
    left join workflow_executions w using (workflow_execution_id)
    where b.agent_id = %(agent_id)s and b.rating is not null and b.created_at >= %(since)s
      and case %(unit)s when 'engagement' then w.engagement_id = u.unit when 'user' then w.created_by = u.unit
          else b.workflow_execution_id::text = u.workflow_execution_id end) r on true

-- experiments_with_verdicts --
-- Experiments that were judged, the earliest first. Key: ab_test_id.
select ab_test_id::text as ab_test_id from ab_tests t
where exists (select from experiment_verdicts v where v.ab_test_id = t.ab_test_id)
order by created_at, ab_test_id
