-- Who may come in: local users, their sessions at the pages, and tokens of programs.
--
-- Why: the pages, the API and the Dagster UI ask who is there before they show or change anything.
-- Locks: none; new tables.
-- Undo: DROP TABLE api_tokens, web_sessions, users;

BEGIN;

-- People who sign in with a password.
CREATE TABLE users (
    user_name       text PRIMARY KEY CHECK (user_name ~ '^[a-z0-9][a-z0-9._@-]{0,99}$'),
    org_id          text NOT NULL DEFAULT 'firm',
    password_hash   text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    roles           text[] NOT NULL CHECK (cardinality(roles) > 0),
    failed_attempts integer NOT NULL DEFAULT 0 CHECK (failed_attempts >= 0),  -- since the last success
    locked_until    timestamptz,
    disabled_at     timestamptz,
    created_by      text NOT NULL CHECK (created_by <> ''),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Browsers that are signed in; the cookie holds the token, the database its hash.
CREATE TABLE web_sessions (
    token_sha256 text PRIMARY KEY CHECK (token_sha256 ~ '^[0-9a-f]{64}$'),
    user_name    text REFERENCES users,  -- NULL: the development sign-in of whoever owns the data folder
    name         text NOT NULL CHECK (name <> ''),
    opened_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX web_sessions_by_user ON web_sessions (user_name);
CREATE INDEX web_sessions_by_end ON web_sessions (expires_at);

-- What programs sign in with.
CREATE TABLE api_tokens (
    token_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id       text NOT NULL DEFAULT 'firm',
    token_sha256 text NOT NULL UNIQUE CHECK (token_sha256 ~ '^[0-9a-f]{64}$'),
    name         text NOT NULL CHECK (name <> ''),
    roles        text[] NOT NULL CHECK (cardinality(roles) > 0),
    scopes       text[],  -- permissions it is limited to; NULL: all of its roles
    created_by   text NOT NULL CHECK (created_by <> ''),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
CREATE UNIQUE INDEX api_tokens_by_name ON api_tokens (org_id, name) WHERE revoked_at IS NULL;

COMMIT;
