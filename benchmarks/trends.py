"""How often trends and change points are false, how often true ones are found, and how wrong forecasts are.

    python -P benchmarks/trends.py [--quick] [--only trends|changes|told|annotated|forecasts|speed]

Simulated agents, seeded; the series that five people annotated are found through PRISMA_SHARED_DATA (default ../shared/data).
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "shapes"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from annotated_changes import annotated_series, covering, f_measure
from ruptures import KernelCPD
from scipy.stats import false_discovery_control, kendalltau

from prisma_assets.domain.learning.change_point import find_change_points, recent_shift, segment
from prisma_assets.domain.learning.forecast import HORIZON_DAYS, Foreseen, forecast
from prisma_assets.domain.learning.trend import find_trends
from tests.unit.learning.simulated_fleet import daily, discoveries, fleet, wandering

ROOT = Path(__file__).parents[1]
DATA = ROOT / os.environ.get("PRISMA_SHARED_DATA", "../shared/data") / "change_points"
SCENARIOS = {
    "56 days, autocorrelation 0": {"days": 56, "phi": 0.0},
    "0.3": {"days": 56, "phi": 0.3},
    "0.5": {"days": 56, "phi": 0.5},
    "0.3, weekly pattern": {"days": 56, "phi": 0.3, "week": 1.0},
    "0.3, heavy tails": {"days": 56, "phi": 0.3, "heavy": True},
    "0.3, no data at weekends": {"days": 56, "phi": 0.3, "worked": 5},
    "each its own, 0 to 0.6": {"days": 56, "phi": None},
    "28 days, 0.3": {"days": 28, "phi": 0.3},
}
SHIFT, PHI = 1.5, 0.4


def trends(sims: int) -> None:
    """False discovery rate and power of the product's trends and of the textbook's test."""
    print(f"\n51 agents x 6 metrics, one in ten drifts by 2 sd, called at 10 % ({sims} fleets)\n")
    print(
        "| daily series | false, **ours** | found, **ours** | false, Mann-Kendall | found, Mann-Kendall |\n|---|---|---|---|---|"
    )
    for name, scenario in SCENARIOS.items():
        ours, plain = [], []
        for seed in range(sims):
            made = fleet(1000 + seed, **scenario)
            ours.append(discoveries([t.q for t in find_trends(made.series)], made.drifts))
            plain.append(discoveries(textbook_q(made.series), made.drifts))
        rows = [*np.mean(ours, axis=0), *np.mean(plain, axis=0)]
        error = np.std([row[0] for row in ours]) / np.sqrt(sims)
        print(f"| {name} | **{rows[0]:.3f}** +- {error:.3f} | **{rows[1]:.2f}** | {rows[2]:.2f} | {rows[3]:.2f} |")  # fmt: skip


def textbook_q(series: list) -> np.ndarray:
    """Mann-Kendall as everybody computes it: days are taken for independent."""
    ps = []
    for one in series:
        known = [(day, value) for day, value in enumerate(one.values) if value is not None]
        ps.append(kendalltau(*zip(*known, strict=True), method="asymptotic").pvalue)
    return false_discovery_control(ps)


def pelt(values: np.ndarray, variance: float) -> list[int]:
    """PELT with the penalty for independent values of this variance: 2 log n per cut."""
    found = KernelCPD(kernel="linear", min_size=2).fit(values[:, None])
    return found.predict(pen=2 * np.log(len(values)) * variance)[:-1]


def pelt_by_spread(values: np.ndarray) -> list[int]:
    """With the variance of the whole series."""
    return pelt(values, float(np.var(values)))


def pelt_by_steps(values: np.ndarray) -> list[int]:
    """With the variance that steps from value to value suggest."""
    steps = np.abs(np.diff(values))
    return pelt(values, max(float((1.4826 * np.median(steps)) ** 2 / 2), 1e-9 * np.var(values)))


def by_shift_test(values: np.ndarray) -> list[int]:
    """The product's test for one shift, at 5 %."""
    shift = recent_shift(values)
    return [shift.at] if shift.p <= 0.05 else []


METHODS: dict[str, Callable[[np.ndarray], list[int]]] = {
    "**PELT, penalty by long-run variance (ours)**": segment,
    "**one shift? CUSUM, blocks in random order (ours)**": by_shift_test,
    "PELT, 2 log n, variance of the series": pelt_by_spread,
    "PELT, 2 log n, variance by steps": pelt_by_steps,
}


