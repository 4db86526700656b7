-- Invoices of providers beside what was recorded and what the usage costs by the lists.
--
-- Why: a cost that nobody compared with what is paid is a guess. A match is evidence: it is added, never changed.
-- Locks: none on existing tables.
-- Undo: DROP TABLE invoice_match_lines, invoice_matches;

BEGIN;

CREATE TABLE invoice_matches (
    invoice_match_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id           text NOT NULL DEFAULT 'firm',
    provider         text NOT NULL CHECK (provider <> ''),
    file_name        text NOT NULL,
    file_sha256      text NOT NULL CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
    first_day        date NOT NULL,
    last_day         date NOT NULL,
    invoiced_usd     numeric(18,6) NOT NULL,  -- of the lines in dollars or in a currency with a rate
    recorded_usd     numeric(18,6) NOT NULL CHECK (recorded_usd >= 0),
    is_agreed        boolean NOT NULL,  -- nothing differs beyond rounding
    price_version    text NOT NULL,
    rates            jsonb NOT NULL,  -- {currency: US dollars}
    matched_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT invoice_matches_days CHECK (first_day <= last_day)
);
CREATE INDEX invoice_matches_by_provider ON invoice_matches (provider, invoice_match_id DESC);

CREATE TABLE invoice_match_lines (
    invoice_match_id bigint NOT NULL REFERENCES invoice_matches,
    period           text NOT NULL,
    model            text NOT NULL,
    cause            text NOT NULL CHECK (cause IN ('agrees', 'rounding', 'missing in ours', 'missing in theirs', 'currency', 'quantity', 'price', 'recording', 'unexplained')),
    amount           numeric(18,6),  -- NULL: not on the invoice
    currency         text,
    tokens           bigint,
    invoiced_usd     numeric(18,6),
    runs             integer NOT NULL CHECK (runs >= 0),
    unpriced         integer NOT NULL CHECK (unpriced BETWEEN 0 AND runs),
    recorded_tokens  bigint,
    recorded_usd     numeric(18,6),
    listed_usd       numeric(18,6),  -- what the recorded usage costs by the lists
    difference_usd   numeric(18,6),
    tolerance_usd    numeric(18,9) NOT NULL,
    quantity_usd     numeric(18,6),  -- the three add up to the difference
    price_usd        numeric(18,6),
    recording_usd    numeric(18,6),
    PRIMARY KEY (invoice_match_id, period, model)
);

CREATE TRIGGER invoice_matches_stay BEFORE UPDATE OR DELETE ON invoice_matches
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER invoice_match_lines_stay BEFORE UPDATE OR DELETE ON invoice_match_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

COMMIT;
