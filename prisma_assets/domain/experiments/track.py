"""One metric of a running experiment: units in, what is established out. Its state is counts and fits into a row of a table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prisma_assets.domain.experiments import odds
from prisma_assets.domain.experiments.betting import (
    WEIGHTS,
    Bets,
    interval,
    log_capital,
    log_mixture,
    tuned_bets,
)
from prisma_assets.domain.experiments.block import Block, BlockFormer, Sides
from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.look import FEWEST, Betting, Spending
from prisma_assets.domain.experiments.metric import Kind, Metric, Role, Scale, freeze_scale
from prisma_assets.domain.experiments.spending import power_boundaries
from prisma_assets.domain.experiments.tally import SCORE_STEP, Tally, on_lattice
from prisma_assets.domain.experiments.verdict import Finding

Numbers = NDArray[np.float64]

WARM_UP = 30
"""Values of the control from which limits and stakes are frozen: enough to know a spread to a seventh. Their blocks are not compared."""
_LEAST_VARIANCE = 1e-4
"""Of a score; a control that never varied would make every stake the largest."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Effect of the treatment in the metric's terms: a difference, or a relative change where `Metric.is_relative`."""

    blocks: int
    effect: float
    low: float | None
    high: float | None
    """Ends of the confidence sequence, which holds at all looks together; None: no bound yet."""


