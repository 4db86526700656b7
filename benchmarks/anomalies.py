"""How well the streaming detector does: on labelled series, on agents' series without an anomaly, and how fast.

    python -P benchmarks/anomalies.py [--agents 6] [--halves 500]

The labelled series and their scoring rules are those of the Numenta Anomaly Benchmark. They are found through
PRISMA_SHARED_DATA (default ../shared/data), the scoring tool beside it in tools.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "shapes"))
from agent_series import agent_series

from prisma_assets.domain.monitoring import anomaly, anomaly_gate
from prisma_assets.domain.monitoring.anomaly import AnomalyDetector
from prisma_assets.domain.monitoring.anomaly_gate import COOLDOWN, FORGIVEN_DAYS, THRESHOLD, Gate
from prisma_assets.domain.monitoring.anomaly_judgement import Finding

DATA = Path(__file__).parents[1] / os.environ.get("PRISMA_SHARED_DATA", "../shared/data")
VARIANTS = list(
    product((0.975, 0.98, THRESHOLD, 0.99), (75, COOLDOWN, 150), (3.5, FORGIVEN_DAYS, 7.0))
)
"""Threshold, cooldown and days of forgiveness among which a fitter chooses on one half of the series."""
LOOSEST = min(threshold for threshold, _, _ in VARIANTS)


@dataclass(kw_only=True)
class Watched:
    """One series through the detector."""

    scores: list[float] = field(default_factory=list)
    alarms: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def watch(times: Sequence[datetime], values: Sequence[float | None]) -> Watched:
    """Feed a series value by value."""
    detector, seen = AnomalyDetector(), Watched()
    for at, value in zip(times, values, strict=True):
        began = time.perf_counter()
        judgement = detector.update(at, value)
        seen.seconds.append(time.perf_counter() - began)
        seen.scores.append(judgement.score or 0.0)
        seen.alarms.append(float(judgement.is_anomaly))
    return seen


def candidates(
    times: Sequence[datetime], values: Sequence[float | None]
) -> list[dict[str, object]]:
    """What reached the gate with a chance to pass it under the loosest variant."""
    reached: list[dict[str, object]] = []

    class Recorder(Gate):
        """Notes what reaches the gate."""

        def decide(
            self, p_value: float, *, is_large: bool, row: int, at: datetime
        ) -> tuple[Finding, Gate]:
            """Note what is asked and let nothing pass."""
            if p_value <= 1 - LOOSEST:
                reached.append({"p_value": p_value, "is_large": is_large, "row": row, "at": at})
            return Finding.USUAL, self

    with mock.patch.multiple(anomaly, Gate=Recorder, THRESHOLD=LOOSEST):
        watch(times, values)
    return reached


def replay(reached: Sequence[Mapping[str, object]], rows: int) -> np.ndarray:
    """The alarms of the gate, as it is set just now, on what reached it."""
    gate, alarms = Gate(), np.zeros(rows)
    for asked in reached:
        finding, gate = gate.decide(**asked)
        alarms[asked["row"] - 1] = finding is Finding.ANOMALY
    return alarms


@contextmanager
def gate_set_to(threshold: float, cooldown: int, days: float) -> Iterator[None]:
    """Other settings of the gate, for the time of a block."""
    with mock.patch.multiple(
        anomaly_gate, THRESHOLD=threshold, COOLDOWN=cooldown, FORGIVEN_DAYS=days
    ):
        yield


def new_record(values: np.ndarray) -> np.ndarray:
    """The naive rival: 1 where a value is higher or lower than all before."""
    high, low = np.maximum.accumulate(values), np.minimum.accumulate(values)
    out = np.zeros(len(values))
    out[1:] = (values[1:] > high[:-1]) | (values[1:] < low[:-1])
    return out


def labelled(nab: ModuleType) -> None:
    """The benchmark's score of our detector, and of the naive one."""
    frames = dict(nab.series())
    seen = {
        n: watch(list(f["timestamp"].dt.to_pydatetime()), f["value"].tolist())
        for n, f in frames.items()
    }
    results = {
        f"ours, threshold {THRESHOLD}": nab.score(
            {n: s.scores for n, s in seen.items()}, THRESHOLD
        ),
        "ours, best threshold on these series": nab.score({n: s.scores for n, s in seen.items()}),
        "new record": nab.score({n: new_record(f["value"].to_numpy()) for n, f in frames.items()}),
    }
    print(f"{len(frames)} labelled series, {sum(map(len, frames.values())):,} values\n")
    print("| detector | standard | low false positives | low false negatives |\n|---|---|---|---|")
    for label, profiles in results.items():
        print(f"| {label} | {' | '.join(f'{value:.1f}' for value, _ in profiles.values())} |")
    spent = np.array([s for w in seen.values() for s in w.seconds]) * 1000
    print(
        f"\nms per update: median {np.median(spent):.2f}, P95 {np.quantile(spent, 0.95):.2f}; limit 1.5"
    )