def changes(sims: int) -> None:
    """False change points in flat series, and shifts found."""
    print(
        f"\nAutocorrelation {PHI}; flat series cut, and shifts of {SHIFT} sd found within 3 % ({sims} series each)\n"
    )
    print(
        "| method | flat, 56 | flat, 180 | flat, 720 | found, 180 | found, 720 | median miss, 720 |\n|---|---|---|---|---|---|---|"
    )
    for name, method in METHODS.items():
        flat = [_cut(method, days, sims) for days in (56, 180, 720)]
        misses = [_misses(method, days, sims) for days in (180, 720)]
        found = [np.mean(m <= 0.03 * d) for m, d in zip(misses, (180, 720), strict=True)]
        cells = [*(f"{100 * x:.1f} %" for x in (*flat, *found)), f"{np.median(misses[1]):.0f}"]
        print(f"| {name} | {' | '.join(cells)} |")


def _cut(method: Callable[[np.ndarray], list[int]], days: int, sims: int) -> float:
    flat = wandering(np.random.default_rng(11), series=sims, days=days, phi=PHI)
    return float(np.mean([bool(method(row)) for row in flat]))


def _misses(method: Callable[[np.ndarray], list[int]], days: int, sims: int) -> np.ndarray:
    """Distance of the nearest cut, or the length of the series where there is none."""
    rng = np.random.default_rng(12)
    misses = []
    for row in wandering(rng, series=sims, days=days, phi=PHI):
        at = int(rng.integers(days // 4, 3 * days // 4))
        row[at:] += SHIFT
        misses.append(min((abs(cut - at) for cut in method(row)), default=days))
    return np.array(misses)


def told(firms: int) -> None:
    """What the product tells of 306 figures over 26 weeks, judged together."""
    print(f"\n{firms} firms of 306 figures, autocorrelation {PHI}, 26 weeks\n")
    print(
        "| figures that shift | told | of these false | shifts found | dated within 5 days |\n|---|---|---|---|---|"
    )
    for share in (0.0, 0.1):
        counts = np.sum([_told(seed, share) for seed in range(firms)], axis=0)
        print(f"| {counts[0]} | {counts[1]} | {counts[2]} | {counts[3]} | {counts[4]} |")


def _told(seed: int, share: float) -> tuple[int, ...]:
    rng = np.random.default_rng(seed)
    values = wandering(rng, series=306, days=182, phi=PHI)
    at = {n: int(rng.integers(45, 137)) for n in range(306) if rng.random() < share}
    for n, day in at.items():
        values[n, day:] += SHIFT * rng.choice((-1, 1))
    points = find_change_points([daily(row, agent=str(n)) for n, row in enumerate(values)])
    found = {int(point.agent_id) for point in points}
    near = {int(p.agent_id) for p in points if abs(p.day - at.get(int(p.agent_id), -99)) <= 5}
    return len(at), len(found), len(found - at.keys()), len(found & at.keys()), len(near)


def annotated() -> None:
    """Agreement with five people."""
    if not DATA.is_dir():
        print(f"\nno annotated series at {DATA}; set PRISMA_SHARED_DATA")
        return
    series = list(annotated_series(DATA))
    print(f"\n{len(series)} annotated series, nothing tuned to any\n")
    print("| method | F1 | covering |\n|---|---|---|")
    methods = {**METHODS, "no change point ever": lambda _: []}
    for name, method in methods.items():
        cuts = [method(one.values) for one in series]
        f1 = np.mean([f_measure(one, found) for one, found in zip(series, cuts, strict=True)])
        cover = np.mean([covering(one, found) for one, found in zip(series, cuts, strict=True)])
        print(f"| {name} | {f1:.3f} | {cover:.3f} |")
    each = ", ".join(f"{one.name} {f_measure(one, segment(one.values)):.2f}" for one in series)
    print(f"\nF1 of ours by series: {each}")


def loads(kind: str, rng: np.random.Generator, days: int) -> np.ndarray:
    """Runs per day of an agent with a week of its own."""
    at = np.arange(days)
    week = np.array([1, 1.05, 1.1, 1, 0.9, 0.25, 0.2])[(at + rng.integers(7)) % 7]
    growth = np.exp(
        rng.normal(0, 0.002) * at + 0.15 * wandering(rng, series=1, days=days, phi=0.4)[0]
    )
    expected = rng.uniform(20, 400) * week * growth
    if kind == "with shifts of level":
        expected[rng.integers(60, days) :] *= rng.choice([0.7, 1.4])
    if kind == "that wander":
        expected *= np.exp(np.cumsum(rng.normal(0, 0.03, days)))
    runs = rng.poisson(expected).astype(float)
    if kind == "with wild days":
        runs[rng.random(days) < 0.02] *= 5
    return runs


def last_week(history: np.ndarray) -> np.ndarray:
    """The naive rival: every week is like the last."""
    return np.tile(history[-7:], 4)


def naive_interval(history: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Its interval, made from its own past errors as ours is."""
    errors = np.full((len(history), HORIZON_DAYS), np.nan)
    for origin in range(21, len(history)):
        actual = history[origin : origin + HORIZON_DAYS]
        errors[origin, : len(actual)] = actual - last_week(history[:origin])[: len(actual)]
    ends = [np.nanquantile(errors[:, w : w + 7], (0.1, 0.9)) for w in range(0, HORIZON_DAYS, 7)]
    low, high = np.repeat(ends, 7, axis=0).T + last_week(history)
    return np.maximum(low, 0), high


def forecasts(sims: int) -> None:
    """Error, coverage and interval score of four weeks ahead."""
    print(
        f"\nFour weeks ahead of loads by day, beside last week again ({sims} agents each); nominal coverage 80 %\n"
    )
    print(
        "| loads | history | error / mean, **ours** | naive | within the interval, **ours** (weeks 1-4) | naive | interval score, **ours** | naive |\n|---|---|---|---|---|---|---|---|"
    )
    for kind in ("steady", "with shifts of level", "with wild days", "that wander"):
        for days in (84, 182):
            rng = np.random.default_rng(13)
            rows = [_held(loads(kind, rng, days + HORIZON_DAYS)) for _ in range(sims)]
            ours, naive = np.mean([a for a, _ in rows], axis=0), np.mean([b for _, b in rows], axis=0)  # fmt: skip
            weeks = " ".join(f"{100 * w:.0f}" for w in ours[1].reshape(4, 7).mean(axis=1))
            e, c, s = ours.mean(axis=1)
            ne, nc, ns = naive.mean(axis=1)
            print(f"| {kind} | {days} days | **{e:.3f}** | {ne:.3f} | **{100 * c:.0f} %** ({weeks}) | {100 * nc:.0f} % | **{s:.2f}** | {ns:.2f} |")  # fmt: skip


def _held(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Error, hit and interval score (Gneiting & Raftery 2007, eq. 43) of each day ahead; ours and the naive one's."""
    history, future = runs[:-HORIZON_DAYS], runs[-HORIZON_DAYS:]
    expected = forecast(Foreseen.LOAD, history.tolist())
    ours = np.array([(e.value, e.low, e.high) for e in expected]).T
    naive = np.array([last_week(history), *naive_interval(history)])

    def measured(told: np.ndarray) -> np.ndarray:
        value, low, high = told
        beyond = np.maximum(low - future, 0) + np.maximum(future - high, 0)
        score = high - low + 2 / 0.2 * beyond
        within = (low <= future) & (future <= high)
        return np.array([np.abs(future - value) / history.mean(), within, score / history.mean()])

    return measured(ours), measured(naive)


def speed() -> None:
    """Time of one night for the firm."""
    made = fleet(1, days=56, phi=0.3).series
    rng = np.random.default_rng(14)
    longer = [daily(row) for row in wandering(rng, series=306, days=182, phi=0.3)]
    ahead = [loads("steady", rng, 182).tolist() for _ in range(153)]
    print("\n| one day of 51 agents | s |\n|---|---|")
    for name, work in (
        ("306 trends, first day of a process", lambda: find_trends(made)),
        ("306 trends, next days", lambda: find_trends(made)),
        ("change points of 306 series of 26 weeks", lambda: find_change_points(longer)),
        ("153 forecasts from 26 weeks", lambda: [forecast(Foreseen.LOAD, one) for one in ahead]),
    ):
        began = time.perf_counter()
        work()
        print(f"| {name} | {time.perf_counter() - began:.1f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a fifth of the simulations")
    parser.add_argument(
        "--only", choices=("trends", "changes", "told", "annotated", "forecasts", "speed")
    )
    options = parser.parse_args()
    share = 5 if options.quick else 1
    parts = {
        "speed": speed,
        "trends": lambda: trends(25 // share),
        "changes": lambda: changes(200 // share),
        "told": lambda: told(5 // share),
        "annotated": annotated,
        "forecasts": lambda: forecasts(25 // share),
    }
    for name, part in parts.items():
        if options.only in (None, name):
            part()


if __name__ == "__main__":
    main()