@dataclass
class Track:
    """What is remembered of one metric."""

    metric: Metric
    design: Design
    former: BlockFormer = field(default_factory=BlockFormer)
    warm: list[Block] = field(default_factory=list)
    """Blocks of the warm-up, until it ends."""
    scale: Scale | None = None
    deviation: float | None = None
    """Of a block difference, guessed when the warm-up ends; sets the stakes for good, never their validity. None: no stakes."""
    failing: float | None = None
    """Share of the control that failed in the warm-up of a 0-1 guardrail; None: harm is sought in the differences."""
    harm: list[float] = field(default_factory=list)
    """Log capital on each alternative of `odds` so far."""
    tally: Tally = field(default_factory=Tally)
    bounds: tuple[float, ...] | None = None
    """Boundaries of z where error is spent, a fifth of a second to compute; None: not asked for yet."""
    events: dict[str, int] = field(default_factory=dict)
    """Units that had arrived when something was first established: better, worse, futile, ended, harmed, safe."""

    def __post_init__(self) -> None:
        if self.spends and not self.metric.is_relative and self.scale is None:
            self.scale = freeze_scale(self.metric, ())

    @property
    def spends(self) -> bool:
        """Whether it is judged by alpha spending; everything else is judged by betting."""
        return self.design.spends and self.metric.role is Role.PRIMARY

    def update(
        self, values: Numbers, *, treated: NDArray[np.bool_], splits: Numbers, at: NDArray[np.int64]
    ) -> None:
        """Take in units with an outcome, in order of arrival.

        Args:
            values: Outcomes in the metric's unit; no NaN.
            treated: Arm of each.
            splits: Share of the treatment in force at each, in (0, 1).
            at: Units that had arrived with it.
        """
        columns = (values.tolist(), treated.tolist(), splits.tolist(), at.tolist())
        formed = (
            (self.former.add(value, is_treated=is_treated, split=split), when)
            for value, is_treated, split, when in zip(*columns, strict=True)
        )
        compared = [(b, when) for b, when in formed if b is not None and not self._warms(b)]
        if compared:
            sides, moments = self._sides([b for b, _ in compared]), [when for _, when in compared]
            if self.failing is not None:
                self._seek_harm(self.failing, sides, at=moments)
            self._compare(on_lattice(sides.differences()), moments)

    # ---- from units to differences

    def _warms(self, block: Block) -> bool:
        """Whether a block belongs to the warm-up, which ends as soon as enough of the control is known."""
        if self.scale is not None:
            return False
        self.warm.append(block)
        known = [v for _, control in self.warm for v in control]
        if len(known) >= WARM_UP:
            self.scale = freeze_scale(self.metric, known)
            self._guess(self.scale.scores(np.array(known)), block)
            self.warm = []
        return True

    def _guess(self, scores: Numbers, block: Block) -> None:
        """What sets the stakes."""
        variance = guessed_variance(scores, is_relative=self.metric.is_relative)
        self.deviation = math.sqrt(variance * sum(1 / len(side) for side in block))
        is_share = self.metric.kind is Kind.BINARY and set(scores.tolist()) <= {0.0, 1.0}
        if is_share and self.metric.role is Role.GUARDRAIL:
            # Mean of Jeffreys' posterior: never 0 or 1.
            self.failing = (float((1 - scores).sum()) + 0.5) / (len(scores) + 1)
            self.harm = [0.0] * len(odds.WEIGHTS)

    def _sides(self, blocks: Sequence[Block]) -> Sides:
        """Scores of each side of each block, summed."""
        flat = self._frozen.scores(np.array([v for t, c in blocks for v in (*t, *c)]))
        if self.metric.is_relative:
            flat = np.rint(flat / SCORE_STEP) * SCORE_STEP
        sizes = np.array([(len(t), len(c)) for t, c in blocks])
        starts = np.concatenate([[0], np.cumsum(sizes.ravel())[:-1]])
        sums = np.add.reduceat(flat, starts).reshape(-1, 2)
        return Sides(
            treated=sums[:, 0], control=sums[:, 1],
            treated_size=sizes[:, 0].astype(float), control_size=sizes[:, 1].astype(float),
        )  # fmt: skip

    @property
    def _frozen(self) -> Scale:
        if self.scale is None:
            raise ValueError("nothing is compared before the warm-up ends")
        return self.scale

    # ---- from differences to what is established

    def _seek_harm(self, failing: float, sides: Sides, *, at: Sequence[int]) -> None:
        ratios = odds.odds_ratios(failing, self._frozen.benefit(self.metric))
        steps = odds.log_factors(sides, ratios)
        capital = np.array(self.harm) + np.cumsum(steps, axis=0)
        self.harm = capital[-1].tolist()
        reached = log_mixture(capital, odds.WEIGHTS) >= math.log(self.design.harm_evidence)
        reached[: max(FEWEST - self.tally.n - 1, 0)] = False
        if reached.any():
            self.events.setdefault("harmed", at[int(reached.argmax())])

    def _compare(self, differences: Numbers, at: Sequence[int]) -> None:
        before = self.tally.summary()
        if self.spends:  # All error is spent at the maximum; what comes after it is not compared.
            differences = differences[: max(self._spending.maximum - before.n, 0)]
        for event, position in self._rule().events(before, differences).items():
            self.events.setdefault(event, at[position])
        maximum = self.design.max_blocks
        is_primary = self.metric.role is Role.PRIMARY
        if maximum and is_primary and before.n < maximum <= before.n + len(differences):
            self.events["ended"] = at[maximum - before.n - 1]
        self.tally.add(differences)

    def _rule(self) -> Spending | Betting:
        if self.spends:
            return self._spending
        alpha, bets = self.design.alpha, self._bets
        if self.metric.role is Role.GUARDRAIL:
            margin = self._frozen.benefit(self.metric)
            sides = {"safe": (True, -margin, 1 / alpha)}
            if self.failing is None:
                sides["harmed"] = (False, 0.0, self.design.harm_evidence)
        else:
            sides = {"better": (True, 0.0, 2 / alpha), "worse": (False, 0.0, 2 / alpha)}
        return Betting(bets=bets, hypotheses=sides)

    @property
    def _spending(self) -> Spending:
        maximum, alpha = self.design.max_blocks or 0, self.design.alpha
        if self.bounds is None:
            self.bounds = power_boundaries(maximum, alpha)
        effect = self._frozen.benefit(self.metric)
        return Spending(maximum=maximum, effect=effect, bounds=self.bounds)

    @property
    def _bets(self) -> Bets:
        return tuned_bets(self._frozen.benefit(self.metric), self.deviation or 1.0)

    # ---- what is known

    def finding(self) -> Finding:
        """What is established so far, and since when."""
        return Finding(name=self.metric.name, **{f"{e}_at": at for e, at in self.events.items()})

    def estimate(self) -> Estimate | None:
        """Effect and confidence sequence as they stand; None: nothing was compared."""
        counts = self.tally.summary()
        if counts.mean is None:
            return None
        low, high = self._ends()
        ends = [None if e is None else self._frozen.effect(e) for e in (low, high)]
        if not self._frozen.is_higher_better:
            ends.reverse()
        return Estimate(
            blocks=counts.n, effect=self._frozen.effect(counts.mean), low=ends[0], high=ends[1]
        )

    def _ends(self) -> tuple[float | None, float | None]:
        counts = self.tally.summary()
        if not self.spends:
            low, high = interval(counts, self._bets, alpha=self.design.alpha)
            return (None if low <= -1 else low), (None if high >= 1 else high)
        half = self._spending.half_width(counts)
        if half is None or counts.mean is None:
            return None, None
        return counts.mean - half, counts.mean + half

    def log_e_value(self) -> float | None:
        """Evidence that the arms differ, in either direction; None: nothing was bet."""
        counts = self.tally.summary()
        if self.deviation is None or not counts.n:
            return None
        sides = [
            log_mixture(log_capital(c, self._bets), WEIGHTS) for c in (counts, counts.flipped())
        ]
        return float(np.logaddexp(*sides) - math.log(2))

    # ---- between processes

    def to_state(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "former": self.former.to_state(), "warm": self.warm, "deviation": self.deviation,
            "failing": self.failing, "harm": self.harm,
            "scale": None if self.scale is None else asdict(self.scale),
            "tally": self.tally.to_state(), "events": self.events,
            "bounds": None if self.bounds is None else [self.design.max_blocks, self.design.alpha, [*self.bounds]],
        }  # fmt: skip

    @classmethod
    def from_state(cls, metric: Metric, design: Design, state: Mapping[str, Any]) -> "Track":
        """What `to_state` wrote."""
        return cls(
            metric, design, former=BlockFormer.from_state(state["former"]),
            warm=[(list(t), list(c)) for t, c in state["warm"]], deviation=state["deviation"],
            failing=state["failing"], harm=list(state["harm"]),
            scale=None if state["scale"] is None else Scale(**state["scale"]),
            tally=Tally.from_state(state["tally"]), events=dict(state["events"]),
            bounds=_remembered(state.get("bounds"), design),
        )  # fmt: skip


def _remembered(said: Sequence[Any] | None, design: Design) -> tuple[float, ...] | None:
    """Boundaries as they were computed for this very maximum and error."""
    if said is None or said[:2] != [design.max_blocks, design.alpha]:
        return None
    return tuple(said[2])


def guessed_variance(scores: Numbers, *, is_relative: bool) -> float:
    """Variance of a score from the warm-up; of 0-1 outcomes close to that at the mean of Jeffreys' posterior, never 0.

    Args:
        scores: Of the control, two or more, in [0, 1].
        is_relative: Whether the scale was fitted to these very values, so that they spread over it.
    """
    squares = float(((scores - scores.mean()) ** 2).sum())
    if is_relative:
        return max(squares / (len(scores) - 1), _LEAST_VARIANCE)
    return (squares + 0.5) / (len(scores) + 1)
