-- What a program was answered under an Idempotency-Key.
--
-- Why: a program that heard no answer sends its request again; what was done is not done twice, and it is told the same.
-- Locks: none on tables that exist.
-- Undo: DROP TABLE api_answers.

BEGIN;

CREATE TABLE api_answers (
    caller          text NOT NULL CHECK (caller <> ''),
    idempotency_key text NOT NULL CHECK (char_length(idempotency_key) BETWEEN 1 AND 200),
    request_sha256  text NOT NULL CHECK (request_sha256 ~ '^[0-9a-f]{64}$'),  -- path, query and body
    status          smallint CHECK (status BETWEEN 200 AND 299),  -- NULL: not answered yet; refusals are not kept
    headers         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(headers) = 'object'),
    body            bytea,
    asked_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (caller, idempotency_key),
    CONSTRAINT api_answers_whole CHECK ((status IS NULL) = (body IS NULL))
);
CREATE INDEX api_answers_by_time ON api_answers (asked_at);

COMMIT;
