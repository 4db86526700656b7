"""A number that a professional judgement turns on, with its source and since when. The numbers stand in their modules."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

FIRM_PRACTICE = "firm practice"
RECORDED_ON = date(2026, 11, 22)
"""The day the firm's own percentages and amounts were recorded; it states no earlier effective date for them."""

Unit = Literal["%", "times", "years", "days", "items", "currency"]


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """One dated and cited number."""

    value: Decimal
    unit: Unit
    """`currency`: whole units of the engagement's currency."""
    source: str
    """Standard and paragraph, paper, or `firm practice`."""
    since: date
    """Effective date of the source."""

    @property
    def text(self) -> str:
        """The number with its unit and source, as a workpaper quotes it."""
        unit = "" if self.unit in ("currency", "times") else f" {self.unit}"
        since = "recorded" if self.source.startswith(FIRM_PRACTICE) else "from"
        return f"{self.value:,f}{unit} ({self.source}, {since} {self.since.isoformat()})"


def firm(value: int | str, unit: Unit, *, source: str = FIRM_PRACTICE) -> Threshold:
    """A threshold the firm set for itself."""
    return Threshold(value=Decimal(value), unit=unit, source=source, since=RECORDED_ON)
