"""The sample company's routine entries: those of entries.yaml, payroll, and sales over the counter.

Entries people key by hand for no fixed reason do not belong here: that is `manual`.
"""

from functools import cache
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.engagement.sample.apportion import Cents, Weights, apportion, log_normal
from prisma_assets.engagement.sample.figures import CENTS_PER_THOUSAND, read_data
from prisma_assets.engagement.sample.ledger import (
    PAYROLL,
    POINT_OF_SALE,
    Entries,
    Interface,
    Ledger,
    Leg,
    interface_entries,
)
from prisma_assets.engagement.sample.office import (
    Days,
    moved,
    office_minutes,
    schedule,
    season_days,
)
from prisma_assets.engagement.sample.people import DESKS, approvers_for
from prisma_assets.engagement.sample.revenue import PRODUCTS, product_accounts

NET_PAY = 0.70
"""Share of wages that reaches the employees; taxes and withholdings take the rest."""
SALES_TAX = 0.05
"""Sales tax on sales over the counter; those on account are for resale."""
COUNTER_LINES = 5
"""Ledger lines of one branch day."""
MIN_COUNTER_DAYS = 120

Rhythm = Literal["month_ends", "quarter_ends", "mid_months", "fridays", "alternate_fridays"]
Amount = Annotated[int, Field(strict=True)] | Literal["rest", "balance"]


class RoutineEntry(Frozen):
    """An entry of entries.yaml; the file's head says what its keys mean."""

    text: str
    by: str
    source: str = "manual"
    on: Rhythm | tuple[str, ...]
    spread: float = Field(ge=0)
    legs: dict[str, Amount]

    def days(self) -> Days:
        """The days it is made."""
        if isinstance(self.on, str):
            return schedule(self.on)
        return np.array(self.on, dtype="datetime64[D]")


class Routine(Frozen):
    """The content of entries.yaml."""

    close: tuple[RoutineEntry, ...]
    settlement: tuple[RoutineEntry, ...]


@cache
def read_routine() -> Routine:
    """The routine entries, in the order they are posted; read once."""
    data = read_data("entries.yaml")
    for entry in (*data["close"], *data["settlement"]):
        if not isinstance(entry["on"], str):  # YAML reads days as dates
            entry["on"] = [str(day) for day in entry["on"]]
    return Routine.model_validate(data)


def post_routine(
    rng: np.random.Generator, ledger: Ledger, entries: tuple[RoutineEntry, ...]
) -> None:
    """Post routine entries; one that nobody keys is an interface's."""
    for entry in entries:
        days = entry.days()
        weights = log_normal(rng, len(days), sigma=entry.spread)
        legs = _legs(ledger, entry, weights)
        if entry.by in DESKS:
            ledger.post(
                keyed_entries(
                    rng,
                    days,
                    user=DESKS[entry.by],
                    header=entry.text,
                    legs=legs,
                    delay=(1, 5) if isinstance(entry.on, str) else (0, 2),
                )
            )
        else:
            ledger.post(
                interface_entries(
                    rng,
                    days,
                    by=Interface(user=entry.by, source=entry.source),
                    header=entry.text,
                    legs=legs,
                )
            )


def keyed_entries(
    rng: np.random.Generator,
    days: Days,
    *,
    user: str,
    header: str,
    legs: tuple[Leg, ...],
    delay: tuple[int, int],
) -> Entries:
    """Manual entries keyed some business days after they count, approved by the controllers."""
    count = len(days)
    return Entries(
        effective=days,
        entered=moved(days, rng.integers(*delay, size=count)),
        minute=office_minutes(rng, count),
        user=user,
        approver=approvers_for(rng, count),
        source="manual",
        header=header,
        legs=legs,
    )


def _legs(ledger: Ledger, entry: RoutineEntry, weights: Weights) -> tuple[Leg, ...]:
    amounts: dict[str, Cents] = {}
    for account, amount in entry.legs.items():
        if amount == "rest":
            amounts[account] = apportion(ledger.remaining(account), weights)
        elif amount != "balance":
            amounts[account] = apportion(amount * CENTS_PER_THOUSAND, weights)
    balancing = [account for account, amount in entry.legs.items() if amount == "balance"]
    amounts[balancing[0]] = -np.sum(list(amounts.values()), axis=0)
    return tuple(Leg(account=a, cents=cents, text=entry.text) for a, cents in amounts.items())


def pay_wages(rng: np.random.Generator, ledger: Ledger, *, regions: int) -> None:
    """Post a payroll per region every other Friday; fills every account whose flow is payroll."""
    days = np.repeat(schedule("alternate_fridays"), regions)
    numbers = [a.number for a in ledger.accounts.values() if a.flow == "payroll"]
    region_size = np.tile(log_normal(rng, regions, sigma=0.4), len(days) // regions)
    wages = {
        number: apportion(
            ledger.remaining(number), region_size * log_normal(rng, len(days), sigma=0.04)
        )
        for number in numbers
    }
    gross = np.sum(list(wages.values()), axis=0)
    net = (gross * NET_PAY).astype(np.int64)
    ledger.post(
        interface_entries(
            rng,
            days,
            by=PAYROLL,
            header="Payroll",
            legs=(
                *(Leg(account=n, cents=cents, text="Wages") for n, cents in wages.items()),
                Leg(account="1015", cents=-net, text="Net pay"),
                Leg(account="2130", cents=net - gross, text="Taxes and withholdings"),
            ),
        )
    )


def sell_over_the_counter(rng: np.random.Generator, ledger: Ledger, *, lines: int) -> None:
    """Post branch days until the ledger holds `lines`; fills sales and cost of sales of every product."""
    missing = -(-(lines - ledger.line_count) // COUNTER_LINES)
    count = max(MIN_COUNTER_DAYS, missing)
    product = rng.permutation(np.arange(count) % len(PRODUCTS))
    size = log_normal(rng, count, sigma=1.0)
    sales, cost = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for row, code in enumerate(PRODUCTS):
        mine = product == row
        sales[mine] = apportion(-ledger.remaining(f"40{code}"), size[mine])
        noise = rng.uniform(0.93, 1.07, size=int(mine.sum()))
        cost[mine] = apportion(ledger.remaining(f"50{code}"), size[mine] * noise)
    tax = (sales * SALES_TAX).astype(np.int64)
    sales_account, cost_account = product_accounts(product)
    branch = [f"Counter sales, branch {number:03d}" for number in rng.integers(1, 180, size=count)]
    ledger.post(
        interface_entries(
            rng,
            season_days(rng, count),
            by=POINT_OF_SALE,
            header=np.array(branch, dtype=object),
            legs=(
                Leg(account="1020", cents=sales + tax, text="Takings deposited"),
                Leg(account=sales_account, cents=-sales, text="Goods sold"),
                Leg(account="2160", cents=-tax, text="Sales tax"),
                Leg(account=cost_account, cents=cost, text="Cost of goods sold"),
                Leg(account="1320", cents=-cost, text="Goods issued"),
            ),
        )
    )
