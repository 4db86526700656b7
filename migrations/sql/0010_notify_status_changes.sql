-- Every change of an execution's or a step's status is told on the channel prisma_events, in the order of the commits.
--
-- Why: who watches an execution hears of it at once, whichever process works on it, and nobody polls.
--      `transaction` says which changes a watcher has read already when it reads the state and listens from then on.
-- Locks: SHARE ROW EXCLUSIVE on workflow_executions and workflow_step_executions while the triggers are made.
--        Afterwards each commit that changed a status waits for others of its kind (NOTIFY, PostgreSQL manual).
-- Undo: DROP FUNCTION notify_execution_status() CASCADE; DROP FUNCTION notify_step_status() CASCADE;

BEGIN;

CREATE FUNCTION notify_execution_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('prisma_events', json_build_object(
        'execution', NEW.workflow_execution_id, 'status', NEW.status,
        'at', clock_timestamp(), 'transaction', pg_current_xact_id()::text)::text);
    RETURN NULL;
END $$;

-- A notification holds 8,000 bytes; 1,000 characters of a branch's name are at most 6,000, whatever they are.
CREATE FUNCTION notify_step_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('prisma_events', json_build_object(
        'execution', NEW.workflow_execution_id, 'step', NEW.step_id, 'iteration', NEW.iteration,
        'map_key', left(NEW.map_key, 1000), 'status', NEW.status,
        'at', clock_timestamp(), 'transaction', pg_current_xact_id()::text)::text);
    RETURN NULL;
END $$;

CREATE TRIGGER execution_opened AFTER INSERT ON workflow_executions
    FOR EACH ROW EXECUTE FUNCTION notify_execution_status();
CREATE TRIGGER execution_changed AFTER UPDATE OF status ON workflow_executions
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION notify_execution_status();
CREATE TRIGGER step_opened AFTER INSERT ON workflow_step_executions
    FOR EACH ROW EXECUTE FUNCTION notify_step_status();
CREATE TRIGGER step_changed AFTER UPDATE OF status ON workflow_step_executions
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION notify_step_status();

COMMIT;
