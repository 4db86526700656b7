-- raise_alerts --
-- Alerts that open, or whose open one counts up; a silence in force keeps one from being told. Key: fingerprint.
insert into agent_monitoring_alerts as a (
    scope, agent_id, workflow_execution_id, rule_id, metric, condition, threshold, actual_value, baseline_value,
    window_seconds, n_observations, alert_type, severity, message, suggested_action, status, fingerprint, first_seen_at,
    last_seen_at, subject_id, subject_title, tell)
select r.scope, r.agent_id, r.execution_id, r.rule_id, r.metric, r.condition, r.threshold, r.value, r.baseline,
       r.window_seconds, r.n, r.kind, r.severity, r.message, nullif(r.action, ''),
       case when exists (
           select from alert_silences s
           where s.until > coalesce(%(at)s, clock_timestamp()) and coalesce(s.rule_id, r.rule_id) = r.rule_id
             and (s.agent_id is null or s.agent_id = r.agent_id)
       ) then 'suppressed' else 'open' end,
       r.fingerprint, coalesce(%(at)s, clock_timestamp()), coalesce(%(at)s, clock_timestamp()), r.subject_id,
       r.subject_title, r.tell
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    scope text, agent_id text, execution_id uuid, rule_id text, metric text, condition text, threshold float8, value float8,
    baseline float8, window_seconds integer, n integer, kind text, severity text, message text, action text,
    fingerprint text, subject_id text, subject_title text, tell text[])
order by r.fingerprint
on conflict (org_id, fingerprint) where status <> 'resolved' do update
set last_seen_at = excluded.last_seen_at, occurrences = a.occurrences + 1, actual_value = excluded.actual_value,
    baseline_value = excluded.baseline_value, n_observations = excluded.n_observations, message = excluded.message
returning alert_id::text as alert_id, fingerprint, status, occurrences = 1 as is_new

-- open_alerts --
-- Alerts that are not over, the worst and oldest first. Key: alert_id.
select alert_id::text as alert_id, scope, agent_id, workflow_execution_id::text as execution_id, rule_id, metric, condition,
       threshold, actual_value, baseline_value, window_seconds, n_observations, alert_type, severity, message,
       suggested_action, status, first_seen_at, last_seen_at, occurrences, acknowledged_by, acknowledged_at, escalated_at,
       resolved_by, resolved_at, resolution, subject_id, subject_title, tell
from agent_monitoring_alerts
where status <> 'resolved'
order by array_position(array['critical', 'warning', 'info'], severity), first_seen_at, alert_id

-- list_alerts --
-- Alerts by status and agent, newest first. Key: alert_id.
select alert_id::text as alert_id, scope, agent_id, workflow_execution_id::text as execution_id, rule_id, metric, condition,
       threshold, actual_value, baseline_value, window_seconds, n_observations, alert_type, severity, message,
       suggested_action, status, first_seen_at, last_seen_at, occurrences, acknowledged_by, acknowledged_at, escalated_at,
       resolved_by, resolved_at, resolution, subject_id, subject_title, tell
from agent_monitoring_alerts
where (%(status)s::text is null or status = %(status)s or (%(status)s = 'active' and status <> 'resolved'))
  and (%(agent_id)s::text is null or agent_id = %(agent_id)s)
  and (%(alert_id)s::uuid is null or alert_id = %(alert_id)s)
order by first_seen_at desc, alert_id
limit %(limit)s

-- refresh_alerts --
-- What open alerts look like now.
update agent_monitoring_alerts a
set last_seen_at = %(at)s, actual_value = r.value, n_observations = r.n, message = r.message
from jsonb_to_recordset(%(rows)s::jsonb) as r (fingerprint text, value float8, n integer, message text)
where a.fingerprint = r.fingerprint and a.status <> 'resolved'

-- acknowledge_alert --
-- Somebody looks after it. Rows touched: none when it is not open.
update agent_monitoring_alerts
set status = 'acknowledged', acknowledged_by = %(by)s, acknowledged_at = clock_timestamp()
where alert_id = %(alert_id)s and status in ('open', 'suppressed')

