-- Alerts on how fast a budget empties, and on an execution that calls over and over.
--
-- Why: at 80 % of a budget somebody is told; a loop spends the rest before anybody reads it.
-- Locks: ACCESS EXCLUSIVE on agent_monitoring_alerts while its rows are checked; SHARE on budget_reservations while an index is built.
-- Undo: DROP INDEX budget_reservations_by_settlement; the check of agent_monitoring_alerts.metric as in phase5_optimization and 0070.

BEGIN;

ALTER TABLE agent_monitoring_alerts
    DROP CONSTRAINT agent_monitoring_alerts_metric_check,
    ADD CONSTRAINT agent_monitoring_alerts_metric_check CHECK (metric IN ('error_rate', 'p50_ms', 'p95_ms', 'p99_ms', 'accuracy', 'satisfaction', 'cost_usd', 'tokens', 'throughput', 'queue_depth', 'drift', 'approval_age', 'budget_used', 'budget_hours_left', 'repeated_calls', 'silence', 'job_failure_rate', 'data_quality'));

CREATE INDEX budget_reservations_by_settlement ON budget_reservations (settled_at);

COMMIT;
