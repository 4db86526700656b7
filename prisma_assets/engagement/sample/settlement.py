"""Which items of a subledger are paid in the year and when, so that what stays open comes to a given total.

The same for customers (`receivable`) and suppliers (`payable`).
"""

from dataclasses import dataclass

import numpy as np

from prisma_assets.engagement.sample.apportion import Cents, Index, Weights
from prisma_assets.engagement.sample.office import LAST_DAY, Days, within_year

NEVER = 1e6
"""Delay in days of an item that must stay open."""
BISECTIONS = 40
"""Halvings of the search for the pace of payment: finer than a day long before."""
PACE_RANGE = (0.0, 50.0)
"""Multiples of the delays between which the pace is looked for."""


@dataclass(frozen=True, kw_only=True)
class Items:
    """Items to pay; amounts are positive."""

    date: Days
    amount: Cents
    delay: Weights
    """Days from the item's date to its payment, before the common pace is applied; `NEVER` keeps it open."""
    part: Cents
    """Paid some time before the rest; 0 where the item is paid at once."""


@dataclass(frozen=True, kw_only=True)
class Payments:
    """Payments of the year, in order of date, and what they leave open."""

    item: Index
    date: Days
    amount: Cents
    open_amount: Cents
    """Per item, at the year's end."""


def settle(items: Items, open_total: int) -> Payments:
    """Pay items so that exactly `open_total` stays open at the year's end.

    Args:
        items: What there is to pay; some may predate the year.
        open_total: Cents; at least the items that must stay open, less than everything.
    """
    pace = _pace(items, open_total)
    days = np.ceil(items.delay * pace)
    rest = items.amount - items.part
    # From the last to be paid backwards, items stay open until the total is reached; one stays open in part.
    late_first = np.argsort(-(items.date.astype(np.int64) + days), kind="stable")
    before = np.cumsum(rest[late_first]) - rest[late_first]
    open_amount = np.zeros(len(rest), dtype=np.int64)
    open_amount[late_first] = np.clip(open_total - before, 0, rest[late_first])
    due = items.date + np.minimum(days, 400).astype("timedelta64[D]")
    paid_on = np.maximum(within_year(due), within_year(items.date))
    part_on = within_year(np.minimum(items.date + np.timedelta64(9, "D"), paid_on))
    last = rest - open_amount
    item = np.concatenate([np.flatnonzero(items.part), np.flatnonzero(last)])
    date = np.concatenate([part_on[items.part > 0], paid_on[last > 0]])
    amount = np.concatenate([items.part[items.part > 0], last[last > 0]])
    by_date = np.argsort(date, kind="stable")
    return Payments(
        item=item[by_date], date=date[by_date], amount=amount[by_date], open_amount=open_amount
    )


def _pace(items: Items, open_total: int) -> float:
    """The common factor on all delays at which about `open_total` is still open when the year ends."""
    low, high = PACE_RANGE
    rest = items.amount - items.part
    age = (LAST_DAY - items.date).astype(np.int64)
    for _ in range(BISECTIONS):
        pace = (low + high) / 2
        if int(rest[items.delay * pace > age].sum()) < open_total:
            low = pace
        else:
            high = pace
    return high
