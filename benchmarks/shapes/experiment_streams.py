"""Outcomes of simulated agents, with and without an effect, for `benchmarks/statistics.py`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prisma_assets.domain.experiments.metric import (
    DEFAULT_DIRECTION,
    Kind,
    Metric,
    Role,
    Scale,
    freeze_scale,
)
from prisma_assets.domain.experiments.track import WARM_UP

Numbers = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Numbers]

RATING_SHARES = (0.05, 0.10, 0.20, 0.40, 0.25)
"""Of 1 to 5: a contented firm with some angry people."""


@dataclass(frozen=True)
class Scenario:
    """One metric and how its outcomes come about."""

    name: str
    metric: Metric
    control: Draw
    treated: Draw


def metric(kind: Kind, margin: float, role: Role = Role.PRIMARY) -> Metric:
    """A metric of the benchmark."""
    return Metric(
        name=str(kind), kind=kind, direction=DEFAULT_DIRECTION[kind], margin=margin, role=role
    )


def share(p: float) -> Draw:
    """0-1 outcomes."""
    return lambda rng, n: (rng.random(n) < p).astype(float)


def rating(shift: float = 0.0) -> Draw:
    """1 to 5, the mean raised by `shift` standard deviations by lifting some of the fours to fives."""
    shares = np.array(RATING_SHARES)
    values = np.arange(1, 6)
    mean = float(shares @ values)
    lifted = shift * float(np.sqrt(shares @ (values - mean) ** 2))
    moved = shares + lifted * np.array([0, 0, 0, -1, 1])
    return lambda rng, n: rng.choice(values, size=n, p=moved).astype(float)


def lognormal(sigma: float, ratio: float = 1.0) -> Draw:
    """Latencies and costs."""
    return lambda rng, n: ratio * np.exp(rng.normal(0.0, sigma, n))


def pareto(shape: float) -> Draw:
    """Costs whose variance hardly exists."""
    return lambda rng, n: 1.0 + rng.pareto(shape, n)


def _null(name: str, of: Metric, draw: Draw) -> Scenario:
    return Scenario(name, of, draw, draw)


NULLS = (
    _null("accuracy .90", metric(Kind.BINARY, 0.03), share(0.90)),
    _null("accuracy .99", metric(Kind.BINARY, 0.01), share(0.99)),
    _null("rating 1-5", metric(Kind.RATING, 0.1), rating()),
    _null("latency, sigma 1", metric(Kind.LATENCY, 0.1), lognormal(1.0)),
    _null("latency, sigma 0.5", metric(Kind.LATENCY, 0.1), lognormal(0.5)),
    _null("cost, sigma 2", metric(Kind.COST, 0.1), lognormal(2.0)),
    _null("cost, Pareto 2.2", metric(Kind.COST, 0.1), pareto(2.2)),
)
SKEWED = (
    _null("accuracy .97", metric(Kind.BINARY, 0.03), share(0.97)),
    _null("latency, sigma 1", metric(Kind.LATENCY, 0.1), lognormal(1.0)),
    _null("cost, sigma 2", metric(Kind.COST, 0.1), lognormal(2.0)),
)
EFFECTS = (
    Scenario("accuracy .90 to .93", metric(Kind.BINARY, 0.03), share(0.90), share(0.93)),
    Scenario("rating +0.1 sd", metric(Kind.RATING, 0.11), rating(), rating(0.1)),
    Scenario("latency -10 %, log", metric(Kind.LATENCY, 0.1), lognormal(1.0), lognormal(1.0, 0.9)),
    Scenario("latency -10 %, raw", metric(Kind.LATENCY, 0.1), lognormal(1.0), lognormal(1.0, 0.9)),
    Scenario("accuracy .85 to .90", metric(Kind.BINARY, 0.05), share(0.85), share(0.90)),
)


def fixed_size(scenario: Scenario) -> int:
    """Units per arm a t-test looked at once needs for 80 % power; raw latencies as they are, others as logarithms.

    (z.975 + z.80)^2 (sum of the variances) / effect^2, from the true variances.
    """
    sizes = {
        "accuracy .90 to .93": 1353, "rating +0.1 sd": 1677, "latency -10 %, log": 1414,
        "latency -10 %, raw": 2441, "accuracy .85 to .90": 683,
    }  # fmt: skip
    return sizes[scenario.name]


def differences(
    rng: np.random.Generator, scenario: Scenario, blocks: int, *, controls: int = 1
) -> tuple[Numbers, Scale, Numbers]:
    """Block differences after the warm-up, as the product forms them, the scale, and the warm-up's control scores.

    Args:
        rng: Seeded.
        scenario: What is drawn.
        blocks: Blocks, the warm-up's included.
        controls: Controls per treated unit.
    """
    treated = scenario.treated(rng, blocks)
    control = scenario.control(rng, blocks * controls).reshape(blocks, controls)
    warm = -(-WARM_UP // controls)
    known = control[:warm].ravel()
    scale = freeze_scale(scenario.metric, known.tolist())
    scores = scale.scores(treated) - scale.scores(control).mean(axis=1)
    return scores[warm:], scale, scale.scores(known)