-- resolve_alerts --
-- Trouble that is over. Key: alert_id.
update agent_monitoring_alerts
set status = 'resolved', resolved_by = %(by)s, resolved_at = coalesce(%(at)s, clock_timestamp()), resolution = %(resolution)s
where fingerprint = any(%(fingerprints)s) and status <> 'resolved'
returning alert_id::text as alert_id, rule_id, subject_id

-- unsilence_alerts --
-- Alerts whose silence has ended while the trouble has not. Key: alert_id.
update agent_monitoring_alerts a
set status = 'open'
where a.status = 'suppressed' and not exists (
    select from alert_silences s
    where s.until > %(at)s and coalesce(s.rule_id, a.rule_id) = a.rule_id and (s.agent_id is null or s.agent_id = a.agent_id))
returning a.alert_id::text as alert_id

-- escalate_alerts --
-- Alerts told again. Rows touched: those nobody has acknowledged or escalated meanwhile.
update agent_monitoring_alerts
set escalated_at = %(at)s
where alert_id = any(%(alert_ids)s::uuid[]) and status = 'open' and escalated_at is null

-- insert_alert_silence --
-- Somebody does not want to be told for a while.
insert into alert_silences (rule_id, agent_id, until, reason, created_by)
values (%(rule_id)s, %(agent_id)s, %(until)s, %(reason)s, %(by)s)
returning silence_id

-- suppress_alerts --
-- Open alerts a new silence covers.
update agent_monitoring_alerts a
set status = 'suppressed'
from alert_silences s
where s.silence_id = %(silence_id)s and a.status = 'open' and coalesce(s.rule_id, a.rule_id) = a.rule_id
  and (s.agent_id is null or s.agent_id = a.agent_id)

-- alert_silences --
-- Silences in force. Key: silence_id.
select silence_id, rule_id, agent_id, until, reason, created_by, created_at from alert_silences
where until > %(at)s
order by until

-- end_alert_silence --
-- A silence that ends now. Rows touched: none when none of that number is in force.
update alert_silences set until = clock_timestamp() where silence_id = %(silence_id)s and until > clock_timestamp()

-- insert_alert_rule --
-- A rule somebody sets. Rows touched: none when one of that id is there.
insert into alert_rules (rule_id, rule, created_by) values (%(rule_id)s, %(rule)s, %(by)s)
on conflict (rule_id) do nothing

-- end_alert_rule --
-- A rule that holds no more. Rows touched: none when none of that id is in force.
update alert_rules set ended_at = clock_timestamp(), ended_by = %(by)s where rule_id = %(rule_id)s and ended_at is null

-- revive_alert_rule --
-- A rule somebody ended and somebody wants again.
update alert_rules set ended_at = null, ended_by = null where rule_id = %(rule_id)s

-- alert_rules_in_force --
-- Rules people have set. Key: rule_id.
select rule_id, rule, created_by, created_at from alert_rules where ended_at is null order by created_at, rule_id

-- lock_alert_rules --
-- Held to the end of the transaction: one look at a time changes what rules know.
select pg_advisory_xact_lock(hashtext('prisma/alert_rules'))

-- alert_rule_states --
-- What every rule knew of every subject at its last look. Key: rule_id, subject_id.
select rule_id, subject_id, status, since, bad_since, clean_since, is_open, value, n from alert_rule_states

-- upsert_alert_rule_states --
-- What rules know now.
insert into alert_rule_states (rule_id, subject_id, status, since, bad_since, clean_since, is_open, value, n)
select rule_id, subject_id, status, since, bad_since, clean_since, is_open, value, n
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    rule_id text, subject_id text, status text, since timestamptz, bad_since timestamptz, clean_since timestamptz,
    is_open boolean, value float8, n integer)
on conflict (org_id, rule_id, subject_id) do update
set status = excluded.status, since = excluded.since, bad_since = excluded.bad_since, clean_since = excluded.clean_since,
    is_open = excluded.is_open, value = excluded.value, n = excluded.n

-- delete_alert_rule_state --
-- A rule begins anew with a subject.
delete from alert_rule_states where rule_id = %(rule_id)s and subject_id = %(subject_id)s

