-- Feedback on work that was part of an experiment is found by the experiment.
--
-- Why: a look at the running experiments reads what is new of each, not all feedback.
-- Locks: SHARE on agent_feedback while the index is built; writers wait.
-- Undo: DROP INDEX agent_feedback_by_experiment;

BEGIN;

CREATE INDEX agent_feedback_by_experiment ON agent_feedback (ab_test_id, created_at) WHERE ab_test_id IS NOT NULL;

COMMIT;
