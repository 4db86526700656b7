"""Sales on account: orders, shipments, invoices and credit notes, and their entries.

Who pays does not belong here (`receivable`), nor sales over the counter (`counter`).
"""

from dataclasses import dataclass

import numpy as np

from prisma_assets.engagement.sample.apportion import (
    Cents,
    Index,
    Weights,
    apportion,
    log_normal,
    sums_by,
)
from prisma_assets.engagement.sample.ledger import SALES, Ledger, Leg, interface_entries
from prisma_assets.engagement.sample.office import (
    FIRST_DAY,
    LAST_DAY,
    YEAR,
    Days,
    business_days,
    moved,
    season_days,
    within_year,
)
from prisma_assets.engagement.sample.people import Texts
from prisma_assets.engagement.sample.planted import Plan
from prisma_assets.engagement.sample.size import Size

PRODUCTS = ("10", "20", "30", "40", "50", "60", "70", "80")
"""Product lines: sales account 40xx, cost of sales 50xx."""
ON_ACCOUNT = 0.78
"""Share of sales that is invoiced; the rest goes over the counter."""
SIGMA = 1.25
"""Spread of invoice amounts. The fractional part of log10 of a log-normal amount is wrapped normal; its density departs
from Benford's uniform one by 2 exp(-2 pi^2 SIGMA^2 / ln(10)^2) = 0.6 % (Mardia and Jupp 2000, equation 3.5.64)."""
TYPICAL = (-1.2, 0.0)
"""Deviations a planted invoice's amount lies between: an error hides in an ordinary amount."""


@dataclass(frozen=True, kw_only=True)
class Sales:
    """Invoices in order of date, one row each; credit notes are rows of their own behind them."""

    invoice_id: Texts
    invoice_date: Days
    customer: Index
    order: Index
    """Row of `order_*`."""
    amount: Cents
    journal: Index
    is_credit_note: np.ndarray
    is_unshipped: np.ndarray
    is_cut_off: np.ndarray
    order_id: Texts
    order_date: Days
    order_customer: Index
    order_amount: Cents
    shipment_date: Days
    shipment_order: Index
    shipment_invoice_id: Texts


@dataclass(frozen=True, kw_only=True)
class _Invoices:
    """Invoices before they have amounts."""

    date: Days
    customer: Index
    order: Index
    is_unshipped: np.ndarray
    is_cut_off: np.ndarray
    free: Index
    """Rows nothing is planted in and that share their order with no other."""


def sell(rng: np.random.Generator, ledger: Ledger, size: Size, plan: Plan) -> Sales:
    """Make the year's sales on account and post them."""
    invoices = _invoices(rng, size, plan)
    invoice_id = _numbered(f"INV-{YEAR % 100:02d}-", len(invoices.date))
    amount, journal = _post_invoices(rng, ledger, invoices, invoice_id)
    notes = _credit_notes(rng, ledger, size, invoices, amount)
    count, note_count = len(amount), len(notes.amount)
    shipped = _shipments(rng, invoices, invoice_id)
    order_count = int(invoices.order.max()) + 1
    first = np.full(order_count, count, dtype=np.int64)
    np.minimum.at(first, invoices.order, np.arange(count))
    nothing = np.zeros(note_count, dtype=bool)
    return Sales(
        invoice_id=np.concatenate([invoice_id, notes.note_id]),
        invoice_date=np.concatenate([invoices.date, notes.date]),
        customer=np.concatenate([invoices.customer, invoices.customer[notes.invoice]]),
        order=np.concatenate([invoices.order, invoices.order[notes.invoice]]),
        amount=np.concatenate([amount, -notes.amount]),
        journal=np.concatenate([journal, notes.journal]),
        is_credit_note=np.concatenate([np.zeros(count, dtype=bool), ~nothing]),
        is_unshipped=np.concatenate([invoices.is_unshipped, nothing]),
        is_cut_off=np.concatenate([invoices.is_cut_off, nothing]),
        order_id=_numbered("SO-", order_count, start=48_101),
        order_date=moved(invoices.date[first], -rng.integers(2, 15, size=order_count)),
        order_customer=invoices.customer[first],
        order_amount=sums_by(invoices.order, amount, order_count),
        shipment_date=shipped[0],
        shipment_order=shipped[1],
        shipment_invoice_id=shipped[2],
    )