-- upsert_alert_watch --
-- When the watchdog last looked, and what it saw.
insert into alert_watches (name, looked_at, found) values (%(name)s, %(at)s, %(found)s)
on conflict (name) do update set looked_at = excluded.looked_at, found = excluded.found
where alert_watches.looked_at < excluded.looked_at

-- alert_watch --
-- When the watchdog last looked, and what it saw.
select looked_at, found from alert_watches where name = %(name)s

-- agent_window_figures --
-- How each agent did in the time up to a moment. Key: agent_id.
select agent_id, count(*) as n, count(*) filter (where outcome <> 'ok') as failed, count(duration_ms) as timed,
       percentile_cont(array[0.5, 0.95, 0.99]) within group (order by duration_ms) as quantiles, sum(cost_usd) as cost_usd,
       count(*) filter (where cost_usd is null) as unpriced, sum(tokens_in + tokens_out) as tokens,
       count(tokens_in + tokens_out) as tokens_n, avg(accuracy) as accuracy, count(accuracy) as accuracy_n
from agent_run_facts
where started_at > %(at)s::timestamptz - make_interval(secs => %(seconds)s) and started_at <= %(at)s
group by agent_id

-- agent_window_ratings --
-- What people said of each agent in the time up to a moment, and in the four times as long before. Key: agent_id.
select agent_id, avg(rating) filter (where created_at > w.since) as satisfaction,
       count(rating) filter (where created_at > w.since) as n,
       avg(rating) filter (where created_at <= w.since) as before, count(rating) filter (where created_at <= w.since) as before_n
from agent_feedback
cross join (select %(at)s::timestamptz - make_interval(secs => %(seconds)s) as since) w
where rating is not null and created_at <= %(at)s and created_at > w.since - 4 * make_interval(secs => %(seconds)s)
group by agent_id

-- waiting_approvals --
-- Steps that wait for a sign-off. Key: workflow_execution_id, step_id.
select s.workflow_execution_id::text as execution_id, s.step_id, coalesce(e.engagement_id, e.template_name) as about,
       max(r.asked_at) as asked_at
from workflow_executions e
join workflow_step_executions s using (workflow_execution_id)
join sign_off_requests r on r.workflow_execution_id = s.workflow_execution_id and r.step_id = s.step_id
where e.status = 'WAITING_APPROVAL' and s.status = 'WAITING_APPROVAL'
group by s.workflow_execution_id, s.step_id, e.engagement_id, e.template_name

-- workflow_window_figures --
-- Executions that ended in the time up to a moment, and those nobody has taken up yet.
select count(*) filter (where status = 'FAILED') as failed, count(*) filter (where status in ('COMPLETED', 'FAILED')) as ended,
       (select count(*) from workflow_executions where run_asked_at is not null) as queued
from workflow_executions
where status in ('COMPLETED', 'FAILED') and updated_at <= %(at)s
  and updated_at > %(at)s::timestamptz - make_interval(secs => %(seconds)s)

-- oldest_undelivered --
-- Since when the oldest notification waits that has not reached everybody; given up ones wait no more.
select min(created_at) as since from (
    select created_at from notifications where routed_at is null
    union all
    select n.created_at from notification_deliveries d join notifications n using (notification_id) where d.status = 'pending'
) waiting

-- anomaly_series_at --
-- The newest hour each detector has seen. Key: agent_id, metric.
select agent_id, metric, last_bucket from anomaly_series

-- anomaly_series --
-- What the detectors remember. Key: agent_id, metric.
select agent_id, metric, last_bucket, state from anomaly_series where agent_id = any(%(agent_ids)s)

-- upsert_anomaly_series --
-- What a detector remembers now; one that has seen more stays.
insert into anomaly_series as a (agent_id, metric, last_bucket, state)
values (%(agent_id)s, %(metric)s, %(last_bucket)s, %(state)s)
on conflict (org_id, agent_id, metric) do update set last_bucket = excluded.last_bucket, state = excluded.state
where a.last_bucket < excluded.last_bucket

-- newest_unheard_hour --
-- The newest hour that is over and newer than every hour a detector has seen; NULL: none.
select max(window_start) as hour from agent_performance_metrics
where granularity = '1h' and window_start <= %(until)s
  and window_start > greatest(%(oldest)s, coalesce((select max(last_bucket) from anomaly_series), %(oldest)s))
