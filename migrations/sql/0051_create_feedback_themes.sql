-- What people speak of in their feedback: themes, and which piece of feedback belongs to which.
--
-- Why: a theme keeps its identity while texts go on arriving; what belongs to it is decided once per text. Counts per
--      agent and day follow from the feedback itself, so nothing is counted twice.
-- Locks: SHARE ROW EXCLUSIVE on agent_feedback for the reference, for a moment.
-- Undo: DROP VIEW feedback_theme_daily; DROP TABLE feedback_theme_members, feedback_themes;

BEGIN;

CREATE TABLE feedback_themes (
    theme_id   text PRIMARY KEY CHECK (theme_id ~ '^[0-9a-f]{12}$'),
    org_id     text NOT NULL DEFAULT 'firm',
    name       text NOT NULL,
    terms      jsonb NOT NULL,  -- [term], the most telling first
    quotes     jsonb NOT NULL,  -- [{feedback_id, text}], the most typical first
    feedback   integer NOT NULL CHECK (feedback > 0),
    first_seen date NOT NULL,
    last_seen  date NOT NULL,
    founded_on date NOT NULL,  -- day whose look told it from the others
    is_new     boolean NOT NULL,  -- people did not speak of it before, and began to in the last weeks
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT feedback_themes_seen CHECK (first_seen <= last_seen)
);

-- Which theme a piece of feedback speaks of; one without a row stands alone so far and is looked at again.
CREATE TABLE feedback_theme_members (
    feedback_id uuid PRIMARY KEY REFERENCES agent_feedback ON DELETE CASCADE,
    theme_id    text NOT NULL REFERENCES feedback_themes
);
CREATE INDEX feedback_theme_members_by_theme ON feedback_theme_members (theme_id);

-- How often each agent was spoken to of each theme, by day (UTC).
CREATE VIEW feedback_theme_daily AS
SELECT m.theme_id, f.agent_id, (f.created_at AT TIME ZONE 'UTC')::date AS day, count(*)::integer AS feedback,
    (count(*) FILTER (WHERE f.feedback_type IN ('complaint', 'correction') OR f.rating <= 2))::integer AS unhappy
FROM feedback_theme_members m JOIN agent_feedback f USING (feedback_id)
GROUP BY m.theme_id, f.agent_id, day;

COMMIT;
