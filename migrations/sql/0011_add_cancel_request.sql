-- Who asked an execution to be cancelled, why and when.
--
-- Why: a cancel is asked for by one process and obeyed by another; and a file must say who stopped the work.
--      A run looks here while it works, and does not take up an execution whose cancel nobody has withdrawn.
-- Locks: ACCESS EXCLUSIVE on workflow_executions for the new columns, which need no rewrite; the check reads every row once.
-- Undo: ALTER TABLE workflow_executions DROP COLUMN cancel_requested_at, DROP COLUMN cancel_requested_by, DROP COLUMN cancel_reason;

BEGIN;

ALTER TABLE workflow_executions
    ADD COLUMN cancel_requested_at timestamptz,
    ADD COLUMN cancel_requested_by text,
    ADD COLUMN cancel_reason text,
    ADD CONSTRAINT workflow_executions_cancel_says_who
        CHECK (num_nonnulls(cancel_requested_at, cancel_requested_by, cancel_reason) IN (0, 3));

COMMIT;
