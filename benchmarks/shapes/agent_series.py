"""Series as an agent's metrics make them, without an anomaly: every alarm on them is false.

What is real: the latencies and outcomes of 1,700 recorded tasks for each of several models. What is made up, from a
seed: when the tasks arrive (office hours, quiet nights and week-ends), that a busy hour is up to 30 % slower, and 5 % of
noise per bucket. Each bucket draws its tasks from the recorded ones with replacement; one of fewer than 20 has no value,
as the firm's rule for rates demands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
FEWEST_RUNS = 20
"""A P95 or a rate of fewer runs is no measurement."""
MINIMUM = 500
"""Latencies a model needs to be drawn from."""


@dataclass(frozen=True, kw_only=True)
class AgentSeries:
    """One metric of one model."""

    name: str
    step: timedelta
    weeks: float
    values: list[float | None]

    @property
    def times(self) -> list[datetime]:
        """Start of every bucket."""
        return [START + i * self.step for i in range(len(self.values))]


def agent_series(
    data: Path, *, step: timedelta, weeks: float, runs: float, agents: int
) -> Iterator[AgentSeries]:
    """P95 of latency and error rate of the first models with latencies, in the order of their names.

    Args:
        data: Folder of shared data.
        step: Length of a bucket.
        weeks: Length of each series.
        runs: Tasks an hour, averaged over the week; 45 are 5 million runs of 51 agents in 90 days.
        agents: Models to take.
    """
    recorded = pd.read_parquet(data / "agent_runs" / "bfcl_runs.parquet")
    timed = [
        (name, r)
        for name, r in recorded.groupby("model", observed=True)
        if r["latency_s"].count() >= MINIMUM
    ]
    for seed, (name, rows) in enumerate(timed[:agents]):
        rng = np.random.default_rng(seed)
        load = _load(step, weeks)
        per_bucket = runs * (step / timedelta(hours=1)) * load / load.mean()
        tasks = rng.poisson(per_bucket)
        slower = (1 + 0.3 * load) * np.exp(0.05 * rng.standard_normal(len(load)))
        latency = rows["latency_s"].dropna().to_numpy()
        failed = 1.0 - rows["valid"].to_numpy()
        p95 = [
            float(np.quantile(rng.choice(latency, n), 0.95)) * slow if n >= FEWEST_RUNS else None
            for n, slow in zip(tasks, slower, strict=True)
        ]
        errors = [float(rng.choice(failed, n).mean()) if n >= FEWEST_RUNS else None for n in tasks]
        for metric, values in (("P95", p95), ("error rate", errors)):
            yield AgentSeries(name=f"{name} {metric}", step=step, weeks=weeks, values=values)


def _load(step: timedelta, weeks: float) -> NDArray[np.float64]:
    """Share of the busiest hour's work: a wave over the day, a third of it at week-ends."""
    hours = np.arange(int(timedelta(weeks=weeks) / step)) * (step / timedelta(hours=1))
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * (hours % 24) / 24)
    return (0.1 + 0.9 * wave) * np.where((hours // 24) % 7 < 5, 1.0, 0.35)
