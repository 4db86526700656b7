-- texts_of_themes --
-- Comments given in a span, each with its theme where it has one; the oldest first. Key: feedback_id.
select f.feedback_id::text, f.comment, (f.created_at at time zone 'UTC')::date as day, m.theme_id
from agent_feedback f
left join feedback_theme_members m using (feedback_id)
where f.created_at >= %(start)s and f.created_at < %(end)s and f.comment is not null and f.archived_at is null
order by f.created_at desc, f.feedback_id
limit %(limit)s

-- lock_themes --
-- Nobody else places texts until this transaction ends.
select pg_advisory_xact_lock(hashtext('feedback_themes'), 0)

-- theme_looks --
-- First and last day whose look placed texts; none before the first look.
select min(day) as first, max(day) as last from roll_ups where roll_up = 'feedback_themes'

-- known_themes --
-- Since when each theme is known. Key: theme_id.
select theme_id, founded_on from feedback_themes

-- upsert_themes --
-- Writes themes as they are now; since when one is known never changes, and first and last day only widen.
insert into feedback_themes (theme_id, name, terms, quotes, feedback, first_seen, last_seen, founded_on, is_new)
select theme_id, name, terms, quotes, feedback, first_seen, last_seen, founded_on, is_new
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    theme_id text, name text, terms jsonb, quotes jsonb, feedback integer, first_seen date, last_seen date,
    founded_on date, is_new boolean)
order by theme_id
on conflict (theme_id) do update set
    name = excluded.name, terms = excluded.terms, quotes = excluded.quotes, feedback = excluded.feedback,
    first_seen = least(feedback_themes.first_seen, excluded.first_seen),
    last_seen = greatest(feedback_themes.last_seen, excluded.last_seen),
    is_new = excluded.is_new, updated_at = now()

-- insert_theme_members --
-- Gives texts their themes, once and for all.
insert into feedback_theme_members (feedback_id, theme_id)
select feedback_id, theme_id from jsonb_to_recordset(%(rows)s::jsonb) as r (feedback_id uuid, theme_id text)
order by feedback_id
on conflict (feedback_id) do nothing

-- themes --
-- Themes spoken of since a day, the most spoken of first, with whom they are about. Key: theme_id.
select t.theme_id, t.name, t.terms, t.quotes, t.feedback, t.first_seen, t.last_seen, t.founded_on, t.is_new,
    d.lately, d.unhappy, d.agents
from feedback_themes t
cross join lateral (
    select coalesce(sum(feedback), 0)::integer as lately, coalesce(sum(unhappy), 0)::integer as unhappy,
        coalesce(jsonb_object_agg(agent_id, feedback), '{}') as agents
    from (
        select agent_id, sum(feedback)::integer as feedback, sum(unhappy)::integer as unhappy
        from feedback_theme_daily v
        where v.theme_id = t.theme_id and v.day between %(since)s and %(until)s
        group by agent_id
    ) as by_agent
) as d
order by d.lately desc, t.feedback desc, t.theme_id

-- unhappy_by_theme --
-- What unhappy people speak of, by agent and day. Key: agent_id, day, theme_id.
select v.agent_id, v.day, v.theme_id, t.name, v.unhappy
from feedback_theme_daily v
join feedback_themes t using (theme_id)
where v.day between %(since)s and %(until)s and v.unhappy > 0
    and (%(agent_id)s::text is null or v.agent_id = %(agent_id)s)
order by 1, 2, 3

-- themes_to_check --
-- Themes with what checks look at: how many texts are theirs, and how many they say they have. Key: theme_id.
select t.theme_id, t.name, t.feedback, jsonb_array_length(t.quotes) as quotes, count(m.feedback_id)::integer as members
from feedback_themes t
left join feedback_theme_members m using (theme_id)
group by t.theme_id
order by t.theme_id
