"""Guardrails and instruments as the product runs them, unit by unit, for `benchmarks/statistics.py`."""

from dataclasses import replace

import numpy as np
from experiment_streams import metric
from scipy.special import ndtr

from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.experiment import Experiment
from prisma_assets.domain.experiments.health import Units
from prisma_assets.domain.experiments.metric import Kind, Role
from prisma_assets.domain.experiments.verdict import Adopt

SEED = 20261123
RHO = 0.3
"""Correlation between metrics of one unit: what goes wrong goes wrong in several ways."""


def guardrails(sims: int) -> None:
    """Harm found, harm imagined, harm let through."""
    print(
        f"\nGuardrails and instruments, every unit looked at ({sims} simulations)\n\n| what | figure |\n|---|---|"
    )
    at = np.array([_harm(np.random.default_rng((SEED, i)), 0.90) for i in range(sims)])
    low, middle, high = np.quantile(at, [0.25, 0.5, 0.75], method="higher")
    print(
        f"| canary 10:90, .97 to .90, rolled back at alpha .01: treated units, median (quartiles) | **{middle:.0f}** ({low:.0f} to {high:.0f}) |"
    )
    false = np.mean([_four(np.random.default_rng((SEED, i))) for i in range(sims)])
    print(f"| four guardrails, no harm, 2,000 pairs: rolled back | **{100 * false:.2f} %** |")
    promoted = np.mean([_margin(np.random.default_rng((SEED, i))) for i in range(sims)])
    print(
        f"| better primary, one guardrail harmed by exactly its margin, 4,000 pairs: adopted | **{100 * promoted:.2f} %** |"
    )
    few = max(sims // 2, 20)
    ramps = np.array([_ramp(np.random.default_rng((SEED, i))) for i in range(few)])
    pooled, ours = 100 * ramps.mean(axis=0)
    print(
        f"| ramp 10 to 50 % while accuracy falls .95 to .85, no effect: decided, pooled z at the end / **blocks, always** ({few}) | {pooled:.1f} % / **{ours:.1f} %** |"
    )


def experiment(roles: list[Role], split: float, *, margin: float = 0.03) -> Experiment:
    """A running experiment on 0-1 metrics, named by their number."""
    metrics = tuple(
        replace(metric(Kind.BINARY, margin, role), name=str(i)) for i, role in enumerate(roles)
    )
    return Experiment(Design(metrics=metrics, splits=(split,)))


def outcomes(rng: np.random.Generator, rates: np.ndarray) -> dict[str, np.ndarray]:
    """0-1 outcomes with the given rates, one column per metric, correlated within a unit."""
    units, metrics = rates.shape
    shared = rng.normal(size=(units, 1))
    latent = np.sqrt(RHO) * shared + np.sqrt(1 - RHO) * rng.normal(size=(units, metrics))
    passed = (ndtr(latent) < rates).astype(float)
    return {str(i): passed[:, i] for i in range(metrics)}


def _units(
    rng: np.random.Generator, n: int, split: float, rates: list[tuple[float, float]]
) -> Units:
    """Units with (control, treated) rates per metric."""
    treated = rng.random(n) < split
    table = np.where(treated[:, None], [t for _, t in rates], [c for c, _ in rates])
    return Units(treated=treated, splits=np.full(n, split), values=outcomes(rng, table))


def _harm(rng: np.random.Generator, rate: float) -> float:
    running = experiment([Role.PRIMARY, Role.GUARDRAIL], 0.1)
    units = _units(rng, 12_000, 0.1, [(0.9, 0.9), (0.97, rate)])
    running.update(units)
    at = running.tracks["1"].finding().harmed_at
    return float(units.treated[:at].sum()) if at else np.inf


def _four(rng: np.random.Generator) -> bool:
    running = experiment([Role.PRIMARY, *[Role.GUARDRAIL] * 4], 0.5)
    running.update(_units(rng, 4_000, 0.5, [(0.9, 0.9)] * 3 + [(0.97, 0.97)] * 2))
    return any(running.tracks[str(i)].finding().harmed_at is not None for i in range(1, 5))


def _margin(rng: np.random.Generator) -> bool:
    running = experiment([Role.PRIMARY, Role.GUARDRAIL], 0.5)
    running.update(_units(rng, 8_000, 0.5, [(0.6, 0.8), (0.97, 0.94)]))
    return isinstance(running.decision().verdict, Adopt)


def _ramp(rng: np.random.Generator) -> tuple[bool, bool]:
    n = 8_000
    splits = np.repeat([0.1, 0.25, 0.5, 0.5], n // 4)
    treated = rng.random(n) < splits
    passed = (rng.random(n) < np.linspace(0.95, 0.85, n)).astype(float)
    running = experiment([Role.PRIMARY], 0.1)
    running.update(Units(treated=treated, splits=splits, values={"0": passed}))
    a, b = passed[treated], passed[~treated]
    z = (a.mean() - b.mean()) / np.sqrt(passed.var() * (1 / len(a) + 1 / len(b)))
    found = running.tracks["0"].finding()
    return bool(abs(z) > 1.96), found.better_at is not None or found.worse_at is not None
