"""What comparisons of a version in the shadow with the version at work allow to conclude, at any moment and however often looked at."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prisma_assets.domain.experiments.betting import Bets, lower_bound, tuned_bets
from prisma_assets.domain.experiments.tally import Counts, Tally

ALPHA = 0.05
"""Error of passing, for each thing that has to be shown: all of them have to be, so nothing is divided (Berger 1982)."""
ALPHA_FAIL = 0.01
"""Error of failing, over all three together: people stop believing in an alarm that is false more often."""
_COMPARED = 3
DEVIATION = 0.2
"""Guess of the spread of one comparison; a wrong one costs calls, never validity."""
FOURFOLD = math.log(4)
"""A call that takes or costs four times as much counts as four times, however much more it was: one that hung decides nothing."""
MOST_LEFT = 0.10
"""Share of kept inputs that may turn out not to be comparable before nothing is concluded from the others."""
FEWEST = 10
"""Comparisons below which a share of them says nothing."""

Word = Literal["pass", "fail", "hold", "going on"]


@dataclass(frozen=True, kw_only=True)
class Margins:
    """What is declared before the first comparison."""

    agreement: float = 0.9
    """Least mean agreement, in (0, 1): nine outputs of ten the same is what a reviewer lets pass unread."""
    slower: float = 0.25
    """Largest relative rise of the duration, > 0 (domain facts §6.3: P95 not above 1.25 times)."""
    dearer: float = 0.10
    """Largest relative rise of the cost, > 0 (domain facts §6.2)."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One call of the version at work, and what the other one gave for the same inputs."""

    agreement: float
    """In [0, 1]; 0 where the other one failed."""
    new_error: str | None = None
    """An error of a kind the version at work does not have."""
    milliseconds: tuple[float, float] | None = None
    """Of the version at work and of the other; None: it failed."""
    dollars: tuple[float | None, float | None] | None = None
    """The same; None inside: no price is known."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A mean and how far it is known."""

    n: int
    mean: float | None
    low: float
    """Below the true mean at all looks together but for `ALPHA`."""
    high: float
    surely_low: float
    """The same but for a third of `ALPHA_FAIL`."""
    surely_high: float


Bounds = tuple[Bound, Bound, Bound | None]
"""Agreement, duration, cost."""


@dataclass(frozen=True, kw_only=True)
class ShadowVerdict:
    """pass: as good as declared. fail: not. hold: nothing can be said before a person has looked. going on: more is to come."""

    word: Word
    reason: str
    agreement: Bound
    """A share."""
    slower: Bound
    """A relative change; 0.1 is 10 % slower."""
    dearer: Bound | None
    """The same; None: neither version costs anything, or a price is missing."""


def shadow_verdict(
    calls: Sequence[Beside], margins: Margins, *, left: int, more: str | None
) -> ShadowVerdict:
    """Judge comparisons.

    Args:
        calls: So far, in any order.
        margins: Declared before the first.
        left: Kept inputs that could not be compared.
        more: Why more comparisons will come; None: none will.

    Source: confidence sequences by betting (`betting.lower_bound`), which hold at all looks together.
    """
    agreed = _bound([2 * c.agreement - 1 for c in calls], 1 - margins.agreement, _to_share)
    slower = _bound(
        [_ratio(*c.milliseconds) for c in calls if c.milliseconds],
        _score(margins.slower),
        _to_change,
    )
    costs = [c.dollars for c in calls if c.dollars]
    unpriced = sum(None in pair for pair in costs)
    known = [(a, b) for a, b in costs if a is not None and b is not None]
    dearer = None
    if not unpriced and any(a or b for a, b in known):
        dearer = _bound([_ratio(a, b) for a, b in known], _score(margins.dearer), _to_change)
    word, reason = _concluded(
        calls, margins, (agreed, slower, dearer), unpriced=unpriced, left=left, more=more
    )
    return ShadowVerdict(word=word, reason=reason, agreement=agreed, slower=slower, dearer=dearer)


