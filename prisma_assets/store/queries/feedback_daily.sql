-- delete_feedback_daily --
-- Removes a day, to be counted anew.
delete from feedback_daily where day = %(day)s

-- insert_feedback_daily --
-- Counts what was said of each agent on one UTC day.
with fit as materialized (
    select agent_id, source, feedback_type, issue_categories, rating, accuracy_rating, helpfulness_rating,
        clarity_rating, completeness_rating
    from feedback_facts_checked f
    where created_at >= %(start)s and created_at < %(end)s
        and (doubt is null and agent_id = any(%(agents)s)
            or exists (select from quarantined_facts q where q.fact_key = f.fact_key and q.released_at is not null))
), types as (
    select agent_id, jsonb_object_agg(feedback_type, times) as types
    from (select agent_id, feedback_type, count(*) as times from fit group by 1, 2) as t group by 1
), sources as (
    select agent_id, jsonb_object_agg(source, times) as sources
    from (select agent_id, source, count(*) as times from fit group by 1, 2) as t group by 1
), categories as (
    select agent_id, jsonb_object_agg(category, times) as categories
    from (select agent_id, category, count(*) as times from fit, unnest(issue_categories) as category group by 1, 2) as t
    group by 1
)
insert into feedback_daily (
    agent_id, day, feedback, types, sources, categories, rating_sum, rating_n, accuracy_sum, accuracy_n,
    helpfulness_sum, helpfulness_n, clarity_sum, clarity_n, completeness_sum, completeness_n)
select agent_id, %(day)s, count(*), types, sources, coalesce(categories, '{}'),
    coalesce(sum(rating), 0), count(rating), coalesce(sum(accuracy_rating), 0), count(accuracy_rating),
    coalesce(sum(helpfulness_rating), 0), count(helpfulness_rating), coalesce(sum(clarity_rating), 0),
    count(clarity_rating), coalesce(sum(completeness_rating), 0), count(completeness_rating)
from fit
join types using (agent_id)
join sources using (agent_id)
left join categories using (agent_id)
group by agent_id, types, sources, categories

-- feedback_days --
-- What was said of one agent or all, by day. Key: agent_id, day.
select agent_id, day, feedback, types, sources, categories, rating_sum, rating_n
from feedback_daily
where day between %(since)s and %(until)s and (%(agent_id)s::text is null or agent_id = %(agent_id)s)
order by agent_id, day

-- feedback_days_to_check --
-- Counted feedback of a span with what checks look at. Key: agent_id, day.
select agent_id, day::text, feedback, feedback - (select sum(value::int) from jsonb_each_text(types)) as uncounted,
    rating_sum::float8 / nullif(rating_n, 0) as rating
from feedback_daily
where day between %(since)s and %(until)s
order by 1, 2
