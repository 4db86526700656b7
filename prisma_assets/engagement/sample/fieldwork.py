"""What the fictional team's sampling showed: the items its plan draws, each with its audited amount.

The results are part of the engagement's facts, because only people can obtain them; the items follow from the plan, so
they are drawn with the audit's own procedures. A team that changes its plan has to obtain new results, as in life.
"""

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pandas as pd

from prisma_assets.domain.audit import materiality, risk, sampling
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Engagement, SampleResult
from prisma_assets.domain.audit.key_figure import key_figures
from prisma_assets.domain.audit.materiality import NotDetermined
from prisma_assets.domain.audit.outcome import Outcome
from prisma_assets.domain.errors import PrismaError
from prisma_assets.engagement.sample.build import SampleBooks
from prisma_assets.engagement.sample.figures import CENTS_PER_THOUSAND


def sample_results(books: SampleBooks, engagement: Engagement) -> Iterator[SampleResult]:
    """The audited amount of every item the plan draws: the book amount, or nothing where the record is an error.

    Raises:
        PrismaError: No materiality follows from the statements; the generator is wrong.
    """
    tables = _tables(books)
    plan = _plan(tables, engagement)
    wrong = _records_that_are_errors(books)
    for outcome, table, key, amount in (
        (sampling.sample_receivables(tables, plan), "open_accounts_receivable", "invoice_id", "open_amount_cents"),
        (sampling.sample_payments(tables, plan), "payments_made", "payment_id", "payment_amount_cents"),
    ):  # fmt: skip
        frame = tables.tables[table]
        book = dict(zip(frame[key].tolist(), frame[amount].tolist(), strict=True))
        yield from (_result(record, book[record], wrong) for record in _selected(outcome))


def _plan(tables: Books, engagement: Engagement) -> sampling.SamplePlan:
    strategy = engagement.strategy
    level = risk.statement_risk(
        engagement, tied_out=True, significant_risks=len(strategy.significant_risks)
    ).level
    found = materiality.determine(key_figures(tables), strategy, level)
    if isinstance(found, NotDetermined):
        raise PrismaError(f"the sample's statements give no materiality: {found.reason}")
    return sampling.SamplePlan(
        tolerable_cents=found.performance_cents,
        expected_misstatement_pct=float(strategy.expected_misstatement_pct),
        confidence_pct=strategy.confidence_pct,
        seed=strategy.sampling_seed,
    )


def _selected(outcome: Outcome) -> list[str]:
    return list(outcome.figures["selected"])


def _result(record: str, cents: int, wrong: dict[str, str]) -> SampleResult:
    note = wrong.get(record, "")
    audited = Decimal(0) if note else Decimal(cents).scaleb(-2)
    return SampleResult(record_id=record, audited_amount=audited, note=note)


def _records_that_are_errors(books: SampleBooks) -> dict[str, str]:
    sales, payments = books.sales, books.payments
    return {
        **dict.fromkeys(sales.invoice_id[sales.is_unshipped], "no delivery could be shown"),
        **dict.fromkeys(sales.invoice_id[sales.is_cut_off], "delivered in the next year"),
        **dict.fromkeys(payments.payment_id[payments.is_duplicate], "invoice had been paid before"),
    }


def _tables(books: SampleBooks) -> Books:
    """The tables the plan and the selection look at, rows in the order of the files."""
    lines = books.figures.lines
    items, payments = books.receivables, books.payments
    statements = {
        "line_id": _text([line.id for line in lines]),
        "statement": _text([line.statement for line in lines]),
        "caption": _text([line.caption for line in lines]),
        "amount_cents": np.array([line.amount for line in lines]) * CENTS_PER_THOUSAND,
        "amount_prior_year_cents": np.array([line.prior for line in lines]) * CENTS_PER_THOUSAND,
    }
    receivables = {
        "invoice_id": _text(items.open_invoice_id.tolist()),
        "open_amount_cents": items.open_amount,
    }
    paid = {
        "payment_id": _text(payments.payment_id.tolist()),
        "payment_amount_cents": payments.amount,
    }
    return Books(
        tables={
            "financial_statements": pd.DataFrame(statements),
            "open_accounts_receivable": pd.DataFrame(receivables),
            "payments_made": pd.DataFrame(paid),
        }
    )


def _text(values: list[str]) -> pd.Series:
    return pd.Series(values, dtype="string")
