"""Entries the sample company's people key by hand: accruals and their reversals, reclassifications, and planted ones.

Routine entries do not belong here: those are `routine`'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from prisma_assets.engagement.sample.apportion import Cents, Index, apportion, log_normal
from prisma_assets.engagement.sample.ledger import Entries, Ledger, Leg
from prisma_assets.engagement.sample.office import (
    MONTH_STARTS,
    Days,
    business_days,
    month_ends,
    moved,
    odd_minutes,
    office_minutes,
    season_days,
)
from prisma_assets.engagement.sample.people import DESKS, OUTSIDERS, Texts, approvers_for
from prisma_assets.engagement.sample.planted import Plan
from prisma_assets.engagement.sample.routine import keyed_entries

ROUND_STEP = 5_000_00
"""Accruals for costs nobody has billed yet are estimates, and estimates are round."""
ACCRUED_COSTS = ("6230", "6240", "6310", "6340", "6060", "6620", "6720", "6810")
"""Expense accounts with a round monthly accrual."""

TEMPTING = (
    ("1410", "5120", 900, "Additional supplier rebate"),
    ("1450", "4080", 800, "Sale agreed, invoice to follow"),
    ("1450", "4010", 900, "Revenue true-up as discussed"),
    ("2120", "6070", 600, "Bonus reserve no longer needed"),
    ("2150", "6090", 200, "Claims reserve released"),
    ("1310", "5030", 700, "Stock count correction"),
    ("1310", "5010", 900, "Cost variance correction"),
    ("1450", "6720", 30, "Legal fees to be recovered"),
)
"""What a planted round-sum entry debits and credits, up to how many thousands, and what it says."""
STRAY_ENTRIES = 7
"""Entries outsiders key that are not round: unusual people alone are no error."""


@dataclass(frozen=True, kw_only=True)
class PlantedEntries:
    """Rows of planted journal entries, and the size of what is wrong in each."""

    round_sum: Index
    round_sum_cents: Cents
    unbalanced: Index
    unbalanced_cents: Cents
    """Debits less credits."""


def key_unusual_entries(rng: np.random.Generator, ledger: Ledger, plan: Plan) -> PlantedEntries:
    """Post the planted manual entries, before the routine fills what remains of their accounts."""
    rows, amounts = _round_sums(rng, ledger, plan.round_sum_manual_entries)
    _stray_entries(rng, ledger)
    unbalanced, difference = _unbalanced_pairs(rng, ledger, plan.unbalanced_pairs)
    return PlantedEntries(
        round_sum=rows,
        round_sum_cents=amounts,
        unbalanced=unbalanced,
        unbalanced_cents=difference,
    )


def _outsiders(rng: np.random.Generator, count: int) -> Texts:
    """Different outsiders in turn, so that none keys often."""
    order = rng.permutation(len(OUTSIDERS))
    return np.array(OUTSIDERS, dtype=object)[order[np.arange(count) % len(OUTSIDERS)]]


def _round_sums(rng: np.random.Generator, ledger: Ledger, count: int) -> tuple[Index, Cents]:
    chosen = rng.integers(0, len(TEMPTING), size=count)
    debit, credit, most, header = (
        np.array([TEMPTING[i][part] for i in chosen], dtype=object) for part in range(4)
    )
    thousands = rng.integers(10, most.astype(np.int64) // 2 + 1)
    cents = thousands * 1_000_00
    days = season_days(rng, count)
    user = _outsiders(rng, count)
    rows = ledger.post(
        Entries(
            effective=days,
            entered=moved(days, rng.integers(0, 4, size=count)),
            minute=odd_minutes(rng, count),
            user=user,
            # Half approve their own entry, the others get the controller's name.
            approver=np.where(rng.random(count) < 0.5, user, approvers_for(rng, count)),
            source="manual",
            header=header,
            legs=(
                Leg(account=debit, cents=cents, text=header),
                Leg(account=credit, cents=-cents, text=header),
            ),
        )
    )
    return rows, cents


def _stray_entries(rng: np.random.Generator, ledger: Ledger) -> None:
    days = season_days(rng, STRAY_ENTRIES)
    cents = rng.integers(1_200_00, 14_000_00, size=STRAY_ENTRIES) // 100 * 100 + 37
    ledger.post(
        Entries(
            effective=days,
            entered=moved(days, rng.integers(0, 4, size=STRAY_ENTRIES)),
            minute=office_minutes(rng, STRAY_ENTRIES),
            user=_outsiders(rng, STRAY_ENTRIES),
            approver=approvers_for(rng, STRAY_ENTRIES),
            source="manual",
            header="Cost moved between accounts",
            legs=(
                Leg(account="6240", cents=cents, text="Cost moved"),
                Leg(account="6260", cents=-cents, text="Cost moved"),
            ),
        )
    )


def _unbalanced_pairs(rng: np.random.Generator, ledger: Ledger, pairs: int) -> tuple[Index, Cents]:
    """Entries out of balance, each offset by another on the same account weeks or months away."""
    accounts = np.array(_movable_accounts(ledger), dtype=object)
    wrong = np.tile(rng.choice(accounts, size=pairs), 2)
    other = rng.choice(accounts, size=2 * pairs)
    cents = rng.integers(9_000_00, 38_000_00, size=2 * pairs)
    difference = rng.integers(150_00, 6_500_00, size=pairs)
    signed = np.concatenate([difference, -difference])
    spring, autumn = business_days()[:125], business_days()[125:]
    days = np.concatenate([rng.choice(spring, size=pairs), rng.choice(autumn, size=pairs)])
    people = np.array(list(DESKS.values()), dtype=object)
    rows = ledger.post(
        Entries(
            effective=days,
            entered=moved(days, rng.integers(0, 3, size=2 * pairs)),
            minute=office_minutes(rng, 2 * pairs),
            user=people[rng.integers(0, len(people), size=2 * pairs)],
            approver=approvers_for(rng, 2 * pairs),
            source="manual",
            header="Cost moved between accounts",
            legs=(
                Leg(account=wrong, cents=cents + signed, text="Cost moved"),
                Leg(account=other, cents=-cents, text="Cost moved"),
            ),
        )
    )
    return rows, signed


def reclassify(rng: np.random.Generator, ledger: Ledger, *, count: int) -> None:
    """Post ordinary corrections between expense accounts by the usual accountants."""
    accounts = np.array(_movable_accounts(ledger), dtype=object)
    days = season_days(rng, count)
    cents = (1_900_00 * log_normal(rng, count, sigma=0.9)).astype(np.int64)
    people = np.array(list(DESKS.values()), dtype=object)
    ledger.post(
        Entries(
            effective=days,
            entered=moved(days, rng.integers(0, 3, size=count)),
            minute=office_minutes(rng, count),
            user=people[rng.integers(0, len(people), size=count)],
            approver=approvers_for(rng, count),
            source="manual",
            header="Cost moved between accounts",
            legs=(
                Leg(account=rng.choice(accounts, size=count), cents=cents, text="Cost moved"),
                Leg(account=rng.choice(accounts, size=count), cents=-cents, text="Cost moved"),
            ),
        )
    )


def _movable_accounts(ledger: Ledger) -> list[str]:
    """Expense accounts large enough that small corrections never outweigh them."""
    return [
        account.number
        for account in ledger.accounts.values()
        if account.flow == "payables" and account.ending_cents > 4_000_000_00
    ]


@dataclass(frozen=True, kw_only=True)
class _Accrual:
    """A cost accrued at each month's end and reversed at the start of the next."""

    liability: str
    costs: tuple[str, ...]
    opening: int
    """Cents accrued when the year begins."""
    closing: int
    """Cents accrued when it ends."""
    desk: str
    header: str
    step: int = 1
    """Cents the monthly amounts are rounded to."""


