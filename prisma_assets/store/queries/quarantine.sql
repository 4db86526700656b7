-- quarantine_facts --
-- Sets aside what cannot be true or is about nobody, of one UTC day; what is no longer so is let go.
with failing as materialized (
    select distinct on (fact_key) *
    from (
        select fact_key, 'run' as kind, agent_id,
            coalesce(doubt, case when agent_id <> all(%(agents)s) then 'the firm knows no such agent' end) as reason,
            to_jsonb(f) - 'fact_key' - 'doubt' as fact
        from run_facts_checked f
        where started_at >= %(start)s and started_at < %(end)s and (doubt is not null or agent_id <> all(%(agents)s))
        union all
        select fact_key, 'feedback', agent_id,
            coalesce(doubt, case when agent_id <> all(%(agents)s) then 'the firm knows no such agent' end),
            to_jsonb(f) - 'fact_key' - 'doubt'
        from feedback_facts_checked f
        where created_at >= %(start)s and created_at < %(end)s and (doubt is not null or agent_id <> all(%(agents)s))
    ) as doubtful
    order by fact_key
), let_go as (
    delete from quarantined_facts q
    where q.day = %(day)s and q.released_at is null
        and not exists (select from failing f where f.fact_key = q.fact_key)
)
insert into quarantined_facts (fact_key, kind, day, agent_id, reason, fact)
select fact_key, kind, %(day)s, agent_id, reason, fact from failing
on conflict (fact_key) do nothing

-- facts_of_days --
-- How many facts each UTC day of a span has, and how many of them are set aside. Key: kind, day.
select f.kind, f.day, count(*) as facts, count(q.fact_key) as quarantined
from (
    select 'run' as kind, (started_at at time zone 'UTC')::date as day,
        case when doubt is not null or agent_id <> all(%(agents)s) then fact_key end as fact_key
    from run_facts_checked where started_at >= %(start)s and started_at < %(end)s
    union all
    select 'feedback', (created_at at time zone 'UTC')::date,
        case when doubt is not null or agent_id <> all(%(agents)s) then fact_key end
    from feedback_facts_checked where created_at >= %(start)s and created_at < %(end)s
) as f
left join quarantined_facts q on q.fact_key = f.fact_key and q.released_at is null
group by 1, 2
order by 1, 2

-- quarantined_facts --
-- Facts set aside, the latest first; released ones on request. Key: fact_key.
select fact_key, kind, day, agent_id, reason, fact, quarantined_at, released_at, released_by, release_reason
from quarantined_facts
where (%(released)s or released_at is null) and (%(since)s::date is null or day >= %(since)s)
    and (%(until)s::date is null or day <= %(until)s)
order by quarantined_at desc, fact_key
limit %(limit)s

-- release_fact --
-- Counts a fact from now on. One row, of its day, when it was set aside until now. Key: fact_key.
update quarantined_facts
set released_at = now(), released_by = %(user)s, release_reason = %(reason)s
where fact_key = %(fact_key)s and released_at is null
returning day
