"""How much of what was planted in real agents' days is found, how soon, and how often nothing is taken for something.

    python -P benchmarks/opportunities.py [--agents 12] [--clean 31]

Agents are models of the Berkeley function-calling leaderboard with their recorded results, latencies and tokens; what goes wrong is planted
(`shapes/degraded_agents.py`). Data are found through PRISMA_SHARED_DATA (default ../shared/data). The rule beside it is the usual one: yesterday against the
mean of four weeks, with the thresholds alerts commonly have.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "shapes"))
from degraded_agents import PAST, PLANTS, WATCHED, Plant, agent_days, real_runs, record

from prisma_assets.domain.learning.opportunity import read_comparison
from prisma_assets.domain.learning.opportunity_search import search
from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.domain.learning.stream import DayFeedback, DayRuns, Known, Limits, Metric

DATA = Path(__file__).parents[1] / os.environ.get("PRISMA_SHARED_DATA", "../shared/data")
NO_LIMITS = Limits(error_rate=None, wrong=None, dissatisfaction=None)
"""Models that are wrong in a third of the tasks are above any limit, planted or not."""
THIRTY_DAYS = 30

Looked = list[tuple[int, str]]
"""Day of the look and what was found, once each."""
Rule = Callable[[list[DayRuns], list[DayFeedback]], Looked]


def ours(runs: list[DayRuns], said: list[DayFeedback]) -> Looked:
    """Every night a search, which knows what was found before."""
    known: list[Known] = []
    found: Looked = []
    for day in range(PAST, PAST + WATCHED):
        looked = search(record(runs, said, day), known=known, limits=NO_LIMITS)
        before = {(k.metric, k.subject) for k in known}
        known = [k for k in known if k not in looked.resolved]
        for o in looked.opportunities:
            if (o.metric, o.subject) not in before:
                row = o.evidence[0]
                known.append(
                    Known(
                        metric=o.metric,
                        subject=o.subject,
                        shift=read_comparison(row),
                        slow_ms=row["slow_ms"],
                        last_seen_on=o.last_seen_on,
                    )
                )
                found.append((day, str(o.metric)))
    return found


def thresholds(runs: list[DayRuns], said: list[DayFeedback]) -> Looked:
    """Yesterday against four weeks: errors 3 times, latency and cost 1.5 times, accuracy 0.9 times, rating 0.3 less, any error type or theme not seen before."""
    found: dict[str, int] = {}
    for day in range(PAST, PAST + WATCHED):
        past, now = runs[day - 28 : day], runs[day]
        if now.executions < 20:
            continue
        heard, hear = said[day - 28 : day], said[day]
        ratios = {
            Metric.ERRORS: (
                _rate(past, "errors", "executions"),
                _rate([now], "errors", "executions"),
                3.0,
            ),
            Metric.COST: (
                _rate(past, "cost_usd", "priced"),
                _rate([now], "cost_usd", "priced"),
                1.5,
            ),
            Metric.LATENCY: (
                Sketch.merged(d.latency for d in past if d.latency).quantile(0.95),
                now.latency.quantile(0.95) if now.latency else None,
                1.5,
            ),
        }
        rules = [m for m, (a, b, factor) in ratios.items() if a and b and b > factor * a]
        if _rate([now], "accuracy_sum", "accuracy_n") < 0.9 * _rate(
            past, "accuracy_sum", "accuracy_n"
        ):
            rules.append(Metric.ACCURACY)
        if (
            hear.rating_n >= 5
            and hear.rating_sum / hear.rating_n < _rate(heard, "rating_sum", "rating_n") - 0.3
        ):
            rules.append(Metric.SATISFACTION)
        if any(set(now.error_types) - {t for d in past for t in d.error_types}):
            rules.append(Metric.ERROR_TYPE)
        if any(
            n > 0 and t not in {x for d in heard for x in d.themes} for t, n in hear.themes.items()
        ):
            rules.append(Metric.THEME)
        for metric in rules:
            found.setdefault(str(metric), day)
    return [(day, metric) for metric, day in found.items()]


def _rate(days: list, hits: str, n: str) -> float:
    total = sum(getattr(d, n) for d in days)
    return sum(getattr(d, hits) for d in days) / total if total else float("nan")


def _summary(delays: list[int], agents: int) -> str:
    return f"{len(delays)}/{agents}, {np.median(delays):.0f}" if delays else f"0/{agents}"


def main() -> None:
    """Print recall, delay and false opportunities of both rules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=12, help="degraded agents per kind")
    parser.add_argument("--clean", type=int, default=31, help="agents nothing happens to")
    options = parser.parse_args()
    models = real_runs(DATA)
    rng = np.random.default_rng(20261123)
    names = list(models)
    rules: dict[str, Rule] = {"e-detector": ours, "thresholds": thresholds}
    print(f"{len(names)} models; {WATCHED} nightly looks after {PAST} days")
    print(f"{'planted':<16}" + "".join(f"{r + ': found, days':>28}" for r in rules))
    before: dict[str, int] = dict.fromkeys(rules, 0)
    hits: dict[str, list[bool]] = {r: [] for r in rules}
    for kind in PLANTS:
        delays: dict[str, list[int]] = {r: [] for r in rules}
        for number in range(options.agents):
            plant = Plant(kind=kind, day=PAST + int(rng.integers(0, 6)))
            days = agent_days(models[names[number * 5 % len(names)]], rng, plant)
            for rule, find in rules.items():
                when = [day for day, metric in find(*days) if metric == kind]
                good = [day for day in when if day >= plant.day]
                before[rule] += sum(day < plant.day for day in when)
                hits[rule].append(bool(good))
                delays[rule] += [good[0] - plant.day + 1] if good else []
        row = "".join(f"{_summary(d, options.agents):>28}" for d in delays.values())
        print(f"{kind:<16}{row}", flush=True)
    clean = [agent_days(models[names[i % len(names)]], rng, None) for i in range(options.clean)]
    for rule, find in rules.items():
        began = time.perf_counter()
        false = [len(find(*days)) for days in clean]
        seconds = time.perf_counter() - began
        looks = options.clean * WATCHED
        print(
            f"{rule}: recall {np.mean(hits[rule]):.2f} of {len(hits[rule])}; false per agent-month "
            f"{np.sum(false) / options.clean * THIRTY_DAYS / WATCHED:.2f} ({options.clean} clean agents); "
            f"{1000 * seconds / looks:.0f} ms per agent and look"
        )


if __name__ == "__main__":
    main()
