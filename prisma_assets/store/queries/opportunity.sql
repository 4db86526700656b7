-- lock_opportunities --
-- Nobody else looks for opportunities until this transaction ends.
select pg_advisory_xact_lock(hashtext('improvement_opportunities'), 0)

-- last_opportunity_look --
-- Last day that was looked at; none before the first look.
select max(day) as day from roll_ups where roll_up = 'improvement_opportunities'

-- open_opportunities --
-- What is wrong and not mended, with what it was found by. Key: opportunity_id.
select opportunity_id::text, agent_id, metric, subject, evidence, last_seen_on
from improvement_opportunities
where status in ('identified', 'triaged', 'in_test', 'validated') and metric is not null and evidence <> '[]'
    and (%(agent_id)s::text is null or agent_id = %(agent_id)s)

-- settled_opportunities --
-- Trouble that is over, with its days, as far back as anybody compares. Key: opportunity_id.
select agent_id, metric, subject, began_on, (coalesce(closed_at, updated_at) at time zone 'UTC')::date as closed_on
from improvement_opportunities
where status in ('resolved', 'deployed') and metric is not null and coalesce(closed_at, updated_at) >= %(since)s
    and (%(agent_id)s::text is null or agent_id = %(agent_id)s)

-- upsert_opportunities --
-- Writes what a look found, the same trouble into the same row. A trouble somebody dismissed is told again after 90 days,
-- or when it is half as large again; one whose mending was released, after four weeks. Key: agent_id, fingerprint.
insert into improvement_opportunities (
    agent_id, agent_version, improvement_type, detector, title, description, evidence, sample_size, priority, risk_level,
    estimated_impact, confidence, fingerprint, metric, subject, began_on, found_on, last_seen_on, size, usd_per_month,
    hours_per_month)
select agent_id, agent_version, improvement_type, detector, title, description, evidence, sample_size, priority, risk_level,
    estimated_impact, confidence, fingerprint, metric, subject, began_on, %(day)s, last_seen_on, size, usd_per_month,
    hours_per_month
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    agent_id text, agent_version text, improvement_type text, detector text, title text, description text, evidence jsonb,
    sample_size integer, priority text, risk_level text, estimated_impact numeric, confidence numeric, fingerprint text,
    metric text, subject text, began_on date, last_seen_on date, size double precision, usd_per_month numeric,
    hours_per_month numeric)
where not exists (
    select from improvement_opportunities o
    where o.agent_id = r.agent_id and o.fingerprint = r.fingerprint
        and (o.status = 'rejected' and o.closed_at > %(day)s::date - interval '90 days' and r.size < 1.5 * o.size
            or o.status = 'deployed' and coalesce(o.closed_at, o.updated_at) > %(day)s::date - interval '28 days'))
order by agent_id, fingerprint
on conflict (org_id, agent_id, fingerprint) where status in ('identified', 'triaged', 'in_test', 'validated')
do update set
    agent_version = excluded.agent_version, title = excluded.title, description = excluded.description,
    evidence = excluded.evidence, sample_size = excluded.sample_size, priority = excluded.priority,
    risk_level = excluded.risk_level, estimated_impact = excluded.estimated_impact, confidence = excluded.confidence,
    last_seen_on = excluded.last_seen_on, size = excluded.size, usd_per_month = excluded.usd_per_month,
    hours_per_month = excluded.hours_per_month, updated_at = now()
returning agent_id, fingerprint, xmax = 0 as is_new

-- resolve_opportunities --
-- Closes trouble that is over; one that is being tested or validated is left to those who do.
update improvement_opportunities
set status = 'resolved', status_reason = %(reason)s, closed_at = %(closed_at)s, updated_at = now()
where opportunity_id = any(%(opportunity_ids)s::uuid[]) and status in ('identified', 'triaged')

-- dismiss_opportunity --
-- Somebody's no, with the reason; nothing when it is not open.
update improvement_opportunities
set status = 'rejected', status_reason = %(reason)s, triaged_by = %(by)s, triaged_at = now(), closed_at = now(),
    updated_at = now()
where opportunity_id = %(opportunity_id)s::uuid and status in ('identified', 'triaged')
returning opportunity_id::text

-- opportunities --
-- Opportunities, the most pressing first. Key: opportunity_id.
select opportunity_id::text, agent_id, agent_version, detector, improvement_type, title, description, priority, risk_level,
    status, metric, subject, began_on, found_on, last_seen_on, size, estimated_impact::float8 as estimated_impact,
    confidence::float8 as confidence, sample_size, usd_per_month::float8 as usd_per_month,
    hours_per_month::float8 as hours_per_month, fingerprint, evidence, triaged_by, triaged_at, status_reason, closed_at,
    created_at, updated_at
from improvement_opportunities
where (%(agent_id)s::text is null or agent_id = %(agent_id)s)
    and (%(statuses)s::text[] is null or status = any(%(statuses)s))
    and (%(opportunity_id)s::uuid is null or opportunity_id = %(opportunity_id)s::uuid)
order by array_position(array['critical', 'high', 'medium', 'low'], priority), coalesce(usd_per_month, 0) desc,
    coalesce(estimated_impact * confidence, 0) desc, opportunity_id

-- telling_feedback --
-- The latest pieces of feedback that show what people are unhappy with. Key: feedback_id.
select f.feedback_id::text, (f.created_at at time zone 'UTC')::date::text as day, f.feedback_type, f.rating, f.comment
from agent_feedback f
left join feedback_theme_members m using (feedback_id)
where f.agent_id = %(agent_id)s and f.created_at >= %(start)s and f.created_at < %(end)s
    and (%(metric)s = 'satisfaction' and f.rating <= 3
        or %(metric)s = 'issue_category' and %(subject)s = any(f.issue_categories)
        or %(metric)s = 'feedback_theme' and m.theme_id = %(subject)s
            and (f.feedback_type in ('complaint', 'correction') or f.rating <= 2))
order by f.created_at desc, f.feedback_id
limit 5

-- worse_trends --
-- Significant trends for the worse told on a day. Key: agent_id, metric.
select agent_id, metric, days, level, abs(change) as change, q
from performance_trends
where as_of = %(day)s and direction = 'worse' and (%(agent_id)s::text is null or agent_id = %(agent_id)s)

-- opportunities_to_check --
-- Open opportunities with what checks look at. Key: opportunity_id.
select opportunity_id::text, agent_id, fingerprint, priority, confidence::float8 as confidence,
    estimated_impact::float8 as impact, sample_size, jsonb_array_length(evidence) as evidence, began_on::text, title,
    size, usd_per_month::float8 as usd_per_month
from improvement_opportunities
where status in ('identified', 'triaged', 'in_test', 'validated') and metric is not null
order by opportunity_id
