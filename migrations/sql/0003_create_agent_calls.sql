-- What each successful agent call answered.
--
-- Why: a run that repeats a call takes the answer from here instead of paying for it again. Kept apart from
--      agent_cost_tracking so that the ledger's rows stay small and answers can be aged out on their own.
-- Locks: none that matter; it only creates.
-- Undo: DROP TABLE agent_calls;  (calls would then be paid again)

BEGIN;

CREATE TABLE agent_calls (
    call_id     text PRIMARY KEY,
    result      json NOT NULL,  -- json, not jsonb: an answer is given again exactly as it was
    recorded_at timestamptz NOT NULL DEFAULT now()
);

COMMIT;