def _concluded(
    calls: Sequence[Beside], margins: Margins, bounds: Bounds, *, unpriced: int, left: int, more: str | None
) -> tuple[Word, str]:  # fmt: skip
    if (harm := _harm(calls, margins, bounds)) is not None:
        return "fail", harm
    if unpriced:
        return "hold", f"{unpriced} calls have no price; nothing is known of the cost"
    if left + len(calls) >= FEWEST and left > MOST_LEFT * (left + len(calls)):
        return "hold", f"{left} of {left + len(calls)} inputs could not be compared"
    missing = _missing(margins, bounds)
    if not missing:
        return "pass", "it does what the version at work does, within the declared margins"
    if more is None:
        return "fail", f"the declared number of calls is reached, and {missing[0]} is not shown"
    return "going on", f"{' and '.join(missing)} not shown yet; {more}"


def _harm(calls: Sequence[Beside], margins: Margins, bounds: Bounds) -> str | None:
    """What is surely worse than declared."""
    agreed, slower, dearer = bounds
    new = next((c.new_error for c in calls if c.new_error), None)
    if new is not None:
        return f"it failed in a way the version at work does not: {new}"
    if agreed.surely_high < margins.agreement:
        return f"it agrees less than {margins.agreement:.0%} with the version at work"
    if slower.surely_low > margins.slower:
        return f"it is more than {margins.slower:.0%} slower"
    if dearer is not None and dearer.surely_low > margins.dearer:
        return f"it is more than {margins.dearer:.0%} dearer"
    return None


def _missing(margins: Margins, bounds: Bounds) -> list[str]:
    """What is not shown."""
    agreed, slower, dearer = bounds
    missing = []
    if not agreed.low > margins.agreement:
        missing.append(f"agreement above {margins.agreement:.0%}")
    if not slower.high < margins.slower:
        missing.append(f"a duration at most {margins.slower:.0%} longer")
    if dearer is not None and not dearer.high < margins.dearer:
        missing.append(f"a cost at most {margins.dearer:.0%} higher")
    return missing


def least_calls(margins: Margins) -> int:
    """Comparisons that show the agreement when every single one agrees in full; fewer can show nothing."""
    bets = tuned_bets(1 - margins.agreement, DEVIATION)
    n = 1
    while _to_share(lower_bound(Counts(np.ones(1), np.array([float(n)])), bets, alpha=ALPHA)) <= margins.agreement:  # fmt: skip
        n += 1
    return n


def _bound(scores: Sequence[float], aim: float, back: Callable[[float], float]) -> Bound:
    """The mean of scores in [-1, 1], told in the terms `back` gives."""
    tally = Tally()
    tally.add(np.array(scores, dtype=float))
    counts, bets = tally.summary(), tuned_bets(min(max(aim, 0.01), 1.0), DEVIATION)
    surely = ALPHA_FAIL / _COMPARED
    return Bound(
        n=counts.n, mean=None if counts.mean is None else back(counts.mean),
        low=back(lower_bound(counts, bets, alpha=ALPHA)), high=back(_upper(counts, bets, ALPHA)),
        surely_low=back(lower_bound(counts, bets, alpha=surely)), surely_high=back(_upper(counts, bets, surely)),
    )  # fmt: skip


def _upper(counts: Counts, bets: Bets, alpha: float) -> float:
    return -lower_bound(counts.flipped(), bets, alpha=alpha)


def _ratio(live: float, shadow: float) -> float:
    """How many times as much the version in the shadow took, on a logarithmic scale where 1 is four times."""
    if not live or not shadow:
        return float(np.sign(shadow - live))
    return max(-1.0, min(1.0, math.log(shadow / live) / FOURFOLD))


def _score(change: float) -> float:
    return math.log1p(change) / FOURFOLD


def _to_change(score: float) -> float:
    return math.expm1(score * FOURFOLD)


def _to_share(score: float) -> float:
    return (score + 1) / 2
