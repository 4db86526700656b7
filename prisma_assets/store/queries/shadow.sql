-- insert_shadow_run --
-- From now on inputs of the agent are kept for the version in its shadow.
insert into shadow_runs (deployment_id, agent_id, from_version, to_version, share, most_calls, until, margins, started_by)
values (%(deployment_id)s, %(agent_id)s, %(from_version)s, %(to_version)s, %(share)s, %(most_calls)s, %(until)s, %(margins)s, %(by)s)

-- extend_shadow_run --
-- More calls or another end; what was declared of the margins stays. Rows: none when it is over.
update shadow_runs set most_calls = greatest(most_calls, %(most_calls)s), until = %(until)s, share = %(share)s
where deployment_id = %(deployment_id)s and ended_at is null
returning deployment_id::text

-- shadow_runs --
-- Shadow runs, the latest first; one, all, or those that go on. Key: deployment_id.
select s.deployment_id::text, s.agent_id, s.from_version, s.to_version, s.share, s.most_calls, s.until, s.margins, s.started_by,
    s.started_at, s.verdict, s.reason, s.numbers, s.data_sha256, s.code_version, s.judged_at, s.ended_at,
    c.kept, c.waiting, c.compared, c.left_out
from shadow_runs s
cross join lateral (
    select count(*)::int as kept, count(*) filter (where compared_at is null)::int as waiting,
        count(agreement)::int as compared, count(left_because)::int as left_out
    from shadow_calls where deployment_id = s.deployment_id) c
where (%(deployment_id)s::uuid is null or s.deployment_id = %(deployment_id)s)
  and (not %(open)s or s.ended_at is null and exists (
      select from improvement_deployments where deployment_id = s.deployment_id and stage = 'pending_approval'))
order by s.started_at desc

-- lock_shadow_run --
-- Nobody else judges it until the transaction ends.
select deployment_id from shadow_runs where deployment_id = %(deployment_id)s for update

-- keep_shadow_input --
-- The inputs of a call the version at work has answered, unless the run is over or has enough of them.
insert into shadow_calls (deployment_id, call_id, task)
select s.deployment_id, %(call_id)s, %(task)s::jsonb
from shadow_runs s
join improvement_deployments d using (deployment_id)
where s.deployment_id = %(deployment_id)s and s.from_version = %(version)s and s.ended_at is null
  and d.stage = 'pending_approval' and clock_timestamp() < s.until
  and (select count(*) from shadow_calls where deployment_id = s.deployment_id and left_because is null) < s.most_calls
on conflict do nothing

-- take_shadow_turn --
-- One look at a run at a time, until the transaction ends. False: another has the turn.
select pg_try_advisory_xact_lock(hashtextextended('shadow_run:' || %(deployment_id)s, 0)) as is_mine

-- waiting_shadow_calls --
-- The next inputs to be compared, with the answer of the version at work. Key: call_id.
select c.shadow_call_id, c.call_id, c.task, c.attempts, a.result::text as live
from shadow_calls c
left join agent_calls a using (call_id)
where c.deployment_id = %(deployment_id)s and c.compared_at is null and c.shadow_call_id > %(after)s
order by c.shadow_call_id
limit %(limit)s

-- compare_shadow_call --
-- What came of it; its inputs are dropped.
update shadow_calls
set task = null, compared_at = clock_timestamp(), left_because = %(left_because)s, agreement = %(agreement)s, error = %(error)s,
    is_new_error = %(is_new_error)s, live_ms = %(live_ms)s, shadow_ms = %(shadow_ms)s, live_usd = %(live_usd)s, shadow_usd = %(shadow_usd)s
where shadow_call_id = %(shadow_call_id)s

-- postpone_shadow_call --
-- It could not be made now.
update shadow_calls set attempts = attempts + 1 where shadow_call_id = %(shadow_call_id)s

-- shadow_comparisons --
-- What was compared, in the order in which the inputs came. Key: call_id.
select shadow_call_id, call_id, compared_at, left_because, agreement, error, is_new_error, live_ms, shadow_ms,
    live_usd::float8 as live_usd, shadow_usd::float8 as shadow_usd
from shadow_calls where deployment_id = %(deployment_id)s and compared_at is not null
order by shadow_call_id

-- known_errors --
-- Kinds of error the version at work had of late. Key: kind.
select distinct split_part(error, ':', 1) as kind
from agent_cost_tracking
where agent_id = %(agent_id)s and agent_version = %(version)s and outcome <> 'ok' and error is not null
  and incurred_at > clock_timestamp() - interval '28 days'

-- judge_shadow_run --
-- The verdict as it stands.
update shadow_runs
set verdict = %(verdict)s, reason = %(reason)s, numbers = %(numbers)s, data_sha256 = %(data_sha256)s, code_version = %(code_version)s,
    judged_at = clock_timestamp(), ended_at = case when %(verdict)s in ('pass', 'fail') then clock_timestamp() end
where deployment_id = %(deployment_id)s and ended_at is null

-- drop_shadow_inputs --
-- Inputs nobody needs any more.
update shadow_calls set task = null, compared_at = clock_timestamp(), left_because = %(reason)s
where deployment_id = %(deployment_id)s and compared_at is null
