"""Agents made of real runs, day by day, and the five ways in which they are made worse."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from prisma_assets.domain.learning.opportunity_search import AgentRecord
from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.domain.learning.stream import DayFeedback, DayRuns

FIRST = date(2026, 1, 1)
PAST, WATCHED = 84, 30
"""Days before the first look, and days looked at, one look each."""
PLANTS = ("accuracy", "slow_share", "cost_per_run", "error_type", "feedback_theme")
"""Named by the metric in which each must be found."""
LOADS = (30, 60, 120)
"""Mean runs per day."""
USD_IN, USD_OUT = 2.5e-6, 10e-6
"""Per token: what a large model costs in 2026; only the change matters here."""
THEMES = ("wording", "rounding", "missing sheet", "late", "currency", "formats")
"""What people always complain of a little; the numbers follow, not the words."""


@dataclass(frozen=True, kw_only=True)
class Plant:
    """One degradation.

    Twelve of a hundred right results become wrong, runs take half as long again, cost creeps by 1.5 % a day, a twentieth
    of the runs fails in a new way, or one in 25 runs earns a complaint of a new kind.
    """

    kind: str
    day: int


def real_runs(folder: Path) -> dict[str, pd.DataFrame]:
    """Timed runs by model."""
    runs = pd.read_parquet(folder / "agent_runs" / "bfcl_runs.parquet").dropna(subset=["latency_s"])
    runs = runs[runs.latency_s > 0]
    runs["fails"] = runs.error_type.str.contains("decoder_failed")
    return {str(model): rows for model, rows in runs.groupby("model")}


def agent_days(
    rows: pd.DataFrame, rng: np.random.Generator, plant: Plant | None
) -> tuple[list[DayRuns], list[DayFeedback]]:
    """The agent's days; the mix of its kinds of task differs from day to day."""
    load = int(rng.choice(LOADS))
    by_task = [part for _, part in rows.groupby("category")]
    usual = np.array([len(part) for part in by_task]) / len(rows)
    days, said = [], []
    for number in range(PAST + WATCHED):
        counts = rng.multinomial(rng.poisson(load), rng.dirichlet(usual * 50))
        parts = [
            part.iloc[rng.integers(len(part), size=n)]
            for part, n in zip(by_task, counts, strict=True)
        ]
        done = pd.concat(parts)
        age = number - plant.day if plant and number >= plant.day else None
        run, feedback = _day(done, rng, plant.kind if plant and age is not None else "", age or 0)
        day = FIRST + timedelta(days=number)
        days.append(replace(run, day=day))
        said.append(replace(feedback, day=day))
    return days, said


def _day(
    done: pd.DataFrame, rng: np.random.Generator, kind: str, age: int
) -> tuple[DayRuns, DayFeedback]:
    n = len(done)
    right = done.valid.to_numpy() == 1
    if kind == "accuracy":
        right &= rng.random(n) >= 0.12
    fails = done.fails.to_numpy().copy()
    types = Counter(done.error_type[fails])
    if kind == "error_type":
        new = (rng.random(n) < 0.05) & ~fails
        types["ledger_api:bad_gateway"] = int(new.sum())
        fails |= new
    factor = 1.5 if kind == "slow_share" else 1.0
    cost = USD_IN * done.input_tokens.to_numpy(float) + USD_OUT * done.output_tokens.to_numpy(float)
    cost = cost * (1.015**age if kind == "cost_per_run" else 1.0)
    judged = ~fails
    runs = DayRuns(
        day=FIRST,
        executions=n,
        errors=int(fails.sum()),
        error_types=types,
        accuracy_sum=float(right[judged].sum()),
        accuracy_n=int(judged.sum()),
        cost_usd=float(cost.sum()),
        priced=n,
        latency=Sketch.of(done.latency_s.to_numpy() * 1000 * factor),
    )
    return runs, _said(right, rng, kind)


def _said(right: np.ndarray, rng: np.random.Generator, kind: str) -> DayFeedback:
    """One run in six is rated by how it went; one in fifty earns a complaint."""
    rated = right[rng.random(len(right)) < 1 / 6]
    stars = np.clip(np.round(np.where(rated, 4.6, 3.2) + rng.normal(0, 0.7, len(rated))), 1, 5)
    themes = Counter(rng.choice(THEMES, size=rng.binomial(len(right), 0.02)).tolist())
    if kind == "feedback_theme":
        themes["totals do not add up"] = int(rng.binomial(len(right), 0.04))
    issues = Counter(
        rng.choice(
            ["format", "incomplete", "unclear"], size=rng.binomial(len(right), 0.01)
        ).tolist()
    )
    return DayFeedback(
        day=FIRST,
        feedback=len(rated) + themes.total() + issues.total(),
        rating_sum=int(stars.sum()),
        rating_n=len(rated),
        issues=issues,
        themes=themes,
    )


def record(runs: list[DayRuns], said: list[DayFeedback], through: int) -> AgentRecord:
    """What is known at the end of a day."""
    start = max(0, through - PAST)
    return AgentRecord(
        agent_id="audit-plan-012",
        agent_version="1.0.0",
        risk="high",
        through=runs[through].day,
        runs=tuple(runs[start : through + 1]),
        feedback=tuple(said[start : through + 1]),
    )
