-- Who signed off a step, in which role, and what they had in front of them.
--
-- Why: a step that needs a person parks its execution; the decision is a record of its own (ISA 230 paragraph 9),
--      kept even when a later rework makes it obsolete.
-- Locks: none that matter; it only creates.
-- Undo: DROP TABLE step_sign_offs;  (the decisions go with it: take a dump first)

BEGIN;

CREATE TABLE step_sign_offs (
    sign_off_id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text NOT NULL,
    iteration             integer CHECK (iteration >= 1),  -- NULL: given in advance, for whichever pass comes first
    role                  text,  -- NULL: given in advance without naming one; whichever role of the person is asked for counts
    user_id               text NOT NULL,
    decision              text NOT NULL CHECK (decision IN ('approve', 'reject', 'changes')),
    comment               text NOT NULL DEFAULT '',
    given_in_advance      boolean NOT NULL DEFAULT false,
    shown_sha256          text CHECK (shown_sha256 ~ '^[0-9a-f]{64}$'),  -- the output that was signed; another output needs another signature
    decided_at            timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT step_sign_offs_has_pass CHECK (given_in_advance OR iteration IS NOT NULL),
    -- A person decides once on what was shown; two partners may both sign as PARTNER.
    CONSTRAINT step_sign_offs_once UNIQUE NULLS NOT DISTINCT (workflow_execution_id, step_id, iteration, user_id, shown_sha256)
);

COMMIT;
