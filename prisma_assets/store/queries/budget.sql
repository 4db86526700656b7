-- budgets_in_force --
-- Every budget that holds now. Key: budget_id.
select budget_id, level, scope, period, limit_usd from budgets where ended_at is null order by level, scope, period

-- promise_where_ample --
-- Promise amounts where every budget stays below a share of its limit with all of them; touches no row otherwise.
with asked as (
    select r.reservation_id, r.call_id, r.budget_ids, r.amount_usd, r.expires_at
    from jsonb_to_recordset(%(rows)s::jsonb) as r (
        reservation_id uuid, call_id text, budget_ids text[], amount_usd numeric, expires_at timestamptz
    )
), wanted as (
    select k.budget_id, sum(a.amount_usd) as amount_usd from asked a cross join unnest(a.budget_ids) as k (budget_id) group by 1
), locked as (
    select p.budget_id, p.starts_on, w.amount_usd, p.spent_usd + p.reserved_usd + w.amount_usd < %(share)s * b.limit_usd as is_ample
    from wanted w
    join budgets b on b.budget_id = w.budget_id and b.ended_at is null
    join budget_periods p on p.budget_id = b.budget_id
        and p.starts_on = case b.period when 'month' then date_trunc('month', %(at)s at time zone 'utc')::date else date '2000-01-01' end
    order by p.budget_id
    for update of p
), ample as (
    select 1 from locked having bool_and(is_ample) and count(*) = (select count(*) from wanted)
), held as (
    insert into budget_reservations (reservation_id, call_id, budget_ids, starts_on, amount_usd, expires_at)
    select a.reservation_id, a.call_id, a.budget_ids,
           array(select l.starts_on from unnest(a.budget_ids) with ordinality as k (budget_id, n) join locked l using (budget_id) order by k.n),
           a.amount_usd, a.expires_at
    from asked a cross join ample
)
update budget_periods p
set reserved_usd = p.reserved_usd + l.amount_usd
from locked l cross join ample
where p.budget_id = l.budget_id and p.starts_on = l.starts_on

-- lock_budget_periods --
-- The periods of some budgets as they stand, in one order for everybody and nobody else's until this transaction ends;
-- those that begin now are made. Key: budget_id.
insert into budget_periods (budget_id, starts_on)
select b.budget_id, case b.period when 'month' then date_trunc('month', %(at)s at time zone 'utc')::date else date '2000-01-01' end
from budgets b
where b.ended_at is null and b.budget_id = any(%(budget_ids)s)
order by b.budget_id
on conflict (budget_id, starts_on) do update set spent_usd = budget_periods.spent_usd
returning budget_id, starts_on, spent_usd, reserved_usd, overridden_by is not null as is_overridden

-- insert_budget_reservations --
-- Promise amounts out of locked periods.
with held as (
    insert into budget_reservations (reservation_id, call_id, budget_ids, starts_on, amount_usd, expires_at)
    select r.reservation_id, r.call_id, r.budget_ids, r.starts_on, r.amount_usd, r.expires_at
    from jsonb_to_recordset(%(rows)s::jsonb) as r (
        reservation_id uuid, call_id text, budget_ids text[], starts_on date[], amount_usd numeric, expires_at timestamptz
    )
    returning budget_ids, starts_on, amount_usd
), sums as (
    select k.budget_id, k.starts, sum(h.amount_usd) as amount_usd
    from held h cross join unnest(h.budget_ids, h.starts_on) as k (budget_id, starts)
    group by 1, 2
)
update budget_periods p
set reserved_usd = p.reserved_usd + s.amount_usd
from sums s
where p.budget_id = s.budget_id and p.starts_on = s.starts

