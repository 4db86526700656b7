"""Which rates apply to a period: one, or several by days where the jurisdiction apportions."""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from prisma_assets.domain.tax.decision import Reason, review
from prisma_assets.domain.tax.jurisdiction import jurisdictions
from prisma_assets.domain.tax.rate import NoRate, Rate, corporate_income_tax


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Consecutive days of a period with one rate."""

    start: date
    end: date
    rate: Rate
    period_share: Fraction
    """Part of the period's days, in (0, 1]; the slices add up to 1."""
    year_share: Fraction
    """Part of twelve months, in (0, 1]."""


def slices(
    jurisdiction: str, *, start: date, end: date, category: str = "standard"
) -> tuple[Slice, ...] | NoRate:
    """Cut a period where its rate changes; both days belong to it.

    Where the jurisdiction does not apportion, the rate of the first day holds for all of it.

    Source: CTA 2009 s. 8(5) (financial years, United Kingdom); ITA s. 123.4 (days of the taxation year, Canada).
    """
    country = jurisdictions().get(jurisdiction[:2])
    apportions = country is not None and country.apportions_by_days
    total = (end - start).days + 1
    year = max((_year_after(start) - start).days, total)
    found: list[Slice] = []
    day = start
    while day <= end:
        rate = corporate_income_tax(jurisdiction, day, category)
        if isinstance(rate, NoRate):
            return rate
        last = min(rate.effective_to or end, end) if apportions else end
        days = (last - day).days + 1
        found.append(
            Slice(
                start=day,
                end=last,
                rate=rate,
                period_share=Fraction(days, total),
                year_share=Fraction(days, year),
            )
        )
        day = last + timedelta(days=1)
    return tuple(found)


def rate_change(found: tuple[Slice, ...], end: date) -> tuple[Reason, ...]:
    """A reason for review when a single rate was used although the law changed within the period."""
    only = found[0].rate
    if len(found) > 1 or only.effective_to is None or only.effective_to >= end:
        return ()
    changed = only.effective_to.isoformat()
    return (
        review(
            f"The rate of {only.jurisdiction} ended on {changed}, within the period; that of the first day was used."
        ),
    )


def _year_after(start: date) -> date:
    try:
        return start.replace(year=start.year + 1)
    except ValueError:
        return date(start.year + 1, 3, 1)
