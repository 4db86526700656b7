-- lineage_of_versions --
-- Proposed versions with what they answer, what tried them, and how they got to work. Key: agent_id, version.
select v.agent_id, v.version, v.parent_version, v.changes, v.reason, v.created_by, v.created_at,
       v.opportunity_id::text as opportunity_id, o.title as opportunity, o.status as opportunity_status,
       coalesce(x.found, '[]') as experiments, coalesce(d.found, '[]') as deployments, coalesce(l.found, '[]') as at_work
from agent_versions v
left join improvement_opportunities o using (opportunity_id)
left join lateral (
    select jsonb_agg(jsonb_build_object('ab_test_id', t.ab_test_id, 'name', t.name, 'status', t.status, 'metric', t.primary_metric,
        'verdict', j.verdict, 'reason', j.reason, 'units', j.units, 'data_sha256', j.data_sha256, 'effect', t.effect, 'low', t.ci_low,
        'high', t.ci_high) order by t.created_at) as found
    from ab_tests t
    left join lateral (
        select verdict, reason, units, data_sha256 from experiment_verdicts where ab_test_id = t.ab_test_id
        order by verdict_id desc limit 1) j on true
    where t.kind = 'experiment' and t.agent_id = v.agent_id and t.treatment_version = v.version) x on true
left join lateral (
    select jsonb_agg(jsonb_build_object('deployment_id', p.deployment_id, 'stage', p.stage, 'traffic_pct', p.traffic_pct,
        'observed', p.observed_metrics, 'rollback_reason', p.rollback_reason) order by p.created_at) as found
    from improvement_deployments p where p.agent_id = v.agent_id and p.to_version = v.version) d on true
left join lateral (
    select jsonb_agg(jsonb_build_object('from', w.valid_from, 'set_by', w.set_by, 'reason', w.reason) order by w.live_version_id) as found
    from live_agent_versions w where w.agent_id = v.agent_id and w.version = v.version) l on true
where (%(version)s::text is null or v.version = %(version)s) and (%(agent_id)s::text is null or v.agent_id = %(agent_id)s)
  and (%(opportunity_ids)s::uuid[] is null or v.opportunity_id = any(%(opportunity_ids)s::uuid[]))
order by v.created_at

-- feedback_behind_opportunity --
-- Every piece of feedback that shows the trouble, the earliest first; how many there are stands in each row. Key: feedback_id.
select f.feedback_id::text as feedback_id, f.created_at, f.source, f.feedback_type, f.rating, f.issue_categories, f.comment, count(*) over () as total
from improvement_opportunities o
join agent_feedback f on f.agent_id = o.agent_id
    and (f.created_at at time zone 'UTC')::date between o.began_on and o.last_seen_on
left join feedback_theme_members m using (feedback_id)
where o.opportunity_id = %(opportunity_id)s
  and (o.metric = 'satisfaction' and f.rating <= 3
      or o.metric = 'issue_category' and o.subject = any(f.issue_categories)
      or o.metric = 'feedback_theme' and m.theme_id::text = o.subject
          and (f.feedback_type in ('complaint', 'correction') or f.rating <= 2))
order by f.created_at, f.feedback_id
limit %(limit)s

-- opportunities_from_feedback --
-- The troubles a piece of feedback shows. Key: opportunity_id.
select o.opportunity_id::text as opportunity_id, o.title, o.status, o.metric, o.subject, o.began_on, o.last_seen_on
from agent_feedback f
join improvement_opportunities o on o.agent_id = f.agent_id
    and (f.created_at at time zone 'UTC')::date between o.began_on and o.last_seen_on
left join feedback_theme_members m using (feedback_id)
where f.feedback_id = %(feedback_id)s
  and (o.metric = 'satisfaction' and f.rating <= 3
      or o.metric = 'issue_category' and o.subject = any(f.issue_categories)
      or o.metric = 'feedback_theme' and m.theme_id::text = o.subject
          and (f.feedback_type in ('complaint', 'correction') or f.rating <= 2))
order by o.began_on

-- one_feedback --
-- A piece of feedback with its theme.
select f.feedback_id::text as feedback_id, f.agent_id, f.agent_version, f.created_at, f.source, f.feedback_type, f.rating,
       f.issue_categories, f.comment, m.theme_id::text as theme_id
from agent_feedback f
left join feedback_theme_members m using (feedback_id)
where f.feedback_id = %(feedback_id)s
