-- What was proposed for an opportunity, and how it did on tasks it was not chosen by.
--
-- Why: a change that somebody, or a search, thinks of has to say what it is worth before it is tried on work.
--      A search that found nothing better is kept as well, so that it is not made again for the same version.
-- Locks: none beyond the new table.
-- Undo: DROP TABLE improvement_candidates

BEGIN;

CREATE TABLE improvement_candidates (
    candidate_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id          text NOT NULL DEFAULT 'firm',
    opportunity_id  uuid NOT NULL REFERENCES improvement_opportunities,
    agent_id        text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    control_version text NOT NULL,  -- at work when it was looked for
    way             text NOT NULL CHECK (way IN ('search', 'rewrite')),
    is_proposed     boolean NOT NULL,
    reason          text NOT NULL,  -- why it is proposed, or not
    changes         jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'object'),
    measure         text,  -- what a score is; NULL here and below: no labelled tasks measured it
    seed            integer,
    tried           integer CHECK (tried > 0),  -- settings
    train_tasks     integer CHECK (train_tasks > 0),
    train_score     double precision CHECK (train_score BETWEEN 0 AND 1),  -- flattered: the settings were chosen by it
    holdout_tasks   integer CHECK (holdout_tasks > 0),
    present_score   double precision CHECK (present_score BETWEEN 0 AND 1),
    holdout_score   double precision CHECK (holdout_score BETWEEN 0 AND 1),
    effect          double precision,
    ci_low          double precision,
    ci_high         double precision,
    missed_more     integer,  -- errors overlooked beyond those overlooked at present
    cost_usd        numeric(14,6) CHECK (cost_usd >= 0),  -- of looking for it; NULL: no price is known
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT improvement_candidates_once UNIQUE (opportunity_id, control_version),
    CONSTRAINT improvement_candidates_change CHECK (NOT is_proposed OR changes <> '{}'),
    CONSTRAINT improvement_candidates_measured CHECK ((measure IS NULL) = (ci_low IS NULL) AND (ci_low IS NULL) = (ci_high IS NULL))
);

COMMIT;
