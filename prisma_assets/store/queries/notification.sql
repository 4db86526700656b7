-- insert_notification --
-- Something to be told. Rows touched: none when it is known already.
insert into notifications (kind, dedupe_key, subject, body, audience, facts, workflow_execution_id, step_id)
values (
    %(kind)s, %(dedupe_key)s, %(subject)s, %(body)s, %(audience)s::jsonb, %(facts)s, %(workflow_execution_id)s,
    %(step_id)s)
on conflict (org_id, dedupe_key) do nothing

-- take_unrouted_notifications --
-- Takes notifications that no channel has yet, oldest first; another worker takes others. Key: notification_id.
update notifications
set routed_at = clock_timestamp()
where notification_id in (
    select notification_id from notifications
    where routed_at is null
    order by created_at
    limit %(limit)s
    for update skip locked)
returning notification_id, kind, dedupe_key, subject, body, audience, facts, workflow_execution_id, step_id, created_at

-- insert_delivery --
-- A notification is to go to one receiver on one channel.
insert into notification_deliveries (notification_id, channel, recipient)
values (%(notification_id)s, %(channel)s, %(recipient)s)
on conflict do nothing

-- take_due_deliveries --
-- Takes deliveries that are due; until the lease is over no other worker does. Key: notification_id, channel, recipient.
with due as (
    select notification_id, channel, recipient
    from notification_deliveries
    where status = 'pending' and next_attempt_at <= clock_timestamp()
    order by next_attempt_at
    limit %(limit)s
    for update skip locked
)
update notification_deliveries d
set attempts = d.attempts + 1, next_attempt_at = clock_timestamp() + make_interval(secs => %(lease_seconds)s)
from due
join notifications n using (notification_id)
where (d.notification_id, d.channel, d.recipient) = (due.notification_id, due.channel, due.recipient)
returning d.channel, d.recipient, d.attempts, n.notification_id, n.kind, n.dedupe_key, n.subject, n.body, n.audience,
          n.facts, n.workflow_execution_id, n.step_id, n.created_at

-- update_delivery_sent --
-- The receiver has it.
update notification_deliveries
set status = 'sent', sent_at = clock_timestamp(), error = null
where notification_id = %(notification_id)s and channel = %(channel)s and recipient = %(recipient)s
  and status = 'pending'

-- update_delivery_failed --
-- The attempt failed; without a pause it is given up. A later attempt of another worker is left alone.
update notification_deliveries
set error = %(error)s, status = case when %(pause_seconds)s::float8 is null then 'failed' else 'pending' end,
    next_attempt_at = clock_timestamp() + make_interval(secs => coalesce(%(pause_seconds)s::float8, 0))
where notification_id = %(notification_id)s and channel = %(channel)s and recipient = %(recipient)s
  and status = 'pending' and attempts = %(attempts)s

-- due_notifications --
-- What there is to send now, oldest first: one text per delivery and attempt, and per notification without a channel yet.
select what from (
    select notification_id::text as what, created_at as due_at from notifications where routed_at is null
    union all
    select concat_ws(':', notification_id, channel, recipient, attempts), next_attempt_at
    from notification_deliveries
    where status = 'pending' and next_attempt_at <= clock_timestamp()
) due
order by due_at
limit %(limit)s

-- recent_notifications --
-- The latest notifications with the state of each delivery. Key: notification_id.
select n.notification_id, n.kind, n.subject, n.audience, n.workflow_execution_id, n.step_id, n.created_at, d.deliveries
from notifications n
cross join lateral (
    select coalesce(jsonb_agg(jsonb_build_object(
        'channel', channel, 'recipient', recipient, 'status', status, 'attempts', attempts,
        'next_attempt_at', case when status = 'pending' then next_attempt_at end, 'sent_at', sent_at, 'error', error)
        order by channel, recipient), '[]') as deliveries
    from notification_deliveries
    where notification_id = n.notification_id
) d
order by n.created_at desc
limit %(limit)s
