-- What was spent on each day, by everything people ask spend by, and how sure a mean of it is.
--
-- Why: a quarter of a large firm is millions of runs; a page that shows who spends it adds up days, not runs.
--      Sums of squares give intervals, which is what a saving is judged by. Every day is counted anew once.
-- Locks: ROW EXCLUSIVE on changed_days for a moment.
-- Undo: DROP TABLE spend_daily; the view run_facts_checked as in 0016 (drop it first)

BEGIN;

CREATE TABLE spend_daily (
    org_id          text NOT NULL DEFAULT 'firm',
    day             date NOT NULL,  -- in UTC
    agent_id        text NOT NULL,
    agent_version   text NOT NULL,
    provider        text,  -- NULL here and below: not known
    model           text,
    client_id       text,
    engagement_id   text,
    workflow        text,
    runs            integer NOT NULL CHECK (runs > 0),
    unpriced        integer NOT NULL CHECK (unpriced BETWEEN 0 AND runs),  -- runs without a price: no cost holds theirs
    cost_usd        numeric(18,6) CHECK (cost_usd >= 0),
    cost_sq         double precision NOT NULL DEFAULT 0 CHECK (cost_sq >= 0),  -- sum of squares
    failed          integer NOT NULL CHECK (failed BETWEEN 0 AND runs),
    failed_unpriced integer NOT NULL CHECK (failed_unpriced BETWEEN 0 AND failed),
    failed_usd      numeric(18,6) CHECK (failed_usd >= 0),
    failed_sq       double precision NOT NULL DEFAULT 0 CHECK (failed_sq >= 0),
    tokens_in       bigint NOT NULL DEFAULT 0 CHECK (tokens_in >= 0),
    tokens_out      bigint NOT NULL DEFAULT 0 CHECK (tokens_out >= 0),
    tokens_cached   bigint NOT NULL DEFAULT 0 CHECK (tokens_cached >= 0),
    tokens_n        integer NOT NULL DEFAULT 0 CHECK (tokens_n BETWEEN 0 AND runs),  -- runs that reported tokens
    accuracy_sum    double precision NOT NULL DEFAULT 0 CHECK (accuracy_sum >= 0),
    accuracy_sq     double precision NOT NULL DEFAULT 0 CHECK (accuracy_sq >= 0),
    accuracy_n      integer NOT NULL DEFAULT 0 CHECK (accuracy_n BETWEEN 0 AND runs),
    CONSTRAINT spend_daily_one_row UNIQUE NULLS NOT DISTINCT
        (org_id, day, agent_id, agent_version, provider, model, client_id, engagement_id, workflow),
    CONSTRAINT spend_daily_costs CHECK ((cost_usd IS NULL) = (unpriced = runs) AND (failed_usd IS NULL) = (failed_unpriced = failed))
);
CREATE INDEX spend_daily_by_day ON spend_daily (day);

-- With what spend is asked by.
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
    f.task_id, f.source, f.recorded_at, f.provider, f.model, f.client_id, f.engagement_id, f.workflow_execution_id
FROM agent_run_facts f;

UPDATE changed_days SET changed_at = clock_timestamp();

COMMIT;
