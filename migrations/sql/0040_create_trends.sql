-- How each figure of each agent moved over eight weeks, judged together with all others.
--
-- Why: people are told of trends that are neither chance nor small, and opportunities rest on them; what was said on a day
--      stays what was said, so each day has its own rows.
-- Locks: none on existing tables.
-- Undo: DROP TABLE performance_trends;

BEGIN;

CREATE TABLE performance_trends (
    org_id         text NOT NULL DEFAULT 'firm',
    as_of          date NOT NULL,  -- last day (UTC) of the window
    agent_id       text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    metric         text NOT NULL CHECK (metric IN ('p95_ms', 'error_rate', 'cost_per_run', 'tokens_per_run', 'accuracy', 'satisfaction')),
    days           integer NOT NULL CHECK (days > 0),  -- with data
    level          double precision NOT NULL,  -- median day
    slope          double precision NOT NULL,  -- per day, in the metric's unit
    relative_slope double precision,  -- share of the level per day; NULL: the level is 0
    change         double precision NOT NULL,  -- from the first day with data to the last
    p              double precision NOT NULL CHECK (p > 0 AND p <= 1),
    q              double precision NOT NULL CHECK (q > 0 AND q <= 1),  -- false-discovery rate at which this is a trend
    is_significant boolean NOT NULL,  -- beyond chance, and large enough to matter
    direction      text NOT NULL CHECK (direction IN ('better', 'worse', 'none')),
    computed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (as_of, agent_id, metric),
    CONSTRAINT performance_trends_direction CHECK (is_significant = (direction <> 'none'))
);

COMMIT;
