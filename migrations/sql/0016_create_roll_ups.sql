-- Which days are to be counted anew, and which facts are set aside until somebody has looked at them.
--
-- Why: a fact may become known after its day was counted; only that day is counted again. A fact that cannot be true
--      would spoil the figures of an agent, and a fact about an unknown agent belongs to nobody: neither is thrown away.
-- Locks: none on existing tables.
-- Undo: DROP VIEW run_facts_checked, feedback_facts_checked; DROP TABLE quarantined_facts, roll_ups, changed_days, facts_seen;

BEGIN;

-- Up to when facts that became known have been looked at. One row.
CREATE TABLE facts_seen (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    through timestamptz NOT NULL  -- facts recorded from here on may be new
);
INSERT INTO facts_seen (through) VALUES ('-infinity');

-- Days (UTC) that facts are about, and when their facts changed last as far as was looked.
CREATE TABLE changed_days (
    day        date PRIMARY KEY,
    changed_at timestamptz NOT NULL
);

-- When each day was counted, by which roll-up; one that began before the day changed is to be done again.
CREATE TABLE roll_ups (
    roll_up  text NOT NULL,
    day      date NOT NULL,
    begun_at timestamptz NOT NULL,
    rows     integer NOT NULL CHECK (rows >= 0),
    PRIMARY KEY (roll_up, day)
);

-- Facts that are left out of all figures, and why; a released one counts from then on.
CREATE TABLE quarantined_facts (
    fact_key       text PRIMARY KEY,  -- hash of what the fact says: one that is corrected is another
    kind           text NOT NULL CHECK (kind IN ('run', 'feedback')),
    day            date NOT NULL,
    agent_id       text NOT NULL,
    reason         text NOT NULL,
    fact           jsonb NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    released_at    timestamptz,
    released_by    text,
    release_reason text,
    CONSTRAINT quarantined_facts_release CHECK (
        (released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (release_reason IS NULL))
);
CREATE INDEX quarantined_facts_by_day ON quarantined_facts (day);

-- Runs with what is doubtful about them. 5 min: clocks that are set by the network differ by seconds. 1 day: the
-- longest step of any workflow is given hours. 100 million tokens: a hundred times the largest context of 2026.
CREATE VIEW run_facts_checked AS
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
    f.task_id, f.source, f.recorded_at
FROM agent_run_facts f;

-- Feedback with what is doubtful about it.
CREATE VIEW feedback_facts_checked AS
SELECT f.agent_id, f.agent_version, f.created_at, f.source, f.feedback_type, f.issue_categories,
    f.rating, f.accuracy_rating, f.helpfulness_rating, f.clarity_rating, f.completeness_rating,
    CASE WHEN f.created_at > f.recorded_at + interval '5 minutes' THEN 'it was given after it was received' END AS doubt,
    md5('feedback|' || f.feedback_id) AS fact_key,
    f.feedback_id, f.task_id, f.recorded_at
FROM agent_feedback f;

COMMIT;
