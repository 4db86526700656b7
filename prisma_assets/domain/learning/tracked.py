"""What is followed of every agent from day to day, and how much change of it matters to anybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Tracked(StrEnum):
    """A figure of one agent and day."""

    LATENCY = "p95_ms"
    """95th percentile of the time a run takes, milliseconds."""
    ERROR_RATE = "error_rate"
    """Share of runs that ended with an error or out of time, 0 to 1."""
    COST = "cost_per_run"
    """US dollars per priced run."""
    TOKENS = "tokens_per_run"
    """Tokens read and written per run: what a run uses, priced or not."""
    ACCURACY = "accuracy"
    """Mean accuracy of the runs that were judged, 0 to 1."""
    SATISFACTION = "satisfaction"
    """Mean rating by people, 1 to 5."""


class Direction(StrEnum):
    """What a change means for the firm."""

    BETTER = "better"
    WORSE = "worse"
    NONE = "none"
    """No change that is both significant and large enough to matter."""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """How changes of one figure are read."""

    higher_is_better: bool
    margin: float
    """Change over the whole window from which it is worth telling."""
    is_relative: bool = False
    """The margin is a share of the level; else it has the figure's own unit."""


# Margins as of 2026-11. A tenth of time, money or tokens is the least a person notices or a budget plans with. One point
# of accuracy or errors is one more wrong output in a hundred, the grain in which reviewers count. A tenth of a rating is
# what fifty ratings (standard deviation about 0.7) tell from nothing.
MEANINGS: Mapping[Tracked, Meaning] = MappingProxyType(
    {
        Tracked.LATENCY: Meaning(higher_is_better=False, margin=0.10, is_relative=True),
        Tracked.ERROR_RATE: Meaning(higher_is_better=False, margin=0.01),
        Tracked.COST: Meaning(higher_is_better=False, margin=0.10, is_relative=True),
        Tracked.TOKENS: Meaning(higher_is_better=False, margin=0.10, is_relative=True),
        Tracked.ACCURACY: Meaning(higher_is_better=True, margin=0.01),
        Tracked.SATISFACTION: Meaning(higher_is_better=True, margin=0.10),
    }
)


@dataclass(frozen=True, kw_only=True)
class DailySeries:
    """One figure of one agent, a value per day."""

    agent_id: str
    metric: Tracked
    values: tuple[float | None, ...]
    """Oldest first, one per calendar day; None means no data that day."""


def direction_of(metric: Tracked, change: float, *, level: float) -> Direction:
    """What a change of that size means.

    Args:
        metric: What has changed.
        change: New minus old, in the metric's unit.
        level: What it was like before or on the whole, same unit.
    """
    meaning = MEANINGS[metric]
    margin = meaning.margin * abs(level) if meaning.is_relative else meaning.margin
    if change == 0 or abs(change) < margin:
        return Direction.NONE
    return Direction.BETTER if (change > 0) == meaning.higher_is_better else Direction.WORSE
