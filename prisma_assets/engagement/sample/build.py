"""Puts the sample company's books together from a seed: every table, and where the errors are.

Writing files does not belong here: that is `write`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prisma_assets.domain.audit.score import PlantedError, PlantedErrors
from prisma_assets.engagement.sample.apportion import Cents
from prisma_assets.engagement.sample.figures import (
    Account,
    Figures,
    chart_of_accounts,
    read_figures,
)
from prisma_assets.engagement.sample.ledger import Ledger, LedgerLines
from prisma_assets.engagement.sample.manual import (
    PlantedEntries,
    accrue_and_reverse,
    key_unusual_entries,
    reclassify,
)
from prisma_assets.engagement.sample.payable import SupplierPayments, pay_suppliers
from prisma_assets.engagement.sample.people import Texts, customer_names, supplier_names
from prisma_assets.engagement.sample.planted import plan_errors
from prisma_assets.engagement.sample.purchasing import buy
from prisma_assets.engagement.sample.receivable import Receivables, collect
from prisma_assets.engagement.sample.revenue import Sales, sell
from prisma_assets.engagement.sample.routine import (
    pay_wages,
    post_routine,
    read_routine,
    sell_over_the_counter,
)
from prisma_assets.engagement.sample.size import Size, size_for


@dataclass(frozen=True, kw_only=True)
class SampleBooks:
    """The finished books."""

    figures: Figures
    accounts: dict[str, Account]
    ledger: LedgerLines
    sales: Sales
    receivables: Receivables
    payments: SupplierPayments
    planted_entries: PlantedEntries
    customer_id: Texts
    customer_name: Texts
    supplier_id: Texts
    supplier_name: Texts


def build_books(*, seed: int, lines: int) -> SampleBooks:
    """Make the books; the same seed and lines give the same books.

    Args:
        seed: 0 or more.
        lines: Ledger lines wanted at least, within the bounds of `size`.
    """
    figures, size = read_figures(), size_for(lines)
    rng = np.random.default_rng(seed)
    ledger = Ledger(chart_of_accounts(figures, rng))
    plan = plan_errors(rng)
    routine = read_routine()
    entries = key_unusual_entries(rng, ledger, plan)
    reclassify(rng, ledger, count=size.reclassifications)
    accrue_and_reverse(rng, ledger)
    post_routine(rng, ledger, routine.close)
    sales = sell(rng, ledger, size, plan)
    invoices = buy(rng, ledger, size)
    pay_wages(rng, ledger, regions=size.payroll_regions)
    receivables = collect(rng, ledger, size, plan, sales)
    payments = pay_suppliers(rng, ledger, plan, invoices)
    sell_over_the_counter(rng, ledger, lines=lines)
    post_routine(rng, ledger, routine.settlement)
    return SampleBooks(
        figures=figures,
        accounts=ledger.accounts,
        ledger=ledger.finish(),
        sales=sales,
        receivables=receivables,
        payments=payments,
        planted_entries=entries,
        **_parties(rng, size),
    )


def planted_errors(books: SampleBooks, *, seed: int) -> PlantedErrors:
    """Where the errors are, by the numbers the tables carry."""
    planted = (
        *_sales_errors(books),
        *_payment_errors(books),
        *_entry_errors(books),
        *_limit_errors(books),
    )
    return PlantedErrors(seed=seed, planted=planted)


def _parties(rng: np.random.Generator, size: Size) -> dict[str, Texts]:
    return {
        "customer_id": _ids("C-", 10_001, size.customers),
        "customer_name": customer_names(rng, size.customers),
        "supplier_id": _ids("V-", 20_001, size.suppliers),
        "supplier_name": supplier_names(rng, size.suppliers),
    }


def _ids(prefix: str, first: int, count: int) -> Texts:
    return np.array([f"{prefix}{number}" for number in range(first, first + count)], dtype=object)


def _sales_errors(books: SampleBooks) -> Iterator[PlantedError]:
    sales = books.sales
    for kind, rows, wording in (
        ("unshipped_invoice", sales.is_unshipped, "Nothing was ever shipped for this invoice."),
        ("cut_off_error", sales.is_cut_off, "Invoiced in the year, shipped after its end."),
    ):
        ids, amounts = sales.invoice_id[rows].tolist(), sales.amount[rows].tolist()
        for record, amount in zip(ids, amounts, strict=True):
            yield _error(kind, "invoices_generated", record, amount, wording)


def _payment_errors(books: SampleBooks) -> Iterator[PlantedError]:
    payments, rows = books.payments, books.payments.is_duplicate
    ids, amounts = payments.payment_id[rows].tolist(), payments.amount[rows].tolist()
    for record, amount in zip(ids, amounts, strict=True):
        wording = "Pays an invoice that was paid before."
        yield _error("duplicate_payment", "payments_made", record, amount, wording)


def _entry_errors(books: SampleBooks) -> Iterator[PlantedError]:
    entries, ids = books.planted_entries, books.ledger.journal_ids
    wording = "Round sum keyed by somebody who hardly ever keys entries."
    for row, amount in _pairs(entries.round_sum, entries.round_sum_cents):
        yield _error("round_sum_manual_entry", "gl_detail", ids[row], amount, wording)
    wording = "Debits and credits differ."
    for row, amount in _pairs(entries.unbalanced, entries.unbalanced_cents):
        yield _error("unbalanced_entry", "gl_detail", ids[row], amount, wording)


def _limit_errors(books: SampleBooks) -> Iterator[PlantedError]:
    receivables = books.receivables
    owed = np.zeros(len(books.customer_id), dtype=np.int64)
    np.add.at(owed, receivables.open_customer, receivables.open_amount)
    rows = np.flatnonzero(receivables.is_over_limit)
    for row, excess in _pairs(rows, owed[rows] - receivables.credit_limit[rows]):
        wording = "Owes more at the year's end than the credit limit allows."
        record = books.customer_id[row]
        yield _error("over_limit_customer", "customer_master", record, excess, wording)


def _pairs(rows: Cents, amounts: Cents) -> Iterator[tuple[int, int]]:
    yield from zip(rows.tolist(), amounts.tolist(), strict=True)


def _error(kind: str, table: str, record: str, amount: int, wording: str) -> PlantedError:
    return PlantedError(
        kind=kind, table=table, record_id=record, amount_cents=amount, description=wording
    )
