"""What the company pays its suppliers, the payments made twice included.

How the payables arose does not belong here: that is `purchasing`.
"""

from dataclasses import dataclass

import numpy as np

from prisma_assets.engagement.sample.apportion import Cents, Index, log_normal
from prisma_assets.engagement.sample.ledger import PAYMENTS, Ledger, Leg, interface_entries
from prisma_assets.engagement.sample.office import Days, moved, within_year
from prisma_assets.engagement.sample.people import Texts
from prisma_assets.engagement.sample.planted import Plan
from prisma_assets.engagement.sample.purchasing import SupplierInvoices
from prisma_assets.engagement.sample.settlement import Items, settle

USUAL_DELAY = 24.0
"""Days to payment before the pace is applied; rent is paid within a few."""
PAID_IN_PARTS = 0.03
"""Share of invoices paid in two unequal instalments."""
REISSUED = 4
"""Payments voided and made again, which is no error: the void stands between them."""
ORDINARY = (0.30, 0.75)
"""Quantiles of the invoice amounts between which a duplicated payment lies."""


@dataclass(frozen=True, kw_only=True)
class SupplierPayments:
    """Payments in order of date."""

    payment_id: Texts
    date: Days
    supplier: Index
    invoice_number: Texts
    amount: Cents
    """Voids negative."""
    journal: Index
    is_duplicate: np.ndarray
    """The later of two payments of the same invoice."""


@dataclass(frozen=True, kw_only=True)
class _Extra:
    """Payments besides the one that settles each invoice."""

    item: Index
    date: Days
    sign: Index


def pay_suppliers(
    rng: np.random.Generator, ledger: Ledger, plan: Plan, invoices: SupplierInvoices
) -> SupplierPayments:
    """Post payments until the payable account reaches its balance."""
    count = len(invoices.amount)
    is_single = rng.random(count) >= PAID_IN_PARTS
    share = np.where(is_single | invoices.is_rent, 0.0, rng.uniform(0.55, 0.8, size=count))
    delay = USUAL_DELAY * log_normal(rng, count, sigma=0.4)
    items = Items(
        date=invoices.date,
        amount=invoices.amount,
        delay=np.where(invoices.is_rent, 0.1, delay),
        part=(invoices.amount * share).astype(np.int64),
    )
    twice = _paid_twice(rng, plan, items, invoices)
    # What is paid twice leaves suppliers owing: more invoices stay open for the account to reach its balance.
    overpaid = int(items.amount[twice].sum())
    payments = settle(items, -ledger.accounts["2010"].ending_cents + overpaid)
    settled = np.zeros(count, dtype="datetime64[D]")
    settled[payments.item] = payments.date
    again = _Extra(
        item=twice,
        date=within_year(moved(settled[twice], rng.integers(3, 45, size=len(twice)))),
        sign=np.ones(len(twice), dtype=np.int64),
    )
    reissued = _reissued(rng, items, settled, twice)
    item = np.concatenate([payments.item, again.item, reissued.item])
    date = np.concatenate([payments.date, again.date, reissued.date])
    extra = [again.sign * items.amount[again.item], reissued.sign * items.amount[reissued.item]]
    amount = np.concatenate([payments.amount, *extra])
    is_again = np.concatenate(
        [np.zeros(len(payments.item)), np.ones(len(twice)), np.zeros(len(reissued.item))]
    )
    order = np.lexsort((is_again, date))
    item, date, amount, is_duplicate = item[order], date[order], amount[order], is_again[order] > 0
    payment_id = np.array([f"PAY-{number:06d}" for number in range(1, len(item) + 1)], dtype=object)
    number = invoices.number[item]
    header = np.where(amount < 0, "Payment voided", "Payment to supplier").astype(object)
    journal = ledger.post(
        interface_entries(
            rng,
            date,
            by=PAYMENTS,
            header=header,
            document=payment_id,
            legs=(
                Leg(account="2010", cents=amount, text=number),
                Leg(account="1010", cents=-amount, text="Bank"),
            ),
        )
    )
    return SupplierPayments(
        payment_id=payment_id,
        date=date,
        supplier=invoices.supplier[item],
        invoice_number=number,
        amount=amount,
        journal=journal,
        is_duplicate=is_duplicate,
    )


def _paid_twice(
    rng: np.random.Generator, plan: Plan, items: Items, invoices: SupplierInvoices
) -> Index:
    """Invoices of ordinary amount, of different suppliers, early enough to be paid twice within the year."""
    low, high = np.quantile(items.amount, ORDINARY)
    fits = (
        (items.amount >= low)
        & (items.amount <= high)
        & (items.part == 0)
        & ~invoices.is_rent
        & (items.date < np.datetime64("2009-09-15"))
        & (items.date > np.datetime64("2009-01-05"))
    )
    candidates = rng.permutation(np.flatnonzero(fits))
    first_of_supplier = np.unique(invoices.supplier[candidates], return_index=True)[1]
    return candidates[np.sort(first_of_supplier)][: plan.duplicate_payments]


def _reissued(rng: np.random.Generator, items: Items, settled: Days, twice: Index) -> _Extra:
    is_free = (items.part == 0) & (items.date < np.datetime64("2009-10-01"))
    chosen = rng.choice(np.setdiff1d(np.flatnonzero(is_free), twice), size=REISSUED, replace=False)
    void = moved(settled[chosen], 2)
    return _Extra(
        item=np.concatenate([chosen, chosen]),
        date=np.concatenate([void, moved(void, 3)]),
        sign=np.repeat(np.array([-1, 1]), REISSUED),
    )
