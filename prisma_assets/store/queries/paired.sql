-- pair_experiment --
-- From now on it is run on tasks with known answers only. Rows: none when it is served live, or over.
update ab_tests set mode = 'paired'
where ab_test_id = %(ab_test_id)s and status in ('draft', 'approved') and kind = 'experiment'
returning ab_test_id::text

-- take_paired_turn --
-- One run of an experiment at a time, until the transaction ends. False: another has the turn.
select pg_try_advisory_xact_lock(hashtextextended('paired_run:' || %(ab_test_id)s, 0)) as is_mine

-- insert_paired_outcome --
-- What both versions did on one task.
insert into paired_outcomes (ab_test_id, task, task_sha256, control, treatment, price_version)
values (%(ab_test_id)s, %(task)s, %(task_sha256)s, %(control)s, %(treatment)s, %(price_version)s)

-- paired_outcomes --
-- Pairs of an experiment, in the order in which they are looked at. Key: task.
select paired_outcome_id, task, task_sha256, control, treatment, price_version, done_at
from paired_outcomes
where ab_test_id = %(ab_test_id)s and paired_outcome_id > %(after)s and (%(as_of)s::timestamptz is null or done_at <= %(as_of)s)
order by paired_outcome_id

-- paired_cost --
-- What the calls of an experiment's paired runs cost. One row; null: one of them has no price.
select count(*)::int as calls, case when bool_or(cost_usd is null) then null else coalesce(sum(cost_usd), 0)::float8 end as cost_usd
from agent_cost_tracking
where ab_test_id = %(ab_test_id)s
