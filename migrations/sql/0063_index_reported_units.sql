-- Runs reported for an experiment are found by the unit they belong to.
--
-- Why: a look reads the runs of new units; without the indexes it would read all runs of the experiment each time.
-- Locks: SHARE on agent_runs while the indexes are built; writers wait.
-- Undo: DROP INDEX agent_runs_by_experiment_task, agent_runs_by_experiment_file;

BEGIN;

CREATE INDEX agent_runs_by_experiment_task ON agent_runs (ab_test_id, coalesce(task_id, run_key)) WHERE ab_test_id IS NOT NULL;
CREATE INDEX agent_runs_by_experiment_file ON agent_runs (ab_test_id, engagement_id) WHERE ab_test_id IS NOT NULL;

COMMIT;
