-- put_second_factor --
-- A user's second factor, in place of the one before.
insert into second_factors (user_name, secret, recovery_sha256, created_by) values (%(name)s, %(secret)s, %(recovery)s, %(by)s)
on conflict (user_name) do update
set secret = excluded.secret, recovery_sha256 = excluded.recovery_sha256, created_by = excluded.created_by,
    created_at = clock_timestamp(), last_step = 0, failed_attempts = 0, locked_until = null

-- second_factor_to_check --
-- What a code is checked against, held until the transaction ends. Key: user_name.
select secret, last_step, recovery_sha256, failed_attempts, locked_until from second_factors where user_name = %(name)s for update

-- update_second_factor --
-- How a check went.
update second_factors
set last_step = %(last_step)s, recovery_sha256 = %(recovery)s, failed_attempts = %(failed)s, locked_until = %(locked_until)s
where user_name = %(name)s

-- delete_second_factor --
-- A user has none any more. Rows touched: none when there was none.
delete from second_factors where user_name = %(name)s

-- update_session_second_factor --
-- A browser has shown a second factor.
update web_sessions set second_factor_at = %(at)s where token_sha256 = %(token_sha256)s
