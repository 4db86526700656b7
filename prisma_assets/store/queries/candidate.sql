-- candidates --
-- What was proposed for opportunities, the latest first; the improvement it is for stands beside it. Key: candidate_id.
select c.candidate_id::text as candidate_id, c.opportunity_id::text as opportunity_id, c.agent_id, c.control_version, c.way, c.is_proposed,
    c.reason, c.changes, c.measure, c.seed, c.tried, c.train_tasks, c.train_score, c.holdout_tasks, c.present_score, c.holdout_score,
    c.effect, c.ci_low, c.ci_high, c.missed_more, c.cost_usd::float8 as cost_usd, c.created_at, o.title as opportunity,
    o.status as opportunity_status, o.risk_level as opportunity_risk
from improvement_candidates c
join improvement_opportunities o using (opportunity_id)
where (%(opportunity_id)s::uuid is null or c.opportunity_id = %(opportunity_id)s::uuid)
order by c.created_at desc, c.candidate_id

-- insert_candidate --
-- Keep a candidate; another search for the same opportunity and version keeps the first.
insert into improvement_candidates (
    opportunity_id, agent_id, control_version, way, is_proposed, reason, changes, measure, seed, tried, train_tasks, train_score,
    holdout_tasks, present_score, holdout_score, effect, ci_low, ci_high, missed_more, cost_usd)
values (
    %(opportunity_id)s, %(agent_id)s, %(control_version)s, %(way)s, %(is_proposed)s, %(reason)s, %(changes)s, %(measure)s, %(seed)s,
    %(tried)s, %(train_tasks)s, %(train_score)s, %(holdout_tasks)s, %(present_score)s, %(holdout_score)s, %(effect)s, %(ci_low)s,
    %(ci_high)s, %(missed_more)s, %(cost_usd)s)
on conflict (opportunity_id, control_version) do nothing
