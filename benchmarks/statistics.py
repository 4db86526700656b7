"""How often experiments are decided wrongly, how soon they are decided, and what judging them costs.

    python -P benchmarks/statistics.py [--sims 400] [--only errors|size|guardrails|real|speed]

Every observation is looked at. Beside the product's rules stand gbstats' sequential interval and t-tests. Real experiments and agent runs
are found through PRISMA_SHARED_DATA (default ../shared/data). Seeded; 4,000 simulations give a standard error of 0.35 points at 5 %.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "shapes"))
from experiment_guardrails import guardrails
from experiment_records import real
from experiment_speed import speed
from experiment_streams import EFFECTS, NULLS, SKEWED, Scenario, differences, fixed_size
from sequential_rules import (
    NEVER,
    betting,
    decided,
    gbstats_at,
    is_significant_at_end,
    naive_at,
    spending,
    stopped,
)

from prisma_assets.domain.experiments.power import SPENDING_MAXIMUM
from prisma_assets.domain.experiments.track import WARM_UP, guessed_variance

PAIRS = 4000
"""Most pairs of an experiment without an effect."""
SEED = 20261122


def deviation_of(known: np.ndarray, scenario: Scenario, controls: int = 1) -> float:
    """The product's guess of the spread of a block difference."""
    variance = guessed_variance(known, is_relative=scenario.metric.is_relative)
    return float(np.sqrt(variance * (1 + 1 / controls)))


def errors(sims: int) -> None:
    """False alarms where there is no effect."""
    print(
        f"\nFalse alarms, %, at 50:50 to {PAIRS} pairs, every pair looked at ({sims} simulations)\n"
    )
    print(
        "| no effect in | t, looked at always | t, at the end | gbstats | **declared maximum** | **open-ended** |\n|---|---|---|---|---|---|"
    )
    for scenario in NULLS:
        rng = np.random.default_rng(SEED)
        hits = np.array([_even(rng, scenario) for _ in range(sims)])
        print(
            f"| {scenario.name} | " + " | ".join(f"{100 * x:.1f}" for x in hits.mean(axis=0)) + " |"
        )
    print(f"\nFalse alarms, %, at 10:90 to {PAIRS // 4} treated, every treated unit looked at\n")
    print("| no effect in | gbstats | **blocks of 1 and 9** |\n|---|---|---|")
    for scenario in SKEWED:
        rng = np.random.default_rng(SEED)
        hits = np.array([_canary(rng, scenario) for _ in range(sims)])
        print(
            f"| {scenario.name} | " + " | ".join(f"{100 * x:.1f}" for x in hits.mean(axis=0)) + " |"
        )


def _even(rng: np.random.Generator, scenario: Scenario) -> list[bool]:
    d, scale, known = differences(rng, scenario, PAIRS + WARM_UP)
    effect = scale.benefit(scenario.metric)
    treated, control = scenario.treated(rng, PAIRS), scenario.control(rng, PAIRS)
    return [
        naive_at(treated, control) < NEVER,
        is_significant_at_end(treated, control),
        gbstats_at(treated, control) < NEVER,
        decided(spending(d, maximum=len(d), effect=effect)) < NEVER,
        decided(betting(d, deviation=deviation_of(known, scenario), effect=effect)) < NEVER,
    ]


def _canary(rng: np.random.Generator, scenario: Scenario) -> list[bool]:
    blocks = PAIRS // 4
    d, scale, known = differences(rng, scenario, blocks, controls=9)
    treated, control = scenario.treated(rng, blocks), scenario.control(rng, 9 * blocks)
    bets = betting(
        d, deviation=deviation_of(known, scenario, 9), effect=scale.benefit(scenario.metric)
    )
    return [gbstats_at(treated, control, controls=9) < NEVER, decided(bets) < NEVER]


