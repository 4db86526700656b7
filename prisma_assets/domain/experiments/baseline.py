"""What is known of an agent before an experiment starts: which metrics are recorded, and how long its traffic needs to decide."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prisma_assets.domain.experiments.health import has_outcome
from prisma_assets.domain.experiments.metric import Kind, Metric, Role, freeze_scale
from prisma_assets.domain.experiments.plan import Plan
from prisma_assets.domain.experiments.power import Underpowered, power_statement
from prisma_assets.domain.experiments.replay import needed_blocks
from prisma_assets.domain.experiments.track import guessed_variance

_DAY_SECONDS = 86_400
FEWEST = 10
"""Units from which a spread is guessed; below it the guess is mostly chance."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Units of the agent's recent past, as an experiment would count them."""

    values: Mapping[str, NDArray[np.float64]]
    """One per unit by metric; NaN: it has none."""
    units: int
    days: float
    """Over which they came; 0: there is no past."""


@dataclass(frozen=True, kw_only=True)
class Power:
    """What is honest to say before the start."""

    statement: str
    is_enough: bool | None
    """None: nothing is known that could say."""
    needed_blocks: int | None
    """Units of the smaller arm for 80 % power at the primary's margin."""
    weeks: float | None
    """Until then, at the agent's traffic."""


def unrecorded(plan: Plan, baseline: Baseline) -> Iterator[str]:
    """Metrics that would decide and that nobody records of this agent, each with the reason."""
    if not baseline.units:
        return
    for metric in plan.metrics:
        if metric.role is not Role.SECONDARY and not _known(metric, baseline):
            why = "every run cost nothing or has no price" if metric.kind is Kind.COST else "no run or feedback of it has one"  # fmt: skip
            yield f"nobody records the {metric.name} of {plan.agent_id}: {why} in the last {baseline.days:.0f} days"


def power_of(plan: Plan, baseline: Baseline) -> Power:
    """Whether the traffic can decide within the longest duration, and when."""
    values = _values(plan.design.primary, baseline)
    if len(values) < FEWEST or baseline.days <= 0:
        reason = f"{len(values)} units of the past have a value of {plan.design.primary.name}, of at least {FEWEST}"
        return Power(
            statement=f"power unknown: {reason}", is_enough=None, needed_blocks=None, weeks=None
        )
    needed = _needed(plan, values)
    per_day = baseline.units / baseline.days * min(plan.split, 1 - plan.split)
    left = max(plan.max_days - plan.outcome_hours / 24, 0.0)
    said = power_statement(needed, available=math.floor(per_day * left), blocks_per_second=per_day / _DAY_SECONDS)  # fmt: skip
    return Power(
        statement=_sentence(said, plan, said.weeks or math.inf), is_enough=not isinstance(said, Underpowered),
        needed_blocks=needed, weeks=said.weeks,
    )  # fmt: skip


def _needed(plan: Plan, values: NDArray[np.float64]) -> int:
    metric, design = plan.design.primary, replace(plan.design, max_blocks=1)  # one will be declared
    scale = freeze_scale(metric, values.tolist())
    variance = guessed_variance(scale.scores(values), is_relative=metric.is_relative)
    smaller = min(plan.split, 1 - plan.split)
    # A block is one unit of the smaller arm against the mean of its partners in the larger one.
    deviation = math.sqrt(variance * (1 + smaller / (1 - smaller)))
    return needed_blocks(scale.benefit(metric), deviation, design)


def _sentence(said: object, plan: Plan, weeks: float) -> str:
    metric = plan.design.primary
    aim = f"a difference of {metric.margin:g} in {metric.name} with 80 % power"
    if isinstance(said, Underpowered):
        return (
            f"underpowered: {aim} takes {said.blocks:,} units of the smaller arm, about {weeks:.1f} weeks at this agent's traffic, "
            f"and some {said.available:,} come in {plan.max_days} days"
        )
    blocks = getattr(said, "blocks", 0)
    return f"{aim} takes {blocks:,} units of the smaller arm, about {weeks:.1f} weeks at this agent's traffic"


def _values(metric: Metric, baseline: Baseline) -> NDArray[np.float64]:
    values = baseline.values.get(metric.name, np.empty(0))
    kept: NDArray[np.float64] = values[has_outcome(metric, values)]
    return kept


def _known(metric: Metric, baseline: Baseline) -> bool:
    return bool(len(_values(metric, baseline)))
