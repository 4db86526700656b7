-- Budgets for what agents spend, what is spent of each in each period, and what is promised to calls under way.
--
-- Why: a budget checked after a call, or not while others ask too, is no budget: the most a call can cost is reserved before it,
--      settled after it, and given back when it fails or its process dies.
-- Locks: none on existing tables.
-- Undo: DROP TABLE budget_reservations, budget_periods, budget_changes, budgets;

BEGIN;

CREATE TABLE budgets (
    budget_id  text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    org_id     text NOT NULL DEFAULT 'firm',
    level      text NOT NULL CHECK (level IN ('firm', 'client', 'engagement', 'workflow', 'agent')),
    scope      text,
    period     text NOT NULL CHECK (period IN ('month', 'whole')),
    limit_usd  numeric(14,6) NOT NULL CHECK (limit_usd > 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    CONSTRAINT budgets_scope CHECK ((level = 'firm') = (scope IS NULL))
);
CREATE UNIQUE INDEX budgets_in_force ON budgets (org_id, level, scope, period) NULLS NOT DISTINCT WHERE ended_at IS NULL;

CREATE TABLE budget_changes (
    budget_change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    budget_id        text NOT NULL REFERENCES budgets,
    limit_usd        numeric(14,6) CHECK (limit_usd > 0),
    changed_by       text NOT NULL CHECK (changed_by <> ''),
    reason           text NOT NULL CHECK (reason <> ''),
    changed_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE budget_periods (
    budget_id       text NOT NULL REFERENCES budgets,
    starts_on       date NOT NULL,
    spent_usd       numeric(14,6) NOT NULL DEFAULT 0 CHECK (spent_usd >= 0),
    reserved_usd    numeric(14,6) NOT NULL DEFAULT 0 CHECK (reserved_usd >= 0),
    overridden_by   text,
    override_reason text,
    overridden_at   timestamptz,
    PRIMARY KEY (budget_id, starts_on),
    CONSTRAINT budget_periods_override_says_who CHECK (num_nonnulls(overridden_by, override_reason, overridden_at) IN (0, 3))
);

CREATE TABLE budget_reservations (
    reservation_id uuid PRIMARY KEY,
    call_id        text NOT NULL,
    budget_ids     text[] NOT NULL,
    starts_on      date[] NOT NULL,
    amount_usd     numeric(14,6) NOT NULL CHECK (amount_usd >= 0),
    settled_usd    numeric(14,6) CHECK (settled_usd >= 0),
    is_estimate    boolean NOT NULL DEFAULT false,
    made_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at     timestamptz NOT NULL,
    settled_at     timestamptz,
    CONSTRAINT budget_reservations_pairs CHECK (cardinality(budget_ids) = cardinality(starts_on)),
    CONSTRAINT budget_reservations_settled CHECK ((settled_usd IS NULL) = (settled_at IS NULL))
);
CREATE INDEX budget_reservations_open ON budget_reservations (expires_at) WHERE settled_at IS NULL;

COMMIT;
