"""Suppliers' invoices: goods, rents, running costs, prepayments and projects, and their entries.

When they are paid does not belong here: that is `payable`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prisma_assets.engagement.sample.apportion import Cents, Index, apportion, log_normal
from prisma_assets.engagement.sample.ledger import PURCHASING, Ledger, Leg, interface_entries
from prisma_assets.engagement.sample.office import (
    FIRST_DAY,
    MONTH_STARTS,
    YEAR,
    Days,
    moved,
    season_days,
)
from prisma_assets.engagement.sample.people import Texts
from prisma_assets.engagement.sample.revenue import PRODUCTS
from prisma_assets.engagement.sample.size import Size

RENTS = {"6210": 12, "6220": 3}
"""Rent accounts and how many landlords share each."""
RENT_SHARE = 0.96
"""Share of a rent account that is equal monthly rent; the rest is settled by separate invoices."""
SERVICE_SHARE = 0.35
"""Share of suppliers that sell services rather than goods."""
PREPAYMENTS = {"1420": 3, "1440": 5}
"""Accounts filled by a few yearly invoices, and how many."""
ACQUISITION_DAY = np.datetime64("2009-06-30", "D")
ACQUIRED_INVOICES = 9
PROJECT_INVOICES = 36
"""Invoices for construction in progress."""


@dataclass(frozen=True, kw_only=True)
class SupplierInvoices:
    """Suppliers' invoices, one row each: last year's open ones, rents, and then the rest by sort."""

    supplier: Index
    number: Texts
    date: Days
    amount: Cents
    is_rent: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Invoices of one sort before they are posted."""

    account: Texts
    supplier: Index
    date: Days
    amount: Cents
    header: str
    is_rent: bool = False


class _NumberSeries:
    """Each supplier's own invoice numbers; plain ones of different suppliers coincide now and then."""

    def __init__(self, rng: np.random.Generator, suppliers: int) -> None:
        self._style = rng.integers(0, 3, size=suppliers)
        self._next = rng.integers(10, 60, size=suppliers) * 100

    def take(self, suppliers: Index) -> Texts:
        """The next number of each supplier, in order."""
        return np.array([self._one(supplier) for supplier in suppliers.tolist()], dtype=object)

    def _one(self, supplier: int) -> str:
        number = int(self._next[supplier])
        self._next[supplier] += 1
        return (f"{number}", f"{number}/{YEAR % 100:02d}", f"S-{number:06d}")[self._style[supplier]]


def buy(rng: np.random.Generator, ledger: Ledger, size: Size) -> SupplierInvoices:
    """Make the year's supplier invoices and post them; fills every account whose flow is payables."""
    series = _NumberSeries(rng, size.suppliers)
    taken_over = [_opening(rng, ledger, size), _acquired(rng, ledger, size)]
    numbers, batches = [series.take(batch.supplier) for batch in taken_over], taken_over
    for batch in _batches(rng, ledger, size):
        number = series.take(batch.supplier)
        legs = (
            Leg(account=batch.account, cents=batch.amount, text=batch.header),
            Leg(account="2010", cents=-batch.amount, text="Owed to supplier"),
        )
        ledger.post(
            interface_entries(
                rng,
                batch.date,
                by=PURCHASING,
                header=batch.header,
                document=number,
                legs=legs,
            )
        )
        numbers.append(number)
        batches.append(batch)
    return SupplierInvoices(
        supplier=np.concatenate([b.supplier for b in batches]),
        number=np.concatenate(numbers),
        date=np.concatenate([b.date for b in batches]),
        amount=np.concatenate([b.amount for b in batches]),
        is_rent=np.concatenate([np.full(len(b.date), b.is_rent) for b in batches]),
    )


def _batches(rng: np.random.Generator, ledger: Ledger, size: Size) -> Iterator[_Batch]:
    """The year's invoices by sort; each is posted before the next is made, which fills what is left."""
    landlords = sum(RENTS.values())
    services = landlords + int(size.suppliers * SERVICE_SHARE)
    yield from _rents(rng, ledger)
    yield from _prepayments(rng, ledger, np.arange(landlords, services))
    yield _running_costs(rng, ledger, size, np.arange(landlords, services))
    yield _goods(rng, ledger, size, np.arange(services, size.suppliers))


def _opening(rng: np.random.Generator, ledger: Ledger, size: Size) -> _Batch:
    """Last year's invoices, unpaid when the year begins."""
    count = size.open_purchases
    age = rng.integers(1, 40, size=count)
    return _Batch(
        account=np.full(count, "2010", dtype=object),
        supplier=rng.integers(sum(RENTS.values()), size.suppliers, size=count),
        date=np.sort(moved(np.full(count, FIRST_DAY - np.timedelta64(3, "D")) - age, 0)),
        amount=apportion(
            -ledger.accounts["2010"].beginning_cents, log_normal(rng, count, sigma=1.1)
        ),
        header="Opening balance",
    )


