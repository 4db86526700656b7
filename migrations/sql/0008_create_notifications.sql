-- The outbox: what people are to be told, written in the transaction of the fact it tells of.
--
-- Why: a mail server or webhook that is down must neither hold up the work nor lose the word. A notification is stored once
--      per dedupe key, then routed to the channels that are set up, and each delivery is tried until it succeeds or is given up.
-- Locks: none that matter; it only creates.
-- Undo: DROP TABLE notification_deliveries; DROP TABLE notifications;

BEGIN;

CREATE TABLE notifications (
    notification_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),  -- receivers see it: a repeated delivery has the same one
    org_id                text NOT NULL DEFAULT 'firm',
    kind                  text NOT NULL,
    dedupe_key            text NOT NULL,
    subject               text NOT NULL,
    body                  text NOT NULL,
    audience              jsonb NOT NULL,  -- [{user, email}]
    facts                 jsonb NOT NULL,  -- for programs: what the text says
    workflow_execution_id uuid REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text,
    created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    routed_at             timestamptz,  -- NULL: not handed to the channels yet
    CONSTRAINT notifications_once UNIQUE (org_id, dedupe_key)
);
CREATE INDEX notifications_unrouted ON notifications (created_at) WHERE routed_at IS NULL;
CREATE INDEX notifications_by_time ON notifications (created_at);
CREATE INDEX notifications_by_execution ON notifications (workflow_execution_id);

CREATE TABLE notification_deliveries (
    notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
    channel         text NOT NULL CHECK (channel IN ('log', 'email', 'webhook')),
    recipient       text NOT NULL,  -- an address; empty where the channel has one receiver
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed')),
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- while one is under way: when another may take it over
    sent_at         timestamptz,
    error           text,  -- why the last attempt failed
    PRIMARY KEY (notification_id, channel, recipient),
    CONSTRAINT notification_deliveries_sent CHECK ((status = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX notification_deliveries_due ON notification_deliveries (next_attempt_at) WHERE status = 'pending';

COMMIT;
