"""Dated rates and rules of tax law: what held in a jurisdiction on a day, with its source.

The numbers stand in `data/*.yaml`, part of the package like its code; a number that is not there is answered with `NoRate`,
never with zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import Field

from prisma_assets.domain.audit.workpaper import Frozen

Pct = Annotated[Decimal, Field(ge=0, le=100)]
"""Unit: percent."""


class Dated(Frozen):
    """A rule of one jurisdiction, in force from its first to its last day, both included."""

    jurisdiction: str
    effective_from: date
    effective_to: date | None = None
    """None: in force until further notice."""
    enacted_on: date | None = None
    """Day of enactment. None: enacted before it took effect, day not recorded."""
    source: str = Field(min_length=1)
    confirm: str = ""
    """What a person confirms before anything is filed on the rule; empty: nothing."""

    def holds_on(self, day: date) -> bool:
        """True when the rule is in force on that day."""
        return self.effective_from <= day and (
            self.effective_to is None or day <= self.effective_to
        )

    def is_enacted_by(self, day: date) -> bool:
        """True when the rule was law on that day, in force or not (IAS 12 paragraph 47)."""
        return (self.enacted_on or self.effective_from) <= day

    @property
    def version(self) -> str:
        """Names the rule in a workpaper: jurisdiction, first day, source."""
        return f"{self.jurisdiction} from {self.effective_from.isoformat()} ({self.source})"


class Band(Frozen):
    """A slice of income from the bottom."""

    up_to: int
    """Upper end in whole units of the jurisdiction's currency."""
    rate_pct: Pct


class Rate(Dated):
    """A rate of tax."""

    rate_pct: Pct
    category: str = "standard"
    base: Literal["income", "distributions"] = "income"
    bands: tuple[Band, ...] = ()


class Surcharge(Dated):
    """A percentage of the central government's tax."""

    name: str
    rate_pct: Pct
    allowance: int = 0
    """Tax that stays free, in whole units of the jurisdiction's currency."""
    minimum_revenue: int = 0
    """Companies below this revenue do not owe it."""


class LossRelief(Dated):
    """How far losses of earlier years offset a year's income."""

    free: int
    share_pct: Pct


class InterestLimit(Dated):
    """How far exceeding borrowing costs are deductible."""

    share_pct: Pct
    safe_amount: int
    currency: str
    measure: Literal["EBITDA", "EBIT"]
    is_cliff: bool = False
    """True: above the safe amount the share alone counts; otherwise the greater of the two."""


class Withholding(Dated):
    """A domestic rate of tax withheld at source."""

    kind: Literal["dividend", "interest", "royalty", "service"]
    rate_pct: Pct


class Deadline(Dated):
    """When a return falls due after a period's end."""

    tax: str
    form: str
    months: int = Field(ge=1)
    day: int | None = Field(default=None, ge=1, le=28)
    """None: the last day of the month."""


@dataclass(frozen=True, kw_only=True)
class NoRate:
    """No rule is on file; the computation waits for a person."""

    reason: str
    """Completes "not performed, because ..."; no full stop."""


Row = TypeVar("Row", bound=Dated)


@cache
def read_data(name: str) -> Any:
    """A file of `data`, parsed."""
    import yaml

    text = files(__package__).joinpath("data", f"{name}.yaml").read_text(encoding="utf-8")
    # A safe loader either way; libyaml's is ten times as fast where it is installed.
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def rows(name: str, model: type[Row]) -> tuple[Row, ...]:
    """All dated rules of one file of `data`."""
    return cast("tuple[Row, ...]", _validated(name, model))


@cache
def _validated(name: str, model: type[Dated]) -> tuple[Dated, ...]:
    return tuple(model.model_validate(row) for row in read_data(name))


def rule_on(candidates: Iterable[Row], jurisdiction: str, day: date, *, what: str) -> Row | NoRate:
    """The rule in force in a jurisdiction on a day.

    Args:
        candidates: Rules of one kind; at most one holds on a day.
        jurisdiction: Code as in `data`.
        day: The day.
        what: Names the rule in the reason, e.g. "corporate income tax rate".
    """
    own = [row for row in candidates if row.jurisdiction == jurisdiction]
    if not own:
        return NoRate(reason=f"no {what} of {jurisdiction} is on file")
    holding = next((row for row in own if row.holds_on(day)), None)
    if holding is not None:
        return holding
    first, last = min(row.effective_from for row in own), own[-1].effective_to
    return NoRate(
        reason=f"no {what} of {jurisdiction} is on file for {day.isoformat()}; known from {first.isoformat()}"
        + (f" to {last.isoformat()}" if last else "")
    )


def corporate_income_tax(jurisdiction: str, day: date, category: str = "standard") -> Rate | NoRate:
    """The rate of corporate income tax of a country or, below it, of a province (`CA-ON`), for a category of taxpayer."""
    of_category = [r for r in rows("corporate_income_tax", Rate) if r.category == category]
    what = "corporate income tax rate" + (f" ({category})" if category != "standard" else "")
    return rule_on(of_category, jurisdiction, day, what=what)


def value_added_tax(jurisdiction: str, day: date, category: str = "standard") -> Rate | NoRate:
    """The rate of value added tax of a category."""
    of_category = [row for row in rows("vat", Rate) if row.category == category]
    what = "VAT rate" if category == "standard" else f"VAT rate ({category})"
    return rule_on(of_category, jurisdiction, day, what=what)


def value_added_tax_rates(jurisdiction: str, day: date) -> tuple[Rate, ...]:
    """Every rate of value added tax in force; empty when none is on file."""
    return tuple(r for r in rows("vat", Rate) if r.jurisdiction == jurisdiction and r.holds_on(day))


def enacted_rate(jurisdiction: str, *, reversal: date, reporting: date) -> Rate | NoRate:
    """The rate to measure a temporary difference at: expected on reversal, among those enacted by the reporting date.

    Source: IAS 12 paragraphs 47-48. A rate enacted later is an event after the period (IAS 12 paragraph 88) and stays out.
    """
    own = [
        r
        for r in rows("corporate_income_tax", Rate)
        if (r.jurisdiction, r.category) == (jurisdiction, "standard")
        and r.is_enacted_by(reporting)
        and r.holds_on(reversal)
    ]
    if own:
        return own[0]
    return NoRate(
        reason=f"no rate of {jurisdiction} for {reversal.isoformat()} enacted by {reporting.isoformat()} is on file"
    )


def withholding_tax(jurisdiction: str, kind: str, day: date) -> Withholding | NoRate:
    """The domestic rate of tax withheld on a kind of payment abroad."""
    of_kind = [row for row in rows("withholding", Withholding) if row.kind == kind]
    return rule_on(of_kind, jurisdiction, day, what=f"withholding tax rate ({kind})")