-- settle_budget_reservations --
-- Turn promises into what was spent, each once. A NULL cost is unknown, which is not free: the promise counts as spent.
-- Rows are locked in one order for everybody.
with asked as (
    select r.reservation_id, a.cost_usd
    from unnest(%(reservation_ids)s::uuid[], %(costs_usd)s::numeric[]) as a (reservation_id, cost_usd)
    join budget_reservations r using (reservation_id)
    where r.settled_at is null
    order by r.reservation_id
    for update of r
), settled as (
    update budget_reservations r
    set settled_usd = coalesce(a.cost_usd, r.amount_usd), is_estimate = a.cost_usd is null, settled_at = clock_timestamp()
    from asked a
    where r.reservation_id = a.reservation_id
    returning r.budget_ids, r.starts_on, r.amount_usd, r.settled_usd
), sums as (
    select k.budget_id, k.starts, sum(s.amount_usd) as amount_usd, sum(s.settled_usd) as settled_usd
    from settled s cross join unnest(s.budget_ids, s.starts_on) as k (budget_id, starts)
    group by 1, 2
), locked as (
    select p.budget_id, p.starts_on, s.amount_usd, s.settled_usd
    from sums s join budget_periods p on p.budget_id = s.budget_id and p.starts_on = s.starts
    order by p.budget_id, p.starts_on
    for update of p
)
update budget_periods p
set reserved_usd = p.reserved_usd - l.amount_usd, spent_usd = p.spent_usd + l.settled_usd
from locked l
where p.budget_id = l.budget_id and p.starts_on = l.starts_on

-- expired_budget_reservations --
-- Promises whose callers are long gone, oldest first. Key: reservation_id.
select reservation_id::text as reservation_id, call_id from budget_reservations
where settled_at is null and expires_at < %(at)s
order by expires_at
limit %(limit)s

-- budget_velocities --
-- What calls that ended in the time up to a moment took from each budget, and how many they were. Key: budget_id.
select k.budget_id, sum(r.settled_usd) as spent_usd, count(*)::int as calls
from budget_reservations r
cross join unnest(r.budget_ids) as k (budget_id)
where r.settled_at <= %(at)s and r.settled_at > %(at)s::timestamptz - make_interval(secs => %(seconds)s) and r.settled_usd > 0
group by 1

-- upsert_budget --
-- A budget, or another limit for the one in force; what is spent of it stays.
with changed as (
    insert into budgets (level, scope, period, limit_usd)
    values (%(level)s, %(scope)s, %(period)s, %(limit_usd)s)
    on conflict (org_id, level, scope, period) where ended_at is null do update set limit_usd = excluded.limit_usd
    returning budget_id
), told as (
    insert into budget_changes (budget_id, limit_usd, changed_by, reason)
    select budget_id, %(limit_usd)s, %(by)s, %(reason)s from changed
)
select budget_id from changed

-- end_budget --
-- A budget that holds no more; what it held is kept.
with ended as (
    update budgets set ended_at = clock_timestamp() where budget_id = %(budget_id)s and ended_at is null returning budget_id
)
insert into budget_changes (budget_id, changed_by, reason) select budget_id, %(by)s, %(reason)s from ended

-- override_budget --
-- Let a budget go beyond its limit in the period under way.
insert into budget_periods (budget_id, starts_on, overridden_by, override_reason, overridden_at)
select b.budget_id, case b.period when 'month' then date_trunc('month', %(at)s at time zone 'utc')::date else date '2000-01-01' end,
       %(by)s, %(reason)s, clock_timestamp()
from budgets b
where b.ended_at is null and b.budget_id = %(budget_id)s
on conflict (budget_id, starts_on) do update
set overridden_by = excluded.overridden_by, override_reason = excluded.override_reason, overridden_at = excluded.overridden_at

-- budget_balances --
-- Budgets in force with the period under way, widest first. Key: budget_id.
select b.budget_id, b.level, b.scope, b.period, b.limit_usd, coalesce(p.spent_usd, 0) as spent_usd,
       coalesce(p.reserved_usd, 0) as reserved_usd, p.overridden_by, p.override_reason
from budgets b
left join budget_periods p on p.budget_id = b.budget_id
    and p.starts_on = case b.period when 'month' then date_trunc('month', %(at)s at time zone 'utc')::date else date '2000-01-01' end
where b.ended_at is null
order by array_position(array['firm', 'client', 'engagement', 'workflow', 'agent'], b.level), b.scope, b.period
