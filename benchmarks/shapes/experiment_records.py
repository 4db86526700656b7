"""Real experiments and real agent runs, judged as running experiments and by a test of everything at the end, for `benchmarks/statistics.py`."""

import os
from collections import Counter
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from experiment_streams import metric
from scipy.stats import binomtest, norm

from prisma_assets.command.outcome_file import read_table
from prisma_assets.command.summary_file import read_summaries
from prisma_assets.domain.experiments.assignment import place
from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.health import Units
from prisma_assets.domain.experiments.metric import Direction, Kind, Metric, Role
from prisma_assets.domain.experiments.replay import Replay, replay_units
from prisma_assets.domain.experiments.summary import Looks, SummaryTrack
from prisma_assets.domain.experiments.summary_replay import replay_summaries
from prisma_assets.domain.experiments.verdict import Hold

SHARED = Path(os.environ.get("PRISMA_SHARED_DATA", Path(__file__).parents[2] / "../shared/data"))
ALPHA = 0.05


@dataclass(frozen=True)
class Compared:
    """One record judged both ways."""

    replay: Replay
    used: float
    """Share of the record up to the verdict."""
    at_end: int
    """What a test of everything says: 1 better, -1 worse, 0 neither."""


def real(_: int) -> None:
    """Decisions on records that were not made for this."""
    if not SHARED.is_dir():
        print(f"\nno real data at {SHARED}; set PRISMA_SHARED_DATA")
        return
    print(
        "\nReal records, judged as they came; agreement is with a z-test or an exact McNemar test of the whole record at 5 %\n"
    )
    print("| records | verdicts | agree | of the record used, mean |\n|---|---|---|---|")
    _tell("34 shop experiments (42 comparisons), open-ended", shop(declared=False))
    _tell("the same, declared maximum = their final size", shop(declared=True))
    _tell("41 models on the same 1,700 calls, neighbours by accuracy, paired", functions())
    _tell("two models on the same 60 airline and retail tasks, paired", airline_and_retail())
    _tell("one agent against itself on 50 airline tasks, 3 pairs of trials", itself())


def _tell(name: str, found: list[Compared]) -> None:
    words = Counter(c.replay.decision.verdict.word.split(" (")[0] for c in found)
    judged = [c for c in found if not isinstance(c.replay.decision.verdict, Hold)]
    agree = sum(_says(c.replay) == c.at_end for c in judged)
    used = np.mean([c.used for c in judged]) if judged else np.nan
    shown = ", ".join(f"{n} {word}" for word, n in words.most_common())
    print(f"| {name} | {shown} | {agree} of {len(judged)} | {100 * used:.0f} % |")


def _says(replay: Replay) -> int:
    """What was established about the primary metric."""
    events = next(r.events for r in replay.readings if r.metric.role is Role.PRIMARY)
    at = replay.decision.at or replay.seen
    return int(events.get("better", at + 1) <= at) - int(events.get("worse", at + 1) <= at)


def shop(*, declared: bool) -> list[Compared]:
    """The controlled experiments of an online shop, each judged on its first metric."""
    path = SHARED / "experiments" / "asos_experiments.csv"
    one = Metric(
        name="1", kind=Kind.MEAN, direction=Direction.HIGHER, margin=0.01, role=Role.PRIMARY
    )
    found = []
    for recorded in read_summaries(path, read_table(path), time=None, split="0.5", metrics=["1"]):
        looks = recorded.looks["1"]
        final = int(min(looks.treated.count[-1], looks.control.count[-1]))
        design = Design(metrics=(one,), splits=(0.5,), max_blocks=final if declared else None)
        replay = replay_summaries([SummaryTrack(one, design, looks)])
        used = looks.treated.count[replay.seen - 1] / looks.treated.count[-1]
        found.append(Compared(replay, float(used), _z_test(looks)))
    return found


def _z_test(looks: Looks) -> int:
    last = np.flatnonzero(
        np.isfinite(looks.treated.variance) & np.isfinite(looks.control.variance)
    )[-1]
    t, c = looks.treated, looks.control
    z = (t.mean[last] - c.mean[last]) / np.sqrt(
        t.variance[last] / t.count[last] + c.variance[last] / c.count[last]
    )
    return int(np.sign(z)) if abs(z) > norm.ppf(1 - ALPHA / 2) else 0


def functions() -> list[Compared]:
    """Models on the same function calls; each with the next better one."""
    runs = pd.read_parquet(SHARED / "agent_runs" / "bfcl_runs.parquet")
    table = runs.pivot_table(index="task_id", columns="model", values="valid", observed=True)
    ranked = table.mean().sort_values().index
    return [_paired(table[a], table[b]) for a, b in pairwise(ranked)]


def airline_and_retail() -> list[Compared]:
    """A model and its fine-tuned version."""
    runs = pd.read_csv(SHARED / "agent_runs" / "tau2_runs.csv")
    runs["task"] = runs["domain"] + " / " + runs["task_id"].astype(str)
    table = runs.pivot_table(index="task", columns="model", values="reward")
    return [_paired(table.iloc[:, 0], table.iloc[:, 1])]


def itself() -> list[Compared]:
    """Trials of one agent, between which there is no difference."""
    runs = pd.read_csv(SHARED / "agent_runs" / "taubench_airline_runs.csv")
    table = runs.pivot_table(index="task_id", columns="trial", values="reward")
    return [_paired(table[a], table[b]) for a, b in combinations(table.columns, 2)]


def _paired(control: "pd.Series[float]", treated: "pd.Series[float]") -> Compared:
    order = sorted(
        range(len(control)), key=lambda i: place(str(control.index[i]), salt="order of pairs")
    )
    values = np.column_stack([control.to_numpy()[order], treated.to_numpy()[order]]).ravel()
    units = Units(
        treated=np.tile([False, True], len(order)),
        splits=np.full(len(values), 0.5),
        values={"binary": values},
    )
    design = Design(metrics=(metric(Kind.BINARY, 0.03),), splits=(0.5,), max_blocks=len(order))
    replay = replay_units(design, units)
    wins, losses = int((treated > control).sum()), int((treated < control).sum())
    exact = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    return Compared(
        replay, replay.seen / len(units), int(np.sign(wins - losses)) if exact < ALPHA else 0
    )
