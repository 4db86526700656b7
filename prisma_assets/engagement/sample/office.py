"""When the sample company works: business days, month ends, and the hours people and systems post at.

Who posts does not belong here: that is `people`.
"""

from calendar import monthrange
from datetime import date

import numpy as np
import numpy.typing as npt

from prisma_assets.engagement.sample.apportion import Index

Days = npt.NDArray[np.datetime64]

YEAR = 2009
PERIOD_START = date(YEAR, 1, 1)
PERIOD_END = date(YEAR, 12, 31)
FIRST_DAY = np.datetime64("2009-01-02", "D")
LAST_DAY = np.datetime64("2009-12-31", "D")

HOLIDAYS: Days = np.array(
    [
        "2008-11-27", "2008-12-25", "2009-01-01", "2009-01-19", "2009-02-16", "2009-05-25", "2009-07-03",
        "2009-09-07", "2009-11-26", "2009-12-25", "2010-01-01", "2010-01-18",
    ],
    dtype="datetime64[D]",
)  # fmt: skip
"""United States federal holidays on which the offices are closed."""

MONTH_STARTS: Days = np.array([f"2009-{m:02d}-01" for m in range(1, 13)], dtype="datetime64[D]")

MONTH_WEIGHTS = np.array([0.98, 0.94, 1.06, 0.99, 0.95, 1.03, 1.00, 1.01, 1.05, 1.08, 0.96, 0.92])
"""Sales by month: full in spring and autumn, thin around the year's end, with its holidays."""


def business_days(first: np.datetime64 = FIRST_DAY, last: np.datetime64 = LAST_DAY) -> Days:
    """Every day the offices are open, both ends included."""
    days = np.arange(first, last + np.timedelta64(1, "D"))
    return days[np.is_busday(days, holidays=HOLIDAYS)]


def moved(days: Days, by: Index | int) -> Days:
    """The business day that many business days later; a closed day counts as the next open one."""
    return np.busday_offset(days, by, roll="forward", holidays=HOLIDAYS)


def open_day_before(days: Days) -> Days:
    """The day itself, or the last business day before a closed one."""
    return np.busday_offset(days, 0, roll="backward", holidays=HOLIDAYS)


def within_year(days: Days) -> Days:
    """Business days kept inside the year: the nearest one for those outside it."""
    return np.clip(open_day_before(days), FIRST_DAY, LAST_DAY)


def season_days(rng: np.random.Generator, count: int) -> Days:
    """Business days of the year, months drawn by the season."""
    days = business_days()
    months = days.astype("datetime64[M]").astype(np.int64) % 12
    weights = MONTH_WEIGHTS[months]
    return rng.choice(days, size=count, p=weights / weights.sum())


def month_ends() -> Days:
    """The last calendar day of every month."""
    lengths = [monthrange(YEAR, month)[1] for month in range(1, 13)]
    last: Days = MONTH_STARTS + np.array([n - 1 for n in lengths], dtype="timedelta64[D]")
    return last


def schedule(name: str) -> Days:
    """The days a named rhythm falls on.

    Args:
        name: month_ends, quarter_ends, mid_months, fridays or alternate_fridays; fridays that are closed move back.
    """
    if name in ("month_ends", "quarter_ends"):
        return month_ends()[2::3] if name == "quarter_ends" else month_ends()
    if name == "mid_months":
        return open_day_before(MONTH_STARTS + np.timedelta64(14, "D"))
    fridays: Days = np.arange("2009-01-09", "2010-01-01", 7, dtype="datetime64[D]")
    return open_day_before(fridays[::2] if name == "alternate_fridays" else fridays)


def office_minutes(rng: np.random.Generator, count: int) -> Index:
    """Minutes of the day at which people key entries: around the middle of office hours."""
    return np.clip(rng.normal(13.3 * 60, 130, size=count), 7.5 * 60, 18.9 * 60).astype(np.int64)


def batch_minutes(rng: np.random.Generator, count: int) -> Index:
    """Minutes of the day at which interfaces post: the evening run."""
    return rng.integers(17 * 60, 19 * 60 + 30, size=count)


def odd_minutes(rng: np.random.Generator, count: int) -> Index:
    """Minutes of the day when the office is empty, mixed with ordinary ones."""
    late = rng.integers(21 * 60, 24 * 60, size=count)
    return np.where(rng.random(count) < 0.35, late, office_minutes(rng, count))
