-- insert_user --
-- Somebody who may sign in. Rows touched: none when the name is taken.
insert into users (user_name, password_hash, roles, created_by) values (%(name)s, %(password_hash)s, %(roles)s, %(by)s)
on conflict do nothing

-- user_of_subject --
-- Whom an identity provider's subject is here, held until the transaction ends. Key: issuer, subject.
select user_name, roles, disabled_at from users where issuer = %(issuer)s and subject = %(subject)s for update

-- insert_user_of_subject --
-- Somebody whom the identity provider signs in, at the first time. Rows touched: none when the name is taken.
insert into users (user_name, issuer, subject, roles, created_by) values (%(name)s, %(issuer)s, %(subject)s, %(roles)s, %(issuer)s)
on conflict do nothing

-- bind_user --
-- A user is this subject from now on. Rows touched: none when nobody has the name.
update users set issuer = %(issuer)s, subject = %(subject)s where user_name = %(name)s

-- users --
-- Everybody who may or might sign in, by name. Key: user_name.
select user_name, roles, failed_attempts, locked_until, disabled_at, created_by, created_at, issuer, subject from users order by user_name

-- user_to_check --
-- What a sign-in is checked against, held until the transaction ends.
select user_name, password_hash, roles, failed_attempts, locked_until, disabled_at from users where user_name = %(name)s for update

-- update_user_attempts --
-- How a sign-in went.
update users set failed_attempts = %(failed)s, locked_until = %(locked_until)s where user_name = %(name)s

-- update_user --
-- Other roles, another password, in or out; what is null stays. Rows touched: none when nobody has the name.
update users
set roles = coalesce(%(roles)s::text[], roles), password_hash = coalesce(%(password_hash)s, password_hash),
    disabled_at = case %(is_disabled)s::boolean when true then coalesce(disabled_at, clock_timestamp()) when false then null else disabled_at end,
    failed_attempts = 0, locked_until = null
where user_name = %(name)s

-- insert_web_session --
-- A browser signs in.
insert into web_sessions (token_sha256, user_name, name, expires_at, second_factor_at)
values (%(token_sha256)s, %(user_name)s, %(name)s, %(expires_at)s, %(second_factor_at)s)

-- web_session --
-- Who a browser belongs to, with the roles held now; no row once it is over or the user is out.
select s.name, s.user_name, u.roles, s.second_factor_at
from web_sessions s left join users u using (user_name)
where s.token_sha256 = %(token_sha256)s and s.expires_at > %(at)s and u.disabled_at is null

-- delete_web_sessions --
-- One browser, every browser of a user, or all that are over.
delete from web_sessions
where token_sha256 = %(token_sha256)s::text or user_name = %(user_name)s::text or expires_at < %(at)s::timestamptz

-- insert_api_token --
-- A program may sign in. No row when one of that name is in force.
insert into api_tokens (token_sha256, name, roles, scopes, created_by, expires_at)
values (%(token_sha256)s, %(name)s, %(roles)s, %(scopes)s, %(by)s, %(expires_at)s)
on conflict do nothing
returning token_id::text as token_id

-- api_token --
-- What a token stands for; no row once it has ended.
select name, roles, scopes from api_tokens where token_sha256 = %(token_sha256)s and expires_at > %(at)s and revoked_at is null

-- api_tokens --
-- Tokens, the latest first. Key: token_id.
select token_id::text as token_id, name, roles, scopes, created_by, created_at, expires_at, revoked_at
from api_tokens order by created_at desc

-- revoke_api_token --
-- A token ends. Rows touched: none when none of that name is in force.
update api_tokens set revoked_at = clock_timestamp() where name = %(name)s and revoked_at is null