def _acquired(rng: np.random.Generator, ledger: Ledger, size: Size) -> _Batch:
    """Invoices that came with the acquired business, whose entry posted their total."""
    account = ledger.accounts["2010"]
    posted = account.movement_cents - ledger.remaining("2010")
    return _Batch(
        account=np.full(ACQUIRED_INVOICES, "2010", dtype=object),
        supplier=rng.integers(sum(RENTS.values()), size.suppliers, size=ACQUIRED_INVOICES),
        date=np.full(ACQUIRED_INVOICES, ACQUISITION_DAY),
        amount=apportion(-posted, log_normal(rng, ACQUIRED_INVOICES, sigma=0.8)),
        header="Taken over with the acquired business",
    )


def _rents(rng: np.random.Generator, ledger: Ledger) -> list[_Batch]:
    """Equal rent every month: same supplier, same amount, a new invoice number each time."""
    batches, first = [], 0
    firsts = moved(MONTH_STARTS, 0)
    for account, landlords in RENTS.items():
        share = log_normal(rng, landlords, sigma=0.5)
        yearly = apportion(int(ledger.remaining(account) * RENT_SHARE), share)
        monthly = yearly // 12 // 100 * 100  # rents are agreed in whole dollars
        months = np.tile(np.arange(12), landlords)
        supplier = np.repeat(np.arange(first, first + landlords), 12)
        batches.append(
            _Batch(
                account=np.full(len(months), account, dtype=object),
                supplier=supplier,
                date=firsts[months],
                amount=np.repeat(monthly, 12),
                header="Monthly rent",
                is_rent=True,
            )
        )
        first += landlords
    return batches


def _prepayments(rng: np.random.Generator, ledger: Ledger, suppliers: Index) -> list[_Batch]:
    """Insurance, software and projects, which the balance sheet takes up."""
    sorts = [
        (account, count, "Yearly premium or licence") for account, count in PREPAYMENTS.items()
    ]
    sorts.append(("1560", PROJECT_INVOICES, "Construction and equipment project"))
    return [
        _Batch(
            account=np.full(count, account, dtype=object),
            supplier=rng.choice(suppliers, size=count),
            date=season_days(rng, count),
            amount=apportion(ledger.remaining(account), log_normal(rng, count, sigma=0.9)),
            header=header,
        )
        for account, count, header in sorts
    ]


def _running_costs(
    rng: np.random.Generator, ledger: Ledger, size: Size, suppliers: Index
) -> _Batch:
    """What each expense account still needs, invoices in number by the square root of the account."""
    numbers = [a.number for a in ledger.accounts.values() if a.flow == "payables"]
    totals = [ledger.remaining(number) for number in numbers]
    roots = np.sqrt(np.array(totals, dtype=np.float64))
    counts = np.maximum(2, (size.expense_invoices * roots / roots.sum()).astype(np.int64))
    amounts = [
        apportion(total, log_normal(rng, int(count), sigma=1.0))
        for total, count in zip(totals, counts, strict=True)
    ]
    # Each account buys from a few suppliers only.
    chosen = [rng.choice(suppliers, size=int(max(1, count // 8))) for count in counts]
    supplier = [rng.choice(few, size=int(n)) for few, n in zip(chosen, counts, strict=True)]
    return _Batch(
        account=np.repeat(np.array(numbers, dtype=object), counts),
        supplier=np.concatenate(supplier),
        date=season_days(rng, int(counts.sum())),
        amount=np.concatenate(amounts),
        header="Supplier invoice, running costs",
    )


def _goods(rng: np.random.Generator, ledger: Ledger, size: Size, suppliers: Index) -> _Batch:
    """Goods for the distribution centers: what the stock needs for its balance and for sales still to be posted."""
    to_be_sold = sum(ledger.remaining(f"50{code}") for code in PRODUCTS)
    total = ledger.remaining("1310") + ledger.remaining("1320") + to_be_sold
    weights = log_normal(rng, len(suppliers), sigma=0.9)
    return _Batch(
        account=np.full(size.purchases, "1310", dtype=object),
        supplier=rng.choice(suppliers, size=size.purchases, p=weights / weights.sum()),
        date=season_days(rng, size.purchases),
        amount=apportion(total, log_normal(rng, size.purchases, sigma=1.2)),
        header="Supplier invoice, goods",
    )
