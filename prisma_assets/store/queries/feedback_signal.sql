-- unheard_signals --
-- Acts on the work that nobody has listened to yet, oldest first, with the step's result they were about. Key: signal_key.
with acts as (
    select 'sign_off:' || sign_off_id as signal_key, decision as act, workflow_execution_id, step_id, iteration,
        user_id as by_whom, comment, decided_at as happened_at
    from step_sign_offs
    where decision <> 'approve' and iteration is not null
    union all
    select 'redo:' || redo_id || ':' || step_id, 'redo', workflow_execution_id, step_id, null, requested_by, reason,
        requested_at
    from step_redos, unnest(step_ids) as step_id
)
select a.signal_key, a.act, a.step_id, a.by_whom, a.comment, a.happened_at, w.step_execution_id::text, w.agent_id
from acts a
left join lateral (
    -- What is done again is the last result that had begun by then.
    select s.step_execution_id, s.agent_id
    from workflow_step_executions s
    where s.workflow_execution_id = a.workflow_execution_id and s.step_id = a.step_id and s.map_key = ''
        and (s.iteration = a.iteration or (a.iteration is null and s.started_at <= a.happened_at))
    order by s.iteration desc
    limit 1
) w on true
where not exists (select from feedback_signals f where f.signal_key = a.signal_key)
order by a.happened_at, a.signal_key
limit %(limit)s

-- insert_heard_signals --
-- Acts that have been listened to; reasons, in the same order, are null where it became feedback. Known ones are left as they are.
insert into feedback_signals (signal_key, reason)
select * from unnest(%(signal_keys)s::text[], %(reasons)s::text[])
on conflict do nothing
