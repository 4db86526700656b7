"""Which edition of a standard applies to a period. What the standards require stands with each procedure."""

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
    Edition(standard="presentation", name="IAS 1", periods_from=date(2009, 1, 1)),
    Edition(standard="presentation", name="IFRS 18", periods_from=date(2027, 1, 1)),
)
"""Effective dates as the IAASB and the IASB published them. Before its first edition a standard is cited without one."""


def edition_for(standard: str, period_start: date) -> str:
    """Name of the edition in force for a period that starts on that day; the bare name before the first edition."""
    applicable = [e for e in EDITIONS if e.standard == standard and e.periods_from <= period_start]
    return max(applicable, key=lambda e: e.periods_from).name if applicable else standard
