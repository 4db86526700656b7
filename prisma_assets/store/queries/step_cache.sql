-- cached_call --
-- The call that answers for equal work, with its result as text; no row when there is none or it is too old.
select c.call_id, a.result::text as result
from step_result_cache c join agent_calls a using (call_id)
where c.cache_key = %(cache_key)s
  and c.created_at > clock_timestamp() - make_interval(secs => %(max_age_seconds)s)

-- upsert_cached_call --
-- A newer result of equal work takes the place of the older one.
insert into step_result_cache (cache_key, call_id, client_id, agent_id, agent_version)
values (%(cache_key)s, %(call_id)s, %(client_id)s, %(agent_id)s, %(agent_version)s)
on conflict (cache_key) do update
set call_id = excluded.call_id, agent_version = excluded.agent_version, created_at = clock_timestamp()
