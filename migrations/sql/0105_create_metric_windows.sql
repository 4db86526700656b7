-- How work went, by everything people ask it by, in hours and days.
--
-- Why: agents, versions, domains, workflows, engagements, arms of experiments, providers, models and clients are looked at
--      over a minute or a year; a bucket that is added up once answers each in constant work.
-- Locks: ACCESS EXCLUSIVE on the view run_facts_checked for a moment.
-- Undo: DROP TABLE metric_windows; the view run_facts_checked as in 0095 (drop it first)

BEGIN;

CREATE TABLE metric_windows (
    org_id           text NOT NULL DEFAULT 'firm',
    dimension        text NOT NULL CHECK (dimension IN ('agent', 'version', 'domain', 'workflow', 'engagement', 'arm', 'provider', 'model', 'client')),
    value            text,  -- NULL: the facts do not say; of a version agent@version, of an arm experiment/A or B
    granularity      text NOT NULL CHECK (granularity IN ('1h', '1d')),
    window_start     timestamptz NOT NULL,
    executions       integer NOT NULL CHECK (executions >= 0),
    errors           integer NOT NULL CHECK (errors >= 0),
    timeouts         integer NOT NULL CHECK (timeouts >= 0),
    error_types      jsonb NOT NULL DEFAULT '{}',  -- {type: count}
    latency_sketch   bytea,  -- domain/learning/sketch.py, of milliseconds; NULL: no run was timed
    busy_ms          double precision NOT NULL CHECK (busy_ms >= 0),  -- durations of all runs that began in it
    tokens_in        bigint NOT NULL CHECK (tokens_in >= 0),
    tokens_out       bigint NOT NULL CHECK (tokens_out >= 0),
    tokens_cached    bigint NOT NULL CHECK (tokens_cached >= 0),
    tokens_reasoning bigint NOT NULL CHECK (tokens_reasoning >= 0),
    tokens_n         integer NOT NULL CHECK (tokens_n >= 0),  -- runs that reported tokens
    cost_usd         numeric(18,6) CHECK (cost_usd >= 0),
    unpriced         integer NOT NULL CHECK (unpriced >= 0),  -- runs without a price: cost_usd lacks theirs
    accuracy_sum     numeric NOT NULL CHECK (accuracy_sum >= 0),
    accuracy_n       integer NOT NULL CHECK (accuracy_n >= 0),
    satisfaction_sum integer NOT NULL CHECK (satisfaction_sum >= 0),
    satisfaction_n   integer NOT NULL CHECK (satisfaction_n >= 0),
    cache_hits       integer NOT NULL CHECK (cache_hits >= 0),
    cache_n          integer NOT NULL CHECK (cache_n >= 0),  -- runs that said whether a cache answered
    CONSTRAINT metric_windows_one_window UNIQUE NULLS NOT DISTINCT (org_id, dimension, value, granularity, window_start),
    CONSTRAINT metric_windows_outcomes CHECK (errors + timeouts <= executions)
);
CREATE INDEX metric_windows_by_window ON metric_windows (granularity, window_start, dimension);

-- With the arm of an experiment.
CREATE OR REPLACE VIEW run_facts_checked AS
SELECT f.agent_id, coalesce(f.agent_version, 'unknown') AS agent_version, f.started_at, f.duration_ms, f.outcome,
    f.error_type, f.tokens_in, f.tokens_out, f.tokens_cached, f.tokens_reasoning, f.cost_usd, f.accuracy, f.cache_hit,
    CASE
        WHEN f.started_at > f.recorded_at + interval '5 minutes' THEN 'it began after it was reported'
        WHEN f.duration_ms > 86400000 THEN 'it took more than a day'
        WHEN f.tokens_in > 100000000 OR f.tokens_out > 100000000 THEN 'it has more tokens than any model takes'
        WHEN f.tokens_cached > f.tokens_in THEN 'it read more tokens from the cache than it read at all'
    END AS doubt,
    md5(concat_ws('|', f.source, f.agent_id, f.agent_version, f.task_id, extract(epoch FROM f.started_at),
        f.duration_ms, f.outcome, f.error_type, f.tokens_in, f.tokens_out, f.tokens_cached, f.cost_usd, f.accuracy,
        extract(epoch FROM f.recorded_at))) AS fact_key,
    f.task_id, f.source, f.recorded_at, f.provider, f.model, f.client_id, f.engagement_id, f.workflow_execution_id,
    f.ab_test_id, f.variant
FROM agent_run_facts f;

COMMIT;
