-- The days from which a figure of an agent has another level.
--
-- Why: "since when" is the first question about anything that got worse; opportunities and people date trouble by it. What was
--      found on a day stays what was found.
-- Locks: none on existing tables.
-- Undo: DROP TABLE change_points;

BEGIN;

CREATE TABLE change_points (
    org_id      text NOT NULL DEFAULT 'firm',
    agent_id    text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    metric      text NOT NULL CHECK (metric IN ('p95_ms', 'error_rate', 'cost_per_run', 'tokens_per_run', 'accuracy', 'satisfaction')),
    at          date NOT NULL,  -- first day (UTC) at the new level
    before      double precision NOT NULL,  -- mean of the level before, in the metric's unit
    after       double precision NOT NULL,
    size        double precision NOT NULL CHECK (size >= 0),  -- distance in standard deviations of a day
    q           double precision NOT NULL CHECK (q > 0 AND q <= 1),
    direction   text NOT NULL CHECK (direction IN ('better', 'worse')),
    found_as_of date NOT NULL,  -- last day of the history that showed it
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (found_as_of, agent_id, metric, at),
    CONSTRAINT change_points_past CHECK (at <= found_as_of)
);

COMMIT;