def size(sims: int) -> None:
    """Samples to the decision."""
    print(
        f"\nMean sample to the decision as a multiple of a t-test looked at once with 80 % power, n ({sims} simulations)\n"
    )
    print(
        "| effect | n | gbstats (maximum) | **declared maximum** | power at maximum | maximum / n | no effect | **open-ended** (maximum) |\n|---|---|---|---|---|---|---|---|"
    )
    rows = np.array([_sizes(scenario, sims) for scenario in EFFECTS])
    for scenario, row in zip(EFFECTS, rows, strict=True):
        print(f"| {scenario.name} | {fixed_size(scenario)} | {_sized(row)} |")
    print(f"| **mean** | | {_sized(rows.mean(axis=0))} |")


def _sized(row: np.ndarray) -> str:
    gb, gb_cap, declared, power, cap, null, opened, open_cap = row
    return f"{gb:.2f} ({gb_cap:.2f}) | **{declared:.2f}** | {100 * power:.0f} % | {cap:.2f} | {null:.2f} | **{opened:.2f}** ({open_cap:.2f})"


def _sizes(scenario: Scenario, sims: int) -> list[float]:
    n = fixed_size(scenario)
    # Raw latencies are compared as logarithms, for which a fixed sample is 1,414.
    planned = int(SPENDING_MAXIMUM * (1414 if "latency" in scenario.name else n))
    effect_rng, null_rng = np.random.default_rng(SEED), np.random.default_rng(SEED + 1)
    rows = np.array([_sample(effect_rng, scenario, planned, n) for _ in range(sims)])
    null = Scenario(scenario.name, scenario.metric, scenario.control, scenario.control)
    flat = np.array([_declared(null_rng, null, planned)[0] for _ in range(sims)])
    gb, gb_cap = stopped(rows[:, 0])
    opened, open_cap = stopped(rows[:, 3])
    return [
        gb / n, gb_cap / n, rows[:, 1].mean() / n, rows[:, 2].mean(), (planned + rows[0, 4]) / n,
        flat.mean() / n, opened / n, open_cap / n,
    ]  # fmt: skip


def _sample(rng: np.random.Generator, scenario: Scenario, planned: int, n: int) -> list[float]:
    """Units at which gbstats, the declared maximum and betting stop, and whether the second found the effect."""
    blocks = 3 * n
    d, scale, known = differences(rng, scenario, blocks)
    effect = scale.benefit(scenario.metric)
    treated, control = scenario.treated(rng, blocks), scenario.control(rng, blocks)
    if "log" in scenario.name:
        treated, control = np.log(treated), np.log(control)
    # A share or rating under a declared maximum needs no warm-up: its scale is known.
    warm = WARM_UP if scenario.metric.is_relative else 0
    stop, found = _stop(spending(d[:planned], maximum=planned, effect=effect), planned)
    bets = decided(betting(d, deviation=deviation_of(known, scenario), effect=effect))
    return [gbstats_at(treated, control), stop + warm, found, bets + WARM_UP, warm]


def _declared(rng: np.random.Generator, scenario: Scenario, planned: int) -> tuple[float, bool]:
    d, scale, _ = differences(rng, scenario, planned + WARM_UP)
    return _stop(spending(d, maximum=planned, effect=scale.benefit(scenario.metric)), planned)


def _stop(events: dict[str, int], planned: int) -> tuple[float, bool]:
    """Where a design with a maximum stops, and whether it says that the arms differ."""
    ends = min(events.get("futile", NEVER), planned)
    at = decided(events)
    return (at, True) if at <= ends else (ends, False)


PARTS: dict[str, Callable[[int], None]] = {
    "errors": errors, "size": size, "guardrails": guardrails, "real": real, "speed": speed,
}  # fmt: skip


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sims", type=int, default=400, help="simulations per scenario")
    parser.add_argument("--only", choices=PARTS, help="one part")
    chosen = parser.parse_args()
    for name, part in PARTS.items():
        if chosen.only in (None, name):
            part(chosen.sims)


if __name__ == "__main__":
    main()
