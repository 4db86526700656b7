"""Screens cross-border arrangements for disclosure (Dir. 2011/16/EU Art. 8ab and Annex IV, DAC6)."""

from dataclasses import dataclass
from datetime import date, timedelta

from prisma_assets.domain.tax.facts import Arrangement

HALLMARKS = frozenset(
    [
        "A1",
        "A2",
        "A3",
        "B1",
        "B2",
        "B3",
        "C1a",
        "C1bi",
        "C1bii",
        "C1c",
        "C1d",
        "C2",
        "C3",
        "C4",
        "D1",
        "D2",
        "E1",
        "E2",
        "E3",
    ]
)
"""Annex IV Part II."""
MAIN_BENEFIT_HALLMARKS = frozenset(["A1", "A2", "A3", "B1", "B2", "B3", "C1bi", "C1c", "C1d"])
"""Count only where a tax advantage is a main benefit (Annex IV Part I)."""
REPORT_WITHIN = timedelta(days=30)
"""Beginning on the day after the first trigger (Art. 8ab(1))."""


@dataclass(frozen=True, kw_only=True)
class Screening:
    """What the screen says of one arrangement."""

    arrangement: str
    is_reportable: bool | None
    """None: the main benefit has not been judged."""
    hallmarks: tuple[str, ...]
    """Those that count."""
    unknown_hallmarks: tuple[str, ...]
    """Codes Annex IV does not have."""
    triggered_on: date | None
    due: date | None
    reported_on: date | None
    is_late: bool | None
    """None: not reportable, or no trigger known."""
    why: str


def screen(arrangement: Arrangement, *, as_of: date | None) -> Screening:
    """Decide whether an arrangement is reportable, and by when.

    Args:
        arrangement: Hallmarks and the days of the three possible triggers.
        as_of: Day of the screen. None: lateness is judged only of what has been reported.
    """
    known = [h for h in arrangement.hallmarks if h in HALLMARKS]
    always = tuple(h for h in known if h not in MAIN_BENEFIT_HALLMARKS)
    tested = tuple(h for h in known if h in MAIN_BENEFIT_HALLMARKS)
    counting = always + (tested if arrangement.main_benefit else ())
    is_reportable, why = _judged(arrangement, counting, tested)
    days = (arrangement.available_on, arrangement.ready_on, arrangement.first_step_on)
    triggered = min((d for d in days if d is not None), default=None)
    due = triggered + REPORT_WITHIN if triggered and is_reportable is not False else None
    return Screening(
        arrangement=arrangement.id,
        is_reportable=is_reportable,
        hallmarks=counting,
        unknown_hallmarks=tuple(h for h in arrangement.hallmarks if h not in HALLMARKS),
        triggered_on=triggered,
        due=due,
        reported_on=arrangement.reported_on,
        is_late=_late(due, arrangement.reported_on, as_of),
        why=why,
    )


def _judged(
    arrangement: Arrangement, counting: tuple[str, ...], tested: tuple[str, ...]
) -> tuple[bool | None, str]:
    if len(set(arrangement.jurisdictions)) < 2:
        return False, "it is not cross-border"
    if counting:
        return True, f"hallmarks {', '.join(counting)}"
    if tested and arrangement.main_benefit is None:
        return (
            None,
            f"hallmarks {', '.join(tested)} count only if a tax advantage is a main benefit, which nobody has judged",
        )
    if tested:
        return False, "a tax advantage is no main benefit"
    return False, "it bears no hallmark"


def _late(due: date | None, reported: date | None, as_of: date | None) -> bool | None:
    if due is None or (reported is None and as_of is None):
        return None
    return (reported or as_of) > due  # type: ignore[operator]  # one of them is there
