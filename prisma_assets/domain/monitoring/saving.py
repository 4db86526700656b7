"""What is saved and what could be, each amount with its interval and the evidence. What runs did and cost is read elsewhere."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

TARGET = 0.30
"""Share of the cost the firm means to save (domain facts §5, targets)."""
ALPHA = 0.05
FEWEST = 100
"""Runs of either side before means are compared: from here on a mean of costs is near enough to normal, as in experiments."""
MONTH_DAYS = 365.25 / 12

Kind = Literal["cache hits", "changed version", "repeated work", "failed work", "cheaper model"]
REALISED: frozenset[Kind] = frozenset({"cache hits", "changed version"})
"""Not paid any more; the others are still paid."""


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What is kept of many values."""

    n: int
    total: float
    squares: float
    """Sum of their squares."""

    @property
    def mean(self) -> float:
        """Of the values; there must be one."""
        return self.total / self.n

    @property
    def error(self) -> float:
        """Variance of the mean; there must be two values."""
        spread = max(self.squares - self.total**2 / self.n, 0.0) / (self.n - 1)
        return spread / self.n


@dataclass(frozen=True, kw_only=True)
class Amount:
    """US dollars with a 95 % interval; below 0 a cost where a saving was hoped for."""

    usd: float
    low: float
    high: float

    def scaled(self, factor: float) -> "Amount":
        """As much for another length of time."""
        return Amount(usd=self.usd * factor, low=self.low * factor, high=self.high * factor)


@dataclass(frozen=True, kw_only=True)
class Saving:
    """Money that is not spent any more, or need not be."""

    kind: Kind
    agent_id: str
    n: int
    """Calls or runs the amount rests on."""
    amount: Amount
    """Of the days looked at."""
    usd_month: Amount
    evidence: str
    action: str
    """What to do; empty where it is done."""

    @property
    def is_realised(self) -> bool:
        """Whether it is saved already."""
        return self.kind in REALISED


@dataclass(frozen=True, kw_only=True)
class NoEvidence:
    """A saving that may exist and is not shown."""

    kind: Kind
    agent_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way an agent has worked: a version on a model."""

    version: str
    provider: str | None
    model: str | None
    runs: int
    cost: Sums
    """US dollars a run, of those with a price."""
    accuracy: Sums
    """In [0, 1], of those that were judged."""

    @property
    def title(self) -> str:
        """How people call it."""
        return f"{self.version} on {self.model or self.provider or 'an unnamed model'}"


def counted(costs: Sums) -> Amount:
    """An amount that many events of differing cost add up to.

    Args:
        costs: US dollars of each event, 0 or more.

    Assumes: events come independently of each other; those in bursts vary more.
    Source: compound Poisson process, variance E[N] E[X^2], estimated by the sum of squares (Ross, Introduction to Probability Models,
        11th ed., section 5.4.2).
    """
    half = _z(ALPHA / 2) * math.sqrt(costs.squares)
    return Amount(usd=costs.total, low=max(costs.total - half, 0.0), high=costs.total + half)


def changed(before: Sums, after: Sums, *, runs: int) -> Amount | None:
    """What so many runs at the cost of `after` save against the cost of `before`; None with too few of either.

    Source: Welch (1947), Biometrika 34, 28-35, with the normal quantile that 100 values allow.
    """
    return None if min(before.n, after.n) < FEWEST else _difference(before, after, runs=runs)


def _difference(before: Sums, after: Sums, *, runs: int) -> Amount:
    each = before.mean - after.mean
    half = _z(ALPHA / 2) * math.sqrt(before.error + after.error)
    return Amount(usd=each * runs, low=(each - half) * runs, high=(each + half) * runs)


def cheapest(
    agent_id: str, options: Sequence[Option], *, margin: float, comparisons: int, month: float
) -> Saving | NoEvidence | None:
    """The cheapest way an agent has worked that is shown to be as good as its usual one.

    Args:
        agent_id: Whose ways they are.
        options: At least one.
        margin: Largest loss of accuracy that does not matter, in (0, 1).
        comparisons: How many pairs are compared altogether, over all agents; each is judged the more strictly.
        month: By what an amount of the days looked at is multiplied for a month's.

    Returns:
        None where there is only one way.

    Assumes: both got work of the same kind; nothing assigned them by chance, so an experiment has to confirm it.
    Source: Welch (1947); non-inferiority and lower cost have both to be shown, Berger (1982), Technometrics 24(4), 295-300, so
        neither is corrected for the other; Bonferroni over the pairs.
    """
    usual = max(options, key=lambda o: (o.runs, o.cost.mean, o.title))
    others = [o for o in options if o is not usual]
    if not others:
        return None
    z = _z(ALPHA / max(comparisons, 1))
    shown = [o for o in others if _is_cheaper(usual, o, z) and _is_as_good(usual, o, z, margin)]
    if not shown:
        reasons = "; ".join(f"{o.title}: {_why_not(usual, o, z, margin)}" for o in others)
        return NoEvidence(kind="cheaper model", agent_id=agent_id, reason=reasons)
    best = min(shown, key=lambda o: o.cost.mean)
    amount = _difference(usual.cost, best.cost, runs=usual.runs)
    evidence = (
        f"{best.title} costs {best.cost.mean:.4f} USD a run (n={best.cost.n:,}), {usual.title} {usual.cost.mean:.4f} (n={usual.cost.n:,}); "
        f"accuracy {best.accuracy.mean:.3f} (n={best.accuracy.n:,}) and {usual.accuracy.mean:.3f} (n={usual.accuracy.n:,}), "
        f"not worse by {margin:g}; not assigned by chance"
    )
    return Saving(
        kind="cheaper model", agent_id=agent_id, n=usual.runs, amount=amount, usd_month=amount.scaled(month),
        evidence=evidence, action="confirm it by an experiment: prisma-assets experiment create",
    )  # fmt: skip


def _is_cheaper(usual: Option, other: Option, z: float) -> bool:
    if min(usual.cost.n, other.cost.n) < FEWEST:
        return False
    difference = usual.cost.mean - other.cost.mean
    return difference > z * math.sqrt(usual.cost.error + other.cost.error)


def _is_as_good(usual: Option, other: Option, z: float, margin: float) -> bool:
    if min(usual.accuracy.n, other.accuracy.n) < FEWEST:
        return False
    difference = other.accuracy.mean - usual.accuracy.mean
    return difference - z * math.sqrt(usual.accuracy.error + other.accuracy.error) > -margin


def _why_not(usual: Option, other: Option, z: float, margin: float) -> str:
    if min(usual.cost.n, other.cost.n) < FEWEST:
        return f"{min(usual.cost.n, other.cost.n):,} priced runs of the fewer side, of {FEWEST}"
    if not _is_cheaper(usual, other, z):
        return "not shown to be cheaper"
    if min(usual.accuracy.n, other.accuracy.n) < FEWEST:
        return f"cheaper, but {min(usual.accuracy.n, other.accuracy.n):,} judged runs of the fewer side, of {FEWEST}"
    return f"cheaper, but not shown to be as accurate within {margin:g}"


def _z(alpha: float) -> float:
    return NormalDist().inv_cdf(1 - alpha)
