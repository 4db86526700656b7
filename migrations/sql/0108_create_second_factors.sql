-- Second factors of users, and when a browser last showed one.
--
-- Why: freezing a plan, releasing a report and the quality reviewer's approval are signed by somebody who shows a code just then.
-- Locks: ACCESS EXCLUSIVE on web_sessions for a moment, no rewrite; the table is new.
-- Undo: DROP TABLE second_factors; ALTER TABLE web_sessions DROP COLUMN second_factor_at;

BEGIN;

-- What a user's authenticator app shares with us: a row per user who has one.
CREATE TABLE second_factors (
    user_name       text PRIMARY KEY REFERENCES users,
    secret          text NOT NULL CHECK (secret ~ '^[A-Z2-7]{32}$'),  -- base32, 160 bits
    last_step       bigint NOT NULL DEFAULT 0,  -- whose code was taken last: no code is good twice
    recovery_sha256 text[] NOT NULL,  -- codes for a lost phone that are left, hashed
    failed_attempts integer NOT NULL DEFAULT 0 CHECK (failed_attempts >= 0),  -- since the last success
    locked_until    timestamptz,
    created_by      text NOT NULL CHECK (created_by <> ''),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

ALTER TABLE web_sessions ADD COLUMN second_factor_at timestamptz;

COMMIT;
