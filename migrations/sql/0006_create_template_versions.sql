-- What an execution works by: the content of its template, and the cards of the agents the template names.
--
-- Why: a template or a card that changes must not change what has begun. Each content is kept once, under its hash; an
--      execution names its template's in template_sha256 and its agents' in context.agent_versions.
-- Locks: none that matter; it only creates.
-- Undo: DROP TABLE agent_versions; DROP TABLE template_versions;
-- An execution older than this file works by the template of today as long as that has the same content.

BEGIN;

CREATE TABLE template_versions (
    sha256            text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    name              text NOT NULL,
    version           text NOT NULL,
    content           json NOT NULL,
    compensated_steps text[] NOT NULL DEFAULT '{}',
    first_used_at     timestamptz NOT NULL DEFAULT now(),
    last_used_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agent_versions (
    sha256        text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    agent_id      text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    version       text NOT NULL,
    card          json NOT NULL,
    first_used_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agent_versions_by_agent ON agent_versions (agent_id, first_used_at);

COMMIT;
