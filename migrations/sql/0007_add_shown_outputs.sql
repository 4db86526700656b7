-- What a person had in front of them when signing: the step's own result and every result upstream it rests on.
--
-- Why: a sign-off counts only while what was shown is what is there. sign_off_requests says what was put before whom and
--      when (reminders and expiry count from then); step_redos says who had finished work done again, and why.
-- Locks: ACCESS EXCLUSIVE on step_sign_offs for the blink of adding a column without a default.
-- Undo: DROP TABLE step_redos; DROP TABLE sign_off_requests; ALTER TABLE step_sign_offs DROP COLUMN shown;
-- A sign-off given before this file on a step that still waits was bound to the step's own output alone: it is asked again.

BEGIN;

ALTER TABLE step_sign_offs ADD COLUMN shown jsonb;  -- {step id: {iteration, sha256}}; NULL: given in advance

CREATE TABLE sign_off_requests (
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text NOT NULL,
    iteration             integer NOT NULL CHECK (iteration >= 1),
    number                integer NOT NULL CHECK (number >= 1),  -- 2 and more: asked again, since what was shown had changed
    shown                 jsonb NOT NULL,  -- {step id: {iteration, sha256}}
    shown_sha256          text NOT NULL CHECK (shown_sha256 ~ '^[0-9a-f]{64}$'),
    asked_at              timestamptz NOT NULL,
    reminders             integer NOT NULL DEFAULT 0 CHECK (reminders >= 0),  -- number of the last reminder
    expired_at            timestamptz,  -- nobody had decided in time
    due_at                timestamptz,  -- next reminder or expiry; NULL: none to come
    PRIMARY KEY (workflow_execution_id, step_id, iteration, number)
);
CREATE INDEX sign_off_requests_due ON sign_off_requests (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE step_redos (
    redo_id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_ids              text[] NOT NULL CHECK (step_ids <> '{}'),  -- what was asked for
    opened_step_ids       text[] NOT NULL,  -- these and everything behind them that had begun
    requested_by          text NOT NULL,
    reason                text NOT NULL CHECK (reason <> ''),
    requested_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX step_redos_by_execution ON step_redos (workflow_execution_id, requested_at);

COMMIT;