def halves(nab: ModuleType, count: int) -> None:
    """What choosing settings on one half of the series brings on the other."""
    frames = dict(nab.series())
    reached = {
        n: candidates(list(f["timestamp"].dt.to_pydatetime()), f["value"].tolist())
        for n, f in frames.items()
    }
    names, windows = list(frames), np.array([len(nab.WINDOWS[n]) for n in frames])
    gains = np.array([gain(nab, reached, variant) for variant in VARIANTS])
    ours = VARIANTS.index((THRESHOLD, COOLDOWN, FORGIVEN_DAYS))
    rng, chosen, fixed = np.random.default_rng(2026), [], []
    for _ in range(count):
        half = rng.permutation(len(names)) < len(names) // 2
        best = int(np.argmax(gains[:, half].sum(axis=1)))
        chosen.append(100 * gains[best, ~half].sum() / (2 * windows[~half].sum()))
        fixed.append(100 * gains[ours, ~half].sum() / (2 * windows[~half].sum()))
    overall = 100 * gains.sum(axis=1) / (2 * windows.sum())
    print(
        f"\n{len(VARIANTS)} settings of the gate on all series: {overall.min():.1f} to {overall.max():.1f}, ours {overall[ours]:.1f}"
    )
    print(f"\n| {count} random halves | standard on the other half |\n|---|---|")
    print(f"| the best setting of the first half | {np.mean(chosen):.1f} +- {np.std(chosen):.1f} |")
    print(f"| ours, whatever the half | {np.mean(fixed):.1f} +- {np.std(fixed):.1f} |")


def gain(
    nab: ModuleType, reached: Mapping[str, list], variant: tuple[float, int, float]
) -> np.ndarray:
    """Points of each series over a silent detector, in windows; they add up over series.

    A series without a window has no score of its own, so each is scored together with one that has.
    """
    anchor = next(n for n in reached if nab.WINDOWS[n])
    with gate_set_to(*variant):
        alarms = {n: replay(r, len(nab.frame(n))) for n, r in reached.items()}

    def points(names: list[str]) -> float:
        total = 2 * sum(len(nab.WINDOWS[n]) for n in names)
        return nab.score({n: alarms[n] for n in names}, 0.5, names)["standard"][0] * total / 100

    alone = points([anchor])
    return np.array([alone if n == anchor else points([anchor, n]) - alone for n in reached])


def quiet(agents: int) -> None:
    """False alerts on agents' series in which nothing happens."""
    print(
        "\n| agents' series without an anomaly | series-weeks | false alerts per series-week | worst series |\n|---|---|---|---|"
    )
    for label, step, weeks, runs in (
        ("hourly, 45 runs an hour", timedelta(hours=1), 13, 45),
        ("five-minute, 480 runs an hour", timedelta(minutes=5), 4, 480),
    ):
        for metric in ("P95", "error rate"):
            series = [
                s
                for s in agent_series(DATA, step=step, weeks=weeks, runs=runs, agents=agents)
                if s.name.endswith(metric)
            ]
            counts = [sum(watch(s.times, s.values).alarms) for s in series]
            total = weeks * len(series)
            print(
                f"| {metric}, {label} | {total} | {sum(counts) / total:.2f} | {max(counts) / weeks:.2f} |"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=6, help="models whose series are watched")
    parser.add_argument(
        "--halves",
        type=int,
        default=0,
        help="random halves of the stability check; 0 leaves it out",
    )
    options = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"no data at {DATA}; set PRISMA_SHARED_DATA")
    sys.path.insert(0, str(DATA.parent / "tools"))
    import nab_score

    labelled(nab_score)
    quiet(options.agents)
    if options.halves:
        halves(nab_score, options.halves)


if __name__ == "__main__":
    main()
