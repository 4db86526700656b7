-- claim_api_answer --
-- Somebody asks under a key for the first time in a day. Rows touched: none when the key is in use.
insert into api_answers (caller, idempotency_key, request_sha256) values (%(caller)s, %(key)s, %(request_sha256)s)
on conflict do nothing

-- api_answer --
-- What was answered under a key. Key: caller, idempotency_key.
select request_sha256, status, headers, body, asked_at from api_answers where caller = %(caller)s and idempotency_key = %(key)s

-- keep_api_answer --
-- The request is answered.
update api_answers set status = %(status)s, headers = %(headers)s, body = %(body)s where caller = %(caller)s and idempotency_key = %(key)s

-- release_api_answer --
-- The request was refused and changed nothing; it may be sent again.
delete from api_answers where caller = %(caller)s and idempotency_key = %(key)s and status is null

-- forget_api_answers --
-- Answers that are a day old.
delete from api_answers where asked_at < now() - interval '24 hours'
