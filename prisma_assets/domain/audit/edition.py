"""Which edition of a standard applies to a period. What the standards require stands with each procedure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One edition of one standard."""

    standard: str
    name: str
    """How a workpaper cites it."""
    periods_from: date
    """First day of the earliest reporting period it applies to."""


EDITIONS = (
    Edition(standard="ISA 240", name="ISA 240", periods_from=date(2009, 12, 15)),
    Edition(standard="ISA 240", name="ISA 240 (Revised)", periods_from=date(2026, 12, 15)),
    Edition(standard="ISA 570", name="ISA 570 (Revised)", periods_from=date(2016, 1, 1)),
    Edition(standard="ISA 570", name="ISA 570 (Revised 2024)", periods_from=date(2026, 12, 15)),
    Edition(standard="ISA 600", name="ISA 600", periods_from=date(2009, 12, 15)),
    Edition(standard="ISA 600", name="ISA 600 (Revised)", periods_from=date(2023, 12, 15)),
    Edition(standard="IAS 1", name="IAS 1", periods_from=date(2009, 1, 1)),
    Edition(standard="IAS 1", name="IFRS 18", periods_from=date(2027, 1, 1)),
)
"""Editions of the standards that change within the periods audited, with the effective dates their boards published."""


def edition_for(standard: str, period_start: date) -> Edition | None:
    """The edition in force for a period that starts on that day; None before the first one listed."""
    applicable = [e for e in EDITIONS if e.standard == standard and e.periods_from <= period_start]
    return max(applicable, key=lambda e: e.periods_from, default=None)


def editions_in_force(citations: Sequence[str], period_start: date) -> tuple[str, ...]:
    """Which edition of the cited standards applies, one sentence each.

    Args:
        citations: Standards as a template cites them, paragraphs and marks of revision included ("ISA 570R", "ISA 240 33(a)").
        period_start: First day of the period.
    """
    standards = dict.fromkeys(
        e.standard for c in citations for e in EDITIONS if re.match(rf"{e.standard}R?\b", c)
    )
    found = {s: edition_for(s, period_start) for s in standards}
    return tuple(
        f"{s}: {e.name} is in force for periods beginning {period_start.isoformat()}"
        for s, e in found.items()
        if e is not None
    )
