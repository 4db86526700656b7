-- Versions of agents that people or the product propose, and which one is at work.
--
-- Why: an experiment serves a changed version beside the one at work; which was at work when has to be answerable later.
--      The cards executions were opened with are contents by hash, so their table says so by its name.
-- Locks: ACCESS EXCLUSIVE on agent_versions while its rows are copied; executions open after it.
-- Undo: DROP TABLE live_agent_versions, agent_versions; ALTER TABLE agent_cards RENAME TO agent_versions;

BEGIN;

CREATE TABLE agent_cards (
    sha256        text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    agent_id      text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    version       text NOT NULL,
    card          json NOT NULL,
    first_used_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO agent_cards (sha256, agent_id, version, card, first_used_at)
SELECT sha256, agent_id, version, card, first_used_at FROM agent_versions;
DROP TABLE agent_versions;
CREATE INDEX agent_cards_by_agent ON agent_cards (agent_id, first_used_at);

CREATE TABLE agent_versions (
    org_id         text NOT NULL DEFAULT 'firm',
    agent_id       text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    version        text NOT NULL,
    parent_version text NOT NULL,  -- what the changes are relative to; a version without a row here is the card of the code
    changes        jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'object' AND changes <> '{}'),
    changes_sha256 text NOT NULL CHECK (changes_sha256 ~ '^[0-9a-f]{64}$'),
    card_sha256    text NOT NULL REFERENCES agent_cards,  -- the agent with the changes made
    reason         text NOT NULL,
    opportunity_id uuid REFERENCES improvement_opportunities,
    created_by     text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, agent_id, version),
    CONSTRAINT agent_versions_differ CHECK (version <> parent_version)
);

CREATE TABLE live_agent_versions (
    live_version_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id          text NOT NULL DEFAULT 'firm',
    agent_id        text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    version         text NOT NULL,
    card_sha256     text NOT NULL REFERENCES agent_cards,
    valid_from      timestamptz NOT NULL DEFAULT clock_timestamp(),
    set_by          text NOT NULL,
    reason          text NOT NULL,
    deployment_id   uuid REFERENCES improvement_deployments
);
CREATE INDEX live_agent_versions_by_agent ON live_agent_versions (agent_id, live_version_id DESC);

COMMIT;