def _invoices(rng: np.random.Generator, size: Size, plan: Plan) -> _Invoices:
    count = size.invoices
    last_week = business_days(LAST_DAY - np.timedelta64(8, "D"), LAST_DAY)
    dates = np.concatenate(
        [
            rng.choice(last_week, size=plan.cut_off_errors),
            season_days(rng, count - plan.cut_off_errors),
        ]
    )
    is_cut_off = np.arange(count) < plan.cut_off_errors
    by_date = np.argsort(dates, kind="stable")
    dates, is_cut_off = dates[by_date], is_cut_off[by_date]
    weights = log_normal(rng, size.customers, sigma=0.9)
    customer = rng.choice(size.customers, size=count, p=weights / weights.sum())
    plain = np.flatnonzero(~is_cut_off)
    chosen = rng.choice(plain, size=plan.unshipped_invoices, replace=False)
    is_unshipped = np.zeros(count, dtype=bool)
    is_unshipped[chosen] = True
    free = np.flatnonzero(~is_cut_off & ~is_unshipped)
    order, alone = _shared_orders(rng, free, customer)
    return _Invoices(
        date=dates,
        customer=customer,
        order=order,
        is_unshipped=is_unshipped,
        is_cut_off=is_cut_off,
        free=alone,
    )


def _shared_orders(rng: np.random.Generator, free: Index, customer: Index) -> tuple[Index, Index]:
    """Let one invoice in twenty bill the second part of the order before it; changes `customer`.

    Returns:
        The order's row per invoice, and the rows that share their order with no other.
    """
    pairs = rng.choice(len(free) // 2, size=len(free) // 20, replace=False) * 2
    first, second = free[pairs], free[pairs + 1]
    customer[second] = customer[first]
    own = np.arange(len(customer))
    own[second] = first
    order = np.unique(own, return_inverse=True)[1].astype(np.int64)
    return order, np.setdiff1d(free, np.concatenate([first, second]))


def _post_invoices(
    rng: np.random.Generator, ledger: Ledger, invoices: _Invoices, invoice_id: Texts
) -> tuple[Cents, Index]:
    """Post an entry per invoice with one or two product lines.

    Returns:
        The invoices' amounts and the entries' rows.
    """
    count = len(invoices.date)
    second = rng.permutation(count)[: count // 2]
    entry = np.concatenate([np.arange(count), second])
    product, weight = _product_lines(rng, invoices, entry, count)
    sales, cost = np.zeros(len(entry), dtype=np.int64), np.zeros(len(entry), dtype=np.int64)
    for row, code in enumerate(PRODUCTS):
        mine = product == row
        sales[mine] = apportion(int(-ledger.remaining(f"40{code}") * ON_ACCOUNT), weight[mine])
        cost_weight = weight[mine] * rng.uniform(0.93, 1.07, size=int(mine.sum()))
        cost[mine] = apportion(int(ledger.remaining(f"50{code}") * ON_ACCOUNT), cost_weight)
    amount = sums_by(entry, sales, count)
    sales_account, cost_account = product_accounts(product)
    journal = ledger.post(
        interface_entries(
            rng,
            invoices.date,
            by=SALES,
            header="Sales invoice",
            document=invoice_id,
            legs=(
                Leg(account="1200", cents=amount, text="Invoice to customer"),
                Leg(account=sales_account, cents=-sales, entry=entry, text="Goods sold"),
                Leg(account=cost_account, cents=cost, entry=entry, text="Cost of goods sold"),
                Leg(account="1310", cents=-sums_by(entry, cost, count), text="Goods issued"),
            ),
        )
    )
    return amount, journal


def product_accounts(product: Index) -> tuple[Texts, Texts]:
    """Sales and cost of sales account of each product row."""
    sales = np.array([f"40{code}" for code in PRODUCTS], dtype=object)
    cost = np.array([f"50{code}" for code in PRODUCTS], dtype=object)
    return sales[product], cost[product]


def _product_lines(
    rng: np.random.Generator, invoices: _Invoices, entry: Index, count: int
) -> tuple[Index, Weights]:
    """Product and size of each invoice line; every product has lines, however few there are."""
    product = rng.permutation(np.arange(len(entry)) % len(PRODUCTS))
    customer_size = log_normal(rng, int(invoices.customer.max()) + 1, sigma=0.45)
    weight = log_normal(rng, len(entry), sigma=SIGMA) * customer_size[invoices.customer[entry]]
    planted = (invoices.is_unshipped | invoices.is_cut_off)[entry]
    weight[planted] = np.exp(SIGMA * rng.uniform(*TYPICAL, size=int(planted.sum())))
    weight[count:] *= 0.35  # the second product of an invoice is the smaller one
    return product, weight


@dataclass(frozen=True, kw_only=True)
class _CreditNotes:
    note_id: Texts
    date: Days
    invoice: Index
    """Row of the invoice it corrects."""
    amount: Cents
    journal: Index


def _credit_notes(
    rng: np.random.Generator, ledger: Ledger, size: Size, invoices: _Invoices, amount: Cents
) -> _CreditNotes:
    early = invoices.free[invoices.date[invoices.free] < np.datetime64("2009-12-10")]
    chosen = rng.choice(early, size=size.credit_notes, replace=False)
    dates = within_year(moved(invoices.date[chosen], rng.integers(4, 30, size=len(chosen))))
    by_date = np.argsort(dates, kind="stable")
    chosen, dates = chosen[by_date], dates[by_date]
    share = rng.uniform(0.2, 0.6, size=len(chosen))
    credited = apportion(ledger.remaining("4900"), amount[chosen] * share)
    note_id = _numbered(f"CN-{YEAR % 100:02d}-", len(chosen))
    journal = ledger.post(
        interface_entries(
            rng,
            dates,
            by=SALES,
            header="Credit note",
            document=note_id,
            legs=(
                Leg(account="4900", cents=credited, text="Price or quantity allowance"),
                Leg(account="1200", cents=-credited, text="Credit to customer"),
            ),
        )
    )
    return _CreditNotes(
        note_id=note_id, date=dates, invoice=chosen, amount=credited, journal=journal
    )


def _shipments(
    rng: np.random.Generator, invoices: _Invoices, invoice_id: Texts
) -> tuple[Days, Index, Texts]:
    """Date, order and invoice of each shipment, in order of date.

    Besides the ordinary ones: goods that leave a day or two after their invoice but inside the year, orders shipped
    in two parts, back orders shipped (and invoiced) in the new year, and the planted ones after the year's end.
    """
    count = len(invoices.date)
    date = moved(invoices.date, -rng.integers(0, 3, size=count))
    date = np.where(date < FIRST_DAY, invoices.date, date)
    later = moved(invoices.date, rng.integers(1, 3, size=count))
    date = np.where((rng.random(count) < 0.06) & (later <= LAST_DAY), later, date)
    after = moved(np.full(count, LAST_DAY), rng.integers(1, 8, size=count))
    date = np.where(invoices.is_cut_off, after, date)
    shipped = np.flatnonzero(~invoices.is_unshipped)
    part = rng.choice(invoices.free, size=len(invoices.free) // 12, replace=False)
    part_date = np.maximum(moved(date[part], -rng.integers(1, 4, size=len(part))), FIRST_DAY)
    autumn = invoices.free[invoices.date[invoices.free] > np.datetime64("2009-12-01")]
    back = rng.choice(autumn, size=min(5, len(autumn)), replace=False)
    back_date = moved(np.full(len(back), LAST_DAY), rng.integers(1, 8, size=len(back)))
    all_dates = np.concatenate([date[shipped], part_date, back_date])
    orders = invoices.order[np.concatenate([shipped, part, back])]
    bills = np.concatenate(
        [invoice_id[shipped], invoice_id[part], _numbered(f"INV-{YEAR % 100 + 1:02d}-", len(back))]
    )
    by_date = np.argsort(all_dates, kind="stable")
    return all_dates[by_date], orders[by_date], bills[by_date]


def _numbered(prefix: str, count: int, *, start: int = 1) -> Texts:
    return np.array(
        [f"{prefix}{number:05d}" for number in range(start, start + count)], dtype=object
    )
