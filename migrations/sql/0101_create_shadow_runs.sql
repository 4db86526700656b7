-- Versions of high risk beside the version at work: the same inputs, done later and elsewhere, compared and never shown.
--
-- Why: a change of high risk may not meet a client's file before people have approved it, and what they approve has to have been
--      seen on real inputs. What it gave is kept as a comparison; the inputs are dropped as soon as it is made.
-- Locks: none beyond the new tables.
-- Undo: DROP TABLE shadow_calls, shadow_runs

BEGIN;

CREATE TABLE shadow_runs (
    deployment_id uuid PRIMARY KEY REFERENCES improvement_deployments,
    agent_id      text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    from_version  text NOT NULL,
    to_version    text NOT NULL CHECK (to_version <> from_version),
    share         double precision NOT NULL CHECK (share > 0 AND share <= 1),
    most_calls    integer NOT NULL CHECK (most_calls BETWEEN 1 AND 100000),
    until         timestamptz NOT NULL,
    margins       jsonb NOT NULL CHECK (jsonb_typeof(margins) = 'object'),
    started_by    text NOT NULL CHECK (started_by <> ''),
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    verdict       text NOT NULL DEFAULT 'going on' CHECK (verdict IN ('going on', 'pass', 'hold', 'fail')),
    reason        text NOT NULL DEFAULT 'nothing has been compared yet',
    numbers       jsonb NOT NULL DEFAULT '{}',
    data_sha256   text CHECK (data_sha256 ~ '^[0-9a-f]{64}$'),
    code_version  text,
    judged_at     timestamptz,
    ended_at      timestamptz,
    CONSTRAINT shadow_runs_end_is_a_verdict CHECK (ended_at IS NULL OR verdict IN ('pass', 'fail'))
);

CREATE TABLE shadow_calls (
    shadow_call_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment_id  uuid NOT NULL REFERENCES shadow_runs,
    call_id        text NOT NULL,
    task           jsonb,
    attempts       integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    kept_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    compared_at    timestamptz,
    left_because   text,
    agreement      double precision CHECK (agreement BETWEEN 0 AND 1),
    error          text,
    is_new_error   boolean,
    live_ms        bigint CHECK (live_ms >= 0),
    shadow_ms      bigint CHECK (shadow_ms >= 0),
    live_usd       numeric(14,6) CHECK (live_usd >= 0),
    shadow_usd     numeric(14,6) CHECK (shadow_usd >= 0),
    CONSTRAINT shadow_calls_once UNIQUE (deployment_id, call_id),
    CONSTRAINT shadow_calls_inputs_go CHECK ((task IS NULL) = (compared_at IS NOT NULL)),
    CONSTRAINT shadow_calls_say_something CHECK (compared_at IS NULL OR num_nonnulls(left_because, agreement) = 1)
);
CREATE INDEX shadow_calls_to_compare ON shadow_calls (deployment_id, shadow_call_id) WHERE compared_at IS NULL;

COMMIT;