def accrue_and_reverse(rng: np.random.Generator, ledger: Ledger) -> None:
    """Post twelve accruals of each kind, and the reversals of the twelve before them."""
    for accrual in _accruals(rng, ledger):
        between = accrual.closing * log_normal(rng, 11, sigma=0.25)
        monthly = np.maximum(np.round(between / accrual.step), 1).astype(np.int64) * accrual.step
        # The first reversal takes back what last year accrued.
        taken_back = np.concatenate([[accrual.opening], monthly])
        first_days = moved(MONTH_STARTS, 0)
        _post_accrual(rng, ledger, accrual, month_ends(), np.append(monthly, accrual.closing))
        reversal = replace(accrual, header=f"Reversal: {accrual.header}")
        _post_accrual(rng, ledger, reversal, first_days, -taken_back)


def _accruals(rng: np.random.Generator, ledger: Ledger) -> Iterator[_Accrual]:
    other = ledger.accounts["2190"]
    shares = log_normal(rng, len(ACCRUED_COSTS), sigma=0.4)
    opening, closing = (
        apportion(-other.beginning_cents, shares),
        apportion(-other.ending_cents, shares),
    )
    parts = zip(ACCRUED_COSTS, opening.tolist(), closing.tolist(), strict=True)
    for row, (number, first, last) in enumerate(parts):
        yield _Accrual(
            liability="2190",
            costs=(number,),
            opening=first,
            closing=last,
            desk=("accruals", "assets")[row % 2],
            header=f"Accrual, {ledger.accounts[number].name.lower()}",
            step=ROUND_STEP,
        )
    for liability, costs, desk, header in (
        ("2020", ("1310",), "inventory", "Goods received, not invoiced"),
        ("2110", ("6010", "6015", "6020", "6025"), "payroll", "Accrued payroll"),
    ):
        account = ledger.accounts[liability]
        yield _Accrual(
            liability=liability,
            costs=costs,
            opening=-account.beginning_cents,
            closing=-account.ending_cents,
            desk=desk,
            header=header,
        )


def _post_accrual(
    rng: np.random.Generator, ledger: Ledger, accrual: _Accrual, days: Days, cents: Cents
) -> None:
    even = cents // len(accrual.costs)
    last = cents - even * (len(accrual.costs) - 1)
    parts = [even] * (len(accrual.costs) - 1) + [last]
    legs = [
        Leg(account=number, cents=part, text=accrual.header)
        for number, part in zip(accrual.costs, parts, strict=True)
    ]
    legs.append(Leg(account=accrual.liability, cents=-cents, text=accrual.header))
    user = DESKS[accrual.desk]
    ledger.post(
        keyed_entries(rng, days, user=user, header=accrual.header, legs=tuple(legs), delay=(0, 4))
    )
