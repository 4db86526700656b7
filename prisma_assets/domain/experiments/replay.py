"""A finished record judged as the running experiment would have been: it ends where its verdict fell."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.experiment import Experiment
from prisma_assets.domain.experiments.health import Check, Units
from prisma_assets.domain.experiments.metric import Metric, Role
from prisma_assets.domain.experiments.multiplicity import discoveries
from prisma_assets.domain.experiments.power import (
    OPEN_MAXIMUM,
    SPENDING_MAXIMUM,
    fixed_blocks,
)
from prisma_assets.domain.experiments.track import Estimate, Track
from prisma_assets.domain.experiments.verdict import Alarm, Decision, Hold

STEPS = 20
"""Points of a confidence sequence that are told: a line of a chart."""
_LARGEST_LOG = 700.0
"""Beyond it an e-value is no float any more, and no question."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One metric at the verdict."""

    metric: Metric
    estimate: Estimate | None
    sequence: tuple[tuple[int, Estimate], ...]
    """Estimates on the way, each with the units (or looks) that had come by then."""
    log_e_value: float | None
    """Evidence of any difference, for secondary metrics."""
    events: Mapping[str, int]
    is_discovery: bool = False
    """Secondary: called changed by e-BH."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What a running experiment would have concluded."""

    decision: Decision
    seen: int
    """Units (or looks) up to the verdict or the end."""
    readings: tuple[Reading, ...]
    checks: tuple[Check, ...]
    needed: int | None
    """Blocks for 80 % power at the primary's margin; None: its spread is not known."""


def replay_units(
    design: Design, units: Units, *, earliest: int = 0, alarms: tuple[Alarm, ...] = ()
) -> Replay:
    """Judge units in order of arrival.

    Args:
        design: What was fixed beforehand.
        units: All of them.
        earliest: Units that had arrived when the minimum duration was over.
        alarms: Broken instruments that only the whole record shows.
    """
    whole = Experiment(design)
    whole.update(units)
    decision = whole.decision(earliest=earliest, others=alarms)
    # What is held goes on arriving, and whoever mends it wants to see all of it.
    is_held = isinstance(decision.verdict, Hold)
    seen = len(units) if is_held or decision.at is None else decision.at
    told = Experiment(design)
    sequences: dict[str, list[tuple[int, Estimate]]] = {m.name: [] for m in design.metrics}
    for start, stop in steps(seen):
        told.update(units.part(start, stop))
        for name, track in told.tracks.items():
            estimate = track.estimate()
            if estimate is not None:
                sequences[name].append((stop, estimate))
    return Replay(
        decision=decision,
        seen=seen,
        readings=with_discoveries(
            [
                _unknown(track.metric)
                if sum(told.health.unpriced.get(name, []))
                else _reading(track, sequences[name])
                for name, track in told.tracks.items()
            ]
        ),
        checks=tuple(told.health.checks()),
        needed=needed_of(told.tracks[design.primary.name]),
    )


def steps(seen: int) -> list[tuple[int, int]]:
    """Stretches of the record between the points that are told."""
    edges = np.unique(np.linspace(0, seen, STEPS + 1).astype(int)).tolist()
    return list(pairwise(edges))


def _unknown(metric: Metric) -> Reading:
    """A cost of which some is unknown; the mean of the rest would be a number for something else."""
    return Reading(metric=metric, estimate=None, sequence=(), log_e_value=None, events={})


def _reading(track: Track, sequence: list[tuple[int, Estimate]]) -> Reading:
    return Reading(
        metric=track.metric,
        estimate=track.estimate(),
        sequence=tuple(sequence),
        log_e_value=track.log_e_value() if track.metric.role is Role.SECONDARY else None,
        events=track.events,
    )


def with_discoveries(readings: list[Reading]) -> tuple[Reading, ...]:
    """The readings, with the secondary metrics that changed marked."""
    evidence = {
        r.metric.name: math.exp(min(r.log_e_value, _LARGEST_LOG))
        for r in readings
        if r.metric.role is Role.SECONDARY and r.log_e_value is not None
    }
    found = discoveries(evidence)
    return tuple(replace(r, is_discovery=r.metric.name in found) for r in readings)


def needed_of(primary: Track) -> int | None:
    """Blocks for 80 % power at the primary's margin; None: its spread is not known."""
    counts = primary.tally.summary()
    if primary.scale is None or not counts.deviation:
        return None
    effect = primary.scale.benefit(primary.metric)
    return needed_blocks(effect, counts.deviation, primary.design)


def needed_blocks(effect: float, deviation: float, design: Design) -> int:
    """Blocks to be declared as maximum, or waited for, to find the margin with 80 % power."""
    fixed = fixed_blocks(effect, deviation, alpha=design.alpha)
    return math.ceil(fixed * (SPENDING_MAXIMUM if design.spends else OPEN_MAXIMUM))
