-- sign_off_requests --
-- The latest time each step was put before those who sign. Key: step_id.
select distinct on (step_id) step_id, iteration, number, shown, shown_sha256, asked_at, reminders, expired_at, due_at
from sign_off_requests
where workflow_execution_id = %(workflow_execution_id)s
order by step_id, iteration desc, number desc

-- sign_off_request --
-- The latest time one step was put before those who sign; no row when it never was.
select step_id, iteration, number, shown, shown_sha256, asked_at, reminders, expired_at, due_at
from sign_off_requests
where workflow_execution_id = %(workflow_execution_id)s and step_id = %(step_id)s
order by iteration desc, number desc
limit 1

-- first_requests --
-- What was shown when each step first asked for a sign-off: what those given in advance stand for. Key: step_id.
select step_id, shown
from sign_off_requests
where workflow_execution_id = %(workflow_execution_id)s and iteration = 1 and number = 1

-- insert_sign_off_request --
-- A result is put before those who sign; due_in_seconds is the time to the first reminder or the expiry, or null. Done already, it changes nothing.
insert into sign_off_requests (
    workflow_execution_id, step_id, iteration, number, shown, shown_sha256, asked_at, due_at)
values (
    %(workflow_execution_id)s, %(step_id)s, %(iteration)s, %(number)s, %(shown)s, %(shown_sha256)s, now(),
    now() + make_interval(secs => %(due_in_seconds)s))
on conflict do nothing

-- sign_offs --
-- Decisions that count for one request, and those given in advance when they do, in the order given.
select step_id, iteration, user_id, role, decision, comment, given_in_advance, decided_at, shown
from step_sign_offs
where workflow_execution_id = %(workflow_execution_id)s and step_id = %(step_id)s
  and ((given_in_advance and %(is_first)s) or (iteration = %(iteration)s and shown_sha256 = %(shown_sha256)s))
order by decided_at, sign_off_id

-- all_sign_offs --
-- Every decision on an execution, in the order given.
select step_id, iteration, user_id, role, decision, comment, given_in_advance, decided_at, shown
from step_sign_offs
where workflow_execution_id = %(workflow_execution_id)s
order by decided_at, sign_off_id

-- insert_sign_off --
-- One person's decision on one step.
insert into step_sign_offs (
    workflow_execution_id, step_id, iteration, role, user_id, decision, comment, given_in_advance, shown, shown_sha256,
    decided_at)
values (
    %(workflow_execution_id)s, %(step_id)s, %(iteration)s, %(role)s, %(user_id)s, %(decision)s, %(comment)s,
    %(given_in_advance)s, %(shown)s, %(shown_sha256)s, clock_timestamp())

-- update_step_signed --
-- The sign-off is complete.
update workflow_step_executions
set status = 'COMPLETED', completed_at = clock_timestamp()
where step_execution_id = %(step_execution_id)s and status = 'WAITING_APPROVAL'

-- update_step_unsigned --
-- What was signed is not what is there any more: the step waits again.
update workflow_step_executions
set status = 'WAITING_APPROVAL', completed_at = null
where step_execution_id = %(step_execution_id)s and status = 'COMPLETED'

-- step_outputs --
-- Outputs of every iteration of some steps. Key: step_id, iteration.
select step_id, iteration, output
from workflow_step_executions
where workflow_execution_id = %(workflow_execution_id)s and map_key = '' and step_id = any(%(step_ids)s)

-- due_sign_off_requests --
-- Sign-offs of living executions for which it is time to remind somebody or that nobody has given in time, longest overdue first.
select r.workflow_execution_id, r.step_id, r.iteration, r.number, r.due_at
from sign_off_requests r
join workflow_executions e using (workflow_execution_id)
where r.due_at <= %(now)s and e.status in ('PENDING', 'RUNNING', 'WAITING_APPROVAL')
order by r.due_at
limit %(limit)s

-- update_sign_off_request --
-- What the clock has done about a sign-off; next_due_seconds counts from the asking, null: nothing is to come.
update sign_off_requests
set reminders = %(reminders)s, expired_at = %(expired_at)s,
    due_at = asked_at + make_interval(secs => %(next_due_seconds)s)
where workflow_execution_id = %(workflow_execution_id)s and step_id = %(step_id)s and iteration = %(iteration)s
  and number = %(number)s

-- rest_sign_off_request --
-- The request is over: the clock does not look at it again.
update sign_off_requests
set due_at = null
where workflow_execution_id = %(workflow_execution_id)s and step_id = %(step_id)s and iteration = %(iteration)s
  and number = %(number)s
