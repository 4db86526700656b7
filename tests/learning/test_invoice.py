"""Invoices compared with a firm's recorded runs."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.monitoring.invoice_line import InvoiceLine
from prisma_assets.learning.invoice import Invoice, reconcile
from tests.learning.conftest import DAY, Facts, at

LINE = InvoiceLine(
    period=DAY.isoformat(), model="gpt-4.1", amount=Decimal("2.80"), currency="USD", tokens_in=1_000_000, tokens_out=100_000,
    tokens_cached=None,
)  # fmt: skip
# List of April 2025: 2 USD a million read, 8 written.
RUN = {"provider": "openai", "model": "gpt-4.1", "tokens_in": 500_000, "tokens_out": 50_000, "cost_usd": "1.40"}  # fmt: skip


def compared(facts: Facts, *lines: InvoiceLine, **about):
    made = Invoice(provider="openai", file_name="october.csv", file_sha256="0" * 64, lines=lines, **about)  # fmt: skip
    return facts.do(reconcile, made)


@pytest.fixture
def used(facts) -> Facts:
    facts.run(**RUN)
    facts.run(**RUN)
    return facts


def test_an_invoice_that_agrees_is_kept_as_such(used):
    """Two runs of 1.40 are one line of 2.80."""
    found = compared(used, LINE)

    assert found.differing == []
    ((provider, agreed, asked, ours),) = used.query("select provider, is_agreed, invoiced_usd, recorded_usd from invoice_matches")  # fmt: skip
    assert (provider, agreed, asked, ours) == ("openai", True, Decimal("2.80"), Decimal("2.80"))
    assert used.query("select cause, runs, listed_usd from invoice_match_lines") == [("agrees", 2, Decimal("2.80"))]  # fmt: skip


def test_every_cause_is_told_from_real_records(used):
    """A call nobody recorded, one nobody billed, a discount, and a run that was stored without its cost."""
    used.run(**{**RUN, "model": "gpt-4.1-mini", "cost_usd": "0.28"})
    used.run(**{**RUN, "model": "gpt-4o", "cost_usd": None})
    lines = (
        replace(LINE, amount=Decimal("2.52")),
        replace(LINE, model="o3", amount=Decimal("0.07"), tokens_in=None, tokens_out=None),
        # 2.50 a million read, 10 written.
        replace(LINE, model="gpt-4o", amount=Decimal("1.75"), tokens_in=500_000, tokens_out=50_000),
    )
    found = compared(used, *lines)

    assert {m.model: (m.cause, m.difference_usd) for m in found.matches} == {
        "gpt-4.1": ("price", Decimal("-0.28")),
        "gpt-4.1-mini": ("missing in theirs", Decimal("-0.28")),
        "gpt-4o": ("recording", Decimal("1.75")),
        "o3": ("missing in ours", Decimal("0.07")),
    }
    assert found.differing[0].model == "gpt-4o"


def test_a_month_and_lines_apart_for_what_was_read_and_written(used):
    """Providers bill both apart; a month takes all its days, and another provider's runs are not in it."""
    used.run(**RUN, started_at=at(day=DAY + timedelta(days=3)))
    used.run(**{**RUN, "provider": "azure.ai.openai"})
    month = DAY.isoformat()[:7]
    read = replace(LINE, period=month, amount=Decimal("3.00"), tokens_in=1_500_000, tokens_out=None)
    written = replace(
        LINE, period=month, amount=Decimal("1.20"), tokens_in=None, tokens_out=150_000
    )
    found = compared(used, read, written)

    (one,) = found.matches
    assert (one.cause, one.invoiced_usd, one.tolerance_usd > Decimal("0.01")) == ("agrees", Decimal("4.20"), True)  # fmt: skip
    assert (found.first_day.day, (found.last_day + timedelta(days=1)).day) == (1, 1)


def test_a_model_may_have_another_name_on_the_invoice(used):
    """The dated name of what runs call by its short one."""
    dated = replace(LINE, model="gpt-4.1-2025-04-14")
    assert len(compared(used, dated).differing) == 2
    assert compared(used, dated, names={"gpt-4.1-2025-04-14": "gpt-4.1"}).differing == []


def test_a_price_by_the_length_of_a_call_is_not_read_off_a_sum(facts):
    """A million tokens of many short calls are cheaper than one call of a million: the parts cannot be told."""
    facts.run(provider="google", model="gemini-2.5-pro", tokens_in=100_000, tokens_out=0, cost_usd="0.125")  # fmt: skip
    line = replace(LINE, model="gemini-2.5-pro", amount=Decimal("0.25"), tokens_in=1_000_000, tokens_out=0)  # fmt: skip
    (one,) = facts.do(
        reconcile, Invoice(provider="google", file_name="g", file_sha256="0" * 64, lines=[line])
    ).matches
    assert (one.cause, one.quantity_usd) == ("quantity", None)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "has no lines"),
        ((LINE, replace(LINE, period="2026-03")), "has days and months"),
        ((LINE, replace(LINE, currency="EUR")), "in USD and EUR"),
    ],
)
def test_what_cannot_be_compared_leaves_nothing_behind(used, lines, said):
    """A sentence, and no half of a match."""
    with pytest.raises(InputError, match=said):
        compared(used, *lines)
    assert used.query("select count(*) from invoice_matches") == [(0,)]


def test_a_misspelt_provider_is_no_missing_usage(used):
    """Of one nobody has heard of everything is missing; one that is almost known is a slip."""
    used.count(DAY)
    with pytest.raises(InputError, match="did you mean 'openai'"):
        used.do(
            reconcile, Invoice(provider="opnai", file_name="i", file_sha256="0" * 64, lines=[LINE])
        )
    stranger = Invoice(provider="mistral_ai", file_name="i", file_sha256="0" * 64, lines=[LINE])
    assert [m.cause for m in used.do(reconcile, stranger).matches] == ["missing in ours"]


def test_a_match_stays_as_it_was_found(used):
    """It is evidence."""
    compared(used, LINE)
    for statement in (
        "update invoice_matches set is_agreed = false",
        "delete from invoice_match_lines",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
            used.query(statement)
