-- Runs of agents that work outside this product's workflows, and one view of all runs wherever they were made.
--
-- Why: agents built with other frameworks report by OpenTelemetry traces or files; what learns from runs reads theirs
--      and the gateway's own from one place, by the day they began or by when they became known.
-- Locks: SHARE on agent_cost_tracking while two indexes are built; writers wait.
-- Undo: DROP VIEW agent_run_facts; DROP TABLE agent_runs, agent_spans;
--       DROP INDEX agent_cost_tracking_by_start, agent_cost_tracking_by_record;

BEGIN;

CREATE TABLE agent_runs (
    agent_run_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id                text NOT NULL DEFAULT 'firm',
    run_key               text NOT NULL,  -- what a repeated delivery has in common: ids of trace and span, a hash of the row
    source                text NOT NULL CHECK (source IN ('otlp', 'file', 'api')),
    agent_id              text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    agent_version         text,  -- NULL here and below: not reported
    task_id               text,
    started_at            timestamptz NOT NULL,
    duration_ms           double precision CHECK (duration_ms >= 0),
    outcome               text NOT NULL CHECK (outcome IN ('ok', 'error', 'timeout')),
    error_type            text,
    provider              text,
    model                 text,
    tokens_in             bigint CHECK (tokens_in >= 0),  -- all tokens read, those from a cache among them
    tokens_out            bigint CHECK (tokens_out >= 0),  -- all tokens written, those of reasoning among them
    tokens_cached         bigint CHECK (tokens_cached >= 0),
    tokens_reasoning      bigint CHECK (tokens_reasoning >= 0),
    cost_usd              numeric(14,6) CHECK (cost_usd >= 0),  -- NULL: unpriced
    price_version         text,  -- the price list a cost was computed with; NULL: reported
    accuracy              double precision CHECK (accuracy BETWEEN 0 AND 1),
    client_id             text,
    engagement_id         text,
    workflow_execution_id uuid,  -- of this product or the reporter's own: no reference
    step_execution_id     uuid,
    ab_test_id            uuid,
    variant               text CHECK (variant IN ('A', 'B')),
    cache_hit             boolean,
    recorded_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT agent_runs_once UNIQUE (org_id, run_key)
);
CREATE INDEX agent_runs_by_start ON agent_runs (started_at);
CREATE INDEX agent_runs_by_record ON agent_runs (recorded_at);

-- Calls of a model may be reported before or after the run they belong to, with other spans between the two.
CREATE TABLE agent_spans (
    org_id           text NOT NULL DEFAULT 'firm',
    trace_id         bytea NOT NULL CHECK (length(trace_id) = 16),
    span_id          bytea NOT NULL CHECK (length(span_id) = 8),
    parent_span_id   bytea CHECK (length(parent_span_id) = 8),
    kind             text NOT NULL CHECK (kind IN ('run', 'call', 'link')),
    provider         text,
    model            text,
    tokens_in        bigint CHECK (tokens_in >= 0),
    tokens_out       bigint CHECK (tokens_out >= 0),
    tokens_cached    bigint CHECK (tokens_cached >= 0),
    tokens_reasoning bigint CHECK (tokens_reasoning >= 0),
    cost_usd         numeric(14,6) CHECK (cost_usd >= 0),
    price_version    text,
    recorded_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, trace_id, span_id)
);
CREATE INDEX agent_spans_by_record ON agent_spans USING brin (recorded_at);

-- The ledger stamps the end of an attempt; a zone by name makes the arithmetic one that an index may hold.
CREATE INDEX agent_cost_tracking_by_start ON agent_cost_tracking
    (((incurred_at AT TIME ZONE 'UTC' - duration_ms * interval '1 millisecond') AT TIME ZONE 'UTC'));
CREATE INDEX agent_cost_tracking_by_record ON agent_cost_tracking (incurred_at);

-- Every run of every agent; of the gateway's calls one row per attempt. Both sides have equal types: only then is a
-- column that nobody asks for not computed, nor joined for.
CREATE VIEW agent_run_facts AS
SELECT agent_id, agent_version, task_id, started_at, duration_ms, outcome, error_type, provider, model,
    tokens_in, tokens_out, tokens_cached, tokens_reasoning, cost_usd, accuracy, client_id, engagement_id,
    workflow_execution_id, step_execution_id, ab_test_id, variant, cache_hit, source, recorded_at
FROM agent_runs
UNION ALL
SELECT c.agent_id, c.agent_version, c.task,
    (c.incurred_at AT TIME ZONE 'UTC' - c.duration_ms * interval '1 millisecond') AT TIME ZONE 'UTC',
    c.duration_ms::double precision, c.outcome, nullif(split_part(c.error, ':', 1), ''), c.provider, c.model,
    c.tokens_in::bigint, c.tokens_out::bigint, c.tokens_cached::bigint, NULL::bigint, c.cost_usd,
    NULL::double precision, c.client_id, c.engagement_id,
    c.workflow_execution_id, c.step_execution_id, coalesce(c.ab_test_id, s.ab_test_id), s.variant, c.cache_hit,
    'gateway', c.incurred_at
FROM agent_cost_tracking c
LEFT JOIN workflow_step_executions s USING (step_execution_id);

COMMIT;
