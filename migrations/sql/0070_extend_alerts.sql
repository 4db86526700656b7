-- Alert rules people set, what each rule knows of each subject, silences, escalation, and what anomaly detectors remember.
--
-- Why: an alert has a life: pending, told, silenced, acknowledged, told again, over. What a rule knew at its last look decides
--      whether the next look is news, so it must survive a restart and change together with the alert and the word of it.
-- Locks: ACCESS EXCLUSIVE on agent_monitoring_alerts for a moment; its checks are read against the rows there are.
-- Undo: DROP TABLE alert_watches, anomaly_series, alert_silences, alert_rule_states, alert_rules; the checks and the index
--       of agent_monitoring_alerts as in phase5_optimization; ALTER TABLE agent_monitoring_alerts DROP COLUMN subject_id,
--       DROP COLUMN subject_title, DROP COLUMN tell, DROP COLUMN escalated_at, DROP COLUMN resolution;
--       ALTER TABLE agent_monitoring_alerts ALTER COLUMN threshold SET NOT NULL;

BEGIN;

ALTER TABLE agent_monitoring_alerts
    DROP CONSTRAINT agent_monitoring_alerts_metric_check,
    DROP CONSTRAINT agent_monitoring_alerts_condition_check,
    DROP CONSTRAINT agent_monitoring_alerts_alert_type_check,
    ADD CONSTRAINT agent_monitoring_alerts_metric_check CHECK (metric IN ('error_rate', 'p50_ms', 'p95_ms', 'p99_ms', 'accuracy', 'satisfaction', 'cost_usd', 'tokens', 'throughput', 'queue_depth', 'drift', 'approval_age', 'budget_used', 'silence', 'job_failure_rate', 'data_quality')),
    ADD CONSTRAINT agent_monitoring_alerts_condition_check CHECK (condition IN ('greater_than', 'less_than', 'pct_change', 'zscore', 'unusual')),
    ADD CONSTRAINT agent_monitoring_alerts_alert_type_check CHECK (alert_type IN ('threshold', 'change', 'anomaly', 'budget', 'sla', 'drift', 'absence', 'security', 'quality')),
    ALTER COLUMN threshold DROP NOT NULL,
    ADD COLUMN subject_id text NOT NULL DEFAULT '',
    ADD COLUMN subject_title text NOT NULL DEFAULT '',
    ADD COLUMN tell text[] NOT NULL DEFAULT '{}',
    ADD COLUMN escalated_at timestamptz,
    ADD COLUMN resolution text;
DROP INDEX agent_monitoring_alerts_active;
CREATE UNIQUE INDEX agent_monitoring_alerts_active ON agent_monitoring_alerts (org_id, fingerprint) WHERE status <> 'resolved';
CREATE INDEX agent_monitoring_alerts_by_time ON agent_monitoring_alerts (first_seen_at DESC);

CREATE TABLE alert_rules (
    rule_id    text PRIMARY KEY,
    org_id     text NOT NULL DEFAULT 'firm',
    rule       jsonb NOT NULL,
    created_by text NOT NULL CHECK (created_by <> ''),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    ended_by   text,
    CONSTRAINT alert_rules_end_says_who CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

CREATE TABLE alert_rule_states (
    org_id      text NOT NULL DEFAULT 'firm',
    rule_id     text NOT NULL,
    subject_id  text NOT NULL,
    status      text NOT NULL CHECK (status IN ('OK', 'PENDING', 'FIRING', 'NO_DATA', 'RESOLVED')),
    since       timestamptz NOT NULL,
    bad_since   timestamptz,
    clean_since timestamptz,
    is_open     boolean NOT NULL,
    value       double precision,
    n           integer CHECK (n >= 0),
    PRIMARY KEY (org_id, rule_id, subject_id)
);

CREATE TABLE alert_silences (
    silence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id     text NOT NULL DEFAULT 'firm',
    rule_id    text,
    agent_id   text,
    until      timestamptz NOT NULL,
    reason     text NOT NULL CHECK (reason <> ''),
    created_by text NOT NULL CHECK (created_by <> ''),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT alert_silences_about_something CHECK (num_nonnulls(rule_id, agent_id) > 0)
);
CREATE INDEX alert_silences_until ON alert_silences (until);

CREATE TABLE anomaly_series (
    org_id      text NOT NULL DEFAULT 'firm',
    agent_id    text NOT NULL,
    metric      text NOT NULL,
    last_bucket timestamptz NOT NULL,
    state       jsonb NOT NULL,
    PRIMARY KEY (org_id, agent_id, metric)
);

CREATE TABLE alert_watches (
    name      text PRIMARY KEY,
    looked_at timestamptz NOT NULL,
    found     text NOT NULL
);

COMMIT;
