-- provider_usage --
-- Runs of a provider's models on one UTC day, those that used equally many tokens together. Key: model and the four counts.
select model, tokens_in, tokens_out, tokens_cached, tokens_reasoning, count(*)::int as runs,
    count(*) filter (where cost_usd is null)::int as unpriced, coalesce(sum(cost_usd), 0) as cost_usd
from agent_run_facts
where started_at >= %(start)s and started_at < %(end)s and provider = %(provider)s and model is not null
group by 1, 2, 3, 4, 5

-- recorded_providers --
-- Providers whose models ran on some days. Key: provider.
select distinct provider from spend_daily where day between %(since)s and %(until)s and provider is not null and model is not null order by 1

-- insert_invoice_match --
-- An invoice that was compared, with its lines.
with made as (
    insert into invoice_matches (provider, file_name, file_sha256, first_day, last_day, invoiced_usd, recorded_usd, is_agreed, price_version, rates)
    values (%(provider)s, %(file_name)s, %(file_sha256)s, %(first_day)s, %(last_day)s, %(invoiced_usd)s, %(recorded_usd)s, %(is_agreed)s,
        %(price_version)s, %(rates)s)
    returning invoice_match_id
), told as (
    insert into invoice_match_lines
    select made.invoice_match_id, r.*
    from made, json_to_recordset(%(lines)s::json) as r (
        period text, model text, cause text, amount numeric, currency text, tokens bigint, invoiced_usd numeric, runs integer,
        unpriced integer, recorded_tokens bigint, recorded_usd numeric, listed_usd numeric, difference_usd numeric, tolerance_usd numeric,
        quantity_usd numeric, price_usd numeric, recording_usd numeric)
)
select invoice_match_id from made

-- invoice_matches --
-- Invoices that were compared, the latest first. Key: invoice_match_id.
select invoice_match_id, provider, file_name, first_day, last_day, invoiced_usd, recorded_usd, is_agreed, matched_at
from invoice_matches
order by invoice_match_id desc
limit %(limit)s
