-- What people said of each agent on each day, in numbers.
--
-- Why: trends and opportunities ask for many days of feedback again and again; a day is counted once.
-- Locks: none on existing tables.
-- Undo: DROP TABLE feedback_daily;

BEGIN;

CREATE TABLE feedback_daily (
    org_id           text NOT NULL DEFAULT 'firm',
    agent_id         text NOT NULL,
    day              date NOT NULL,  -- in UTC
    feedback         integer NOT NULL CHECK (feedback > 0),
    types            jsonb NOT NULL,  -- {feedback_type: count}
    sources          jsonb NOT NULL,  -- {source: count}
    categories       jsonb NOT NULL,  -- {issue category: count}
    rating_sum       integer NOT NULL,
    rating_n         integer NOT NULL,
    accuracy_sum     integer NOT NULL,
    accuracy_n       integer NOT NULL,
    helpfulness_sum  integer NOT NULL,
    helpfulness_n    integer NOT NULL,
    clarity_sum      integer NOT NULL,
    clarity_n        integer NOT NULL,
    completeness_sum integer NOT NULL,
    completeness_n   integer NOT NULL,
    computed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, agent_id, day),
    CONSTRAINT feedback_daily_ratings CHECK (rating_sum BETWEEN rating_n AND 5 * rating_n)
);
CREATE INDEX feedback_daily_by_day ON feedback_daily (day);

COMMIT;
