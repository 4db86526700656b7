"""From a file and what is asked about it to judged experiments."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from prisma_assets.command.experiment_report import Judged
from prisma_assets.command.metric_option import read_metrics
from prisma_assets.command.outcome_file import DAY_SECONDS, read_table
from prisma_assets.command.outcomes import Layout, Outcomes, read_outcomes
from prisma_assets.command.output import note
from prisma_assets.command.summary_file import (
    Recorded,
    is_summaries,
    metric_names,
    read_summaries,
)
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.metric import Kind, Metric
from prisma_assets.domain.experiments.replay import replay_units
from prisma_assets.domain.experiments.summary import SummaryTrack
from prisma_assets.domain.experiments.summary_replay import replay_summaries
from prisma_assets.domain.experiments.tally import Numbers

OF_SUMMARIES = (Kind.MEAN, Kind.BINARY)
OF_UNITS = tuple(kind for kind in Kind if kind is not Kind.MEAN)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked."""

    file: Path
    metrics: list[str]
    """As written; empty: all that sufficient statistics hold."""
    primary: str | None
    guardrails: list[str]
    layout: Layout
    max_blocks: int | None
    alpha: float
    min_days: float

    def design(self, metrics: tuple[Metric, ...], splits: Numbers) -> Design:
        """What the request fixes beforehand."""
        shares = tuple(dict.fromkeys(splits.tolist()))
        return Design(metrics=metrics, splits=shares, alpha=self.alpha, max_blocks=self.max_blocks)


def judge(request: Request) -> Iterator[Judged]:
    """Every experiment of a file.

    Raises:
        InputError: The file or the request cannot be an experiment.
    """
    frame = read_table(request.file)
    if not is_summaries(frame):
        yield _outcomes(request, frame)
        return
    metrics = _metrics(request, request.metrics or metric_names(frame), OF_SUMMARIES)
    layout = request.layout
    names = [m.name for m in metrics]
    for recorded in read_summaries(
        request.file, frame, time=layout.time, split=layout.split, metrics=names
    ):
        yield _summary(request, recorded, metrics)


def _outcomes(request: Request, frame: pd.DataFrame) -> Judged:
    if not request.metrics:
        raise InputError(
            f"name what to compare, e.g. --metric accepted:binary; {request.file} has {', '.join(frame.columns)}"
        )
    metrics = _metrics(request, request.metrics, OF_UNITS)
    found = read_outcomes(request.file, frame, layout=request.layout, metrics=metrics)
    for line in found.notes:
        note(line)
    if request.min_days and found.seconds is None:
        raise InputError(f"{request.file}: --min-days needs a column of times; name it with --time")
    design = request.design(metrics, found.units.splits)
    earliest = _earliest(found.seconds, request.min_days)
    replay = replay_units(design, found.units, earliest=earliest, alarms=found.alarms)
    pairs = float(min(found.units.treated.sum(), (~found.units.treated).sum()))
    return Judged(
        name="", replay=replay, arrivals=_arrivals(found), pairs_per_second=_rate(pairs, found.seconds), alpha=request.alpha,
    )  # fmt: skip


def _summary(request: Request, recorded: Recorded, metrics: tuple[Metric, ...]) -> Judged:
    first = next(iter(recorded.looks.values()))
    design = request.design(metrics, first.splits)
    primary = recorded.looks[design.primary.name]
    treated, control = primary.treated.count, primary.control.count

    def arrivals(look: int) -> dict[str, Any]:
        i = max(look, 1) - 1
        return {"time": recorded.stamps[i], "treated": int(treated[i]), "control": int(control[i])}

    tracks = [SummaryTrack(m, design, recorded.looks[m.name]) for m in metrics]
    replay = replay_summaries(tracks, earliest=_earliest(recorded.seconds, request.min_days))
    pairs = float(np.minimum(treated, control)[-1])
    since_start = np.concatenate([[0.0], recorded.seconds])
    name = " ".join(part for part in (recorded.experiment, recorded.variant) if part)
    return Judged(
        name=name, replay=replay, arrivals=arrivals, pairs_per_second=_rate(pairs, since_start), alpha=request.alpha,
    )  # fmt: skip


def _metrics(request: Request, written: list[str], kinds: tuple[Kind, ...]) -> tuple[Metric, ...]:
    metrics = read_metrics(
        written, primary=request.primary, guardrails=request.guardrails, default=kinds[0]
    )
    wrong = next((m for m in metrics if m.kind not in kinds), None)
    if wrong is not None:
        raise InputError(
            f"metric '{wrong.name}': {request.file} cannot hold the kind {wrong.kind}; of such a file say {', '.join(kinds)}"
        )
    return metrics


def _earliest(seconds: Numbers | None, min_days: float) -> int:
    """Units or looks that had come when the minimum duration was over; one more than all where it was not."""
    if seconds is None or not min_days:
        return 0
    return int((seconds < seconds[0] + min_days * DAY_SECONDS).sum()) + 1


def _rate(pairs: float, seconds: Numbers | None) -> float | None:
    """Units of the smaller arm per second."""
    if seconds is None or len(seconds) < 2 or seconds[-1] <= seconds[0]:
        return None
    return pairs / float(seconds[-1] - seconds[0])


def _arrivals(found: Outcomes) -> Callable[[int], dict[str, Any]]:
    treated = np.concatenate([[0], np.cumsum(found.units.treated)])
    stamps = [None, *found.stamps] if found.stamps else None

    def arrivals(seen: int) -> dict[str, Any]:
        count = int(treated[seen])
        return {"time": stamps[seen] if stamps else None, "treated": count, "control": seen - count}

    return arrivals
