"""What judging costs, for `benchmarks/statistics.py`."""

import json
import time

import numpy as np
from experiment_guardrails import experiment, outcomes

from prisma_assets.domain.experiments.experiment import Experiment
from prisma_assets.domain.experiments.health import Units
from prisma_assets.domain.experiments.metric import Role

RUNNING = 1_000
ROLES = [Role.PRIMARY, Role.GUARDRAIL, Role.GUARDRAIL, Role.SECONDARY]


def speed(_: int) -> None:
    """A tick of the sensor over a thousand experiments, at different ages and numbers of new units."""
    print(
        f"\nOne tick over {RUNNING} running experiments of four metrics: stored state in, new units, verdict and stored state out\n"
    )
    print(
        "| units before | new units each | seconds of processor | bytes of state each |\n|---|---|---|---|"
    )
    for before, new in ((1_000, 10), (1_000, 100), (10_000, 10), (10_000, 100)):
        rng = np.random.default_rng(7)
        running = experiment(ROLES, 0.5)
        running.update(_units(rng, before))
        stored = json.dumps(running.to_state())
        fresh = _units(rng, new)
        start = time.process_time()
        for _ in range(RUNNING):
            one = Experiment.from_state(running.design, json.loads(stored))
            one.update(fresh)
            one.decision()
            kept = json.dumps(one.to_state())
        print(f"| {before:,} | {new} | {time.process_time() - start:.2f} | {len(kept):,} |")


def _units(rng: np.random.Generator, n: int) -> Units:
    treated = rng.random(n) < 0.5
    return Units(
        treated=treated, splits=np.full(n, 0.5), values=outcomes(rng, np.full((n, len(ROLES)), 0.9))
    )
