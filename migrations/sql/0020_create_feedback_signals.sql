-- What became of acts on the work itself, each of which says something about an agent: work rejected, sent back, done again.
--
-- Why: such an act is feedback nobody has to write. It is turned into a row of agent_feedback after the act, so that the
--      work never waits for it; what has been heard stands here, so that each is heard once and none is lost.
-- Locks: none on tables in use but SHARE on step_sign_offs while the index is built, from few rows.
-- Undo: DROP TABLE feedback_signals; DROP INDEX step_sign_offs_against;

BEGIN;

CREATE TABLE feedback_signals (
    signal_key text PRIMARY KEY,  -- also the dedupe_key of the feedback
    reason     text,  -- why it is no feedback; NULL: it is
    heard_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX step_sign_offs_against ON step_sign_offs (decided_at) WHERE decision <> 'approve';

COMMIT;
