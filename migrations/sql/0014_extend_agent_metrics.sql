-- What adding up needs: a sketch for quantiles, exact sums, and of each sum how many runs it rests on.
--
-- Why: hours become days and months by adding; quantiles and averages do not add, sketches and sums do. A run that
--      reported no tokens or has no price is counted as such and not as zero. A day is replaced as a whole, so rows
--      are found by their window. Feedback about an earlier day is found by when it became known.
-- Locks: ACCESS EXCLUSIVE on both tables, for a moment; SHARE on them while the indexes are built: writers wait.
-- Undo: DROP INDEX agent_performance_metrics_by_window, agent_feedback_by_day, agent_feedback_by_record;
--       ALTER TABLE agent_feedback DROP COLUMN recorded_at;
--       ALTER TABLE agent_performance_metrics DROP COLUMN latency_sketch, DROP COLUMN unpriced, DROP COLUMN tokens_n,
--       DROP COLUMN tokens_cached, DROP COLUMN tokens_reasoning, DROP COLUMN accuracy_sum,
--       DROP COLUMN satisfaction_sum, DROP COLUMN cache_hits, DROP COLUMN cache_n;

BEGIN;

ALTER TABLE agent_performance_metrics
    ADD COLUMN latency_sketch   bytea,  -- domain/learning/sketch.py, of milliseconds; NULL: no run was timed
    ADD COLUMN unpriced         integer NOT NULL DEFAULT 0 CHECK (unpriced >= 0),  -- runs without a price: cost_usd lacks theirs
    ADD COLUMN tokens_n         integer NOT NULL DEFAULT 0 CHECK (tokens_n >= 0),  -- runs that reported tokens
    ADD COLUMN tokens_cached    bigint NOT NULL DEFAULT 0 CHECK (tokens_cached >= 0),
    ADD COLUMN tokens_reasoning bigint NOT NULL DEFAULT 0 CHECK (tokens_reasoning >= 0),
    ADD COLUMN accuracy_sum     numeric NOT NULL DEFAULT 0 CHECK (accuracy_sum >= 0),
    ADD COLUMN satisfaction_sum integer NOT NULL DEFAULT 0 CHECK (satisfaction_sum >= 0),
    ADD COLUMN cache_hits       integer NOT NULL DEFAULT 0 CHECK (cache_hits >= 0),
    ADD COLUMN cache_n          integer NOT NULL DEFAULT 0 CHECK (cache_n >= 0);  -- runs that said whether a cache answered

CREATE INDEX agent_performance_metrics_by_window ON agent_performance_metrics (granularity, window_start);

ALTER TABLE agent_feedback ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX agent_feedback_by_day ON agent_feedback (created_at);
CREATE INDEX agent_feedback_by_record ON agent_feedback (recorded_at);

COMMIT;
