-- What the next four weeks are expected to bring each agent.
--
-- Why: load is staffed and cost budgeted ahead; a forecast stays as it was made, so that it can be held against what came.
-- Locks: none on existing tables.
-- Undo: DROP TABLE agent_forecasts;

BEGIN;

CREATE TABLE agent_forecasts (
    org_id      text NOT NULL DEFAULT 'firm',
    as_of       date NOT NULL,  -- last day (UTC) of the history
    agent_id    text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    metric      text NOT NULL CHECK (metric IN ('load', 'cost', 'quality')),  -- runs per day, US dollars per day, accuracy
    day         date NOT NULL,
    value       double precision NOT NULL CHECK (value >= 0),
    low         double precision NOT NULL CHECK (low >= 0),  -- four of five days are meant to lie from low to high
    high        double precision NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (as_of, agent_id, metric, day),
    CONSTRAINT agent_forecasts_interval CHECK (low <= value AND value <= high),
    CONSTRAINT agent_forecasts_ahead CHECK (day > as_of)
);

COMMIT;
