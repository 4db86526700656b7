-- upsert_template_version --
-- An execution is opened by this content. Used again on another day, it says so; more often would only make executions wait for each other.
insert into template_versions as v (sha256, name, version, content, compensated_steps)
values (%(sha256)s, %(name)s, %(version)s, %(content)s, %(compensated_steps)s)
on conflict (sha256) do update set last_used_at = now()
where v.last_used_at < now() - interval '1 day'

-- insert_agent_cards --
-- Cards that are new; those known already stay as they are.
insert into agent_cards (sha256, agent_id, version, card)
select sha256, agent_id, version, card::json
from unnest(%(sha256s)s::text[], %(agent_ids)s::text[], %(versions)s::text[], %(cards)s::text[])
    as c (sha256, agent_id, version, card)
order by sha256
on conflict do nothing

-- touch_template_version --
-- Somebody resumes an execution of this content, however old it is.
update template_versions set last_used_at = now() where sha256 = %(sha256)s

-- template_content --
-- One content, as text; no row for executions older than the table.
select content::text as content from template_versions where sha256 = %(sha256)s

-- agent_cards --
-- Cards by hash, as text.
select card::text as card from agent_cards where sha256 = any(%(sha256s)s)

-- latest_agent_cards --
-- The newest card kept of each of these agents, as text.
select distinct on (agent_id) card::text as card
from agent_cards
where agent_id = any(%(agent_ids)s)
order by agent_id, first_used_at desc

-- needed_template_versions --
-- Contents that unfinished executions work by, other than these, latest use first. What failed or was cancelled needs its
-- content while somebody has used it of late; who resumes a later one uses it again.
with needed as (
    select template_sha256, count(*) as executions
    from workflow_executions
    where status in ('PENDING', 'RUNNING', 'WAITING_APPROVAL', 'FAILED', 'CANCELLED')
      and template_sha256 <> all(%(except)s)
    group by template_sha256
    having bool_or(status in ('PENDING', 'RUNNING', 'WAITING_APPROVAL'))
        or exists (
            select from template_versions v
            where v.sha256 = template_sha256 and v.last_used_at > now() - make_interval(days => %(days)s))
)
select v.name, v.version, v.sha256, v.content::text as content, n.executions
from needed n
join template_versions v on v.sha256 = n.template_sha256
order by v.last_used_at desc, v.sha256
limit %(limit)s

-- running_template_versions --
-- Which contents have unfinished executions, and how many. Key: sha256.
select v.name, v.version, v.sha256, count(*) as executions
from workflow_executions e
join template_versions v on v.sha256 = e.template_sha256
where e.status in ('PENDING', 'RUNNING', 'WAITING_APPROVAL')
group by v.sha256
order by v.name, max(e.created_at) desc
