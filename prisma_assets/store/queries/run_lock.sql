-- try_run_lock --
-- Takes the session's lock on one execution unless another session has it. Row: whether it was taken.
select pg_try_advisory_lock(%(key)s)

-- run_lock_is_held --
-- Whether any session has the lock of that key; asking takes nothing. A bigint key stands in pg_locks in two halves.
select exists (
    select from pg_locks
    where locktype = 'advisory' and objsubid = 1 and granted
      and database = (select oid from pg_database where datname = current_database())
      and (classid::bigint << 32) | objid::bigint = %(key)s
) as is_held
