"""Fleets of agents whose figures wander from day to day, some of them with a trend that the test put there."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from prisma_assets.domain.learning.tracked import DailySeries, Tracked


def wandering(rng, *, series, days, phi, heavy=False):
    """Stationary series of variance 1, shape (series, days); `phi` for all or each. Heavy: Student's t with 3 degrees."""
    phi = np.broadcast_to(phi, (series,))
    innovation = np.sqrt(1 - phi**2)
    shocks = (
        rng.standard_t(3, (series, days)) / np.sqrt(3)
        if heavy
        else rng.standard_normal((series, days))
    )
    shocks[:, 0] /= innovation
    rows = zip(shocks, phi, innovation, strict=True)
    return np.array([lfilter([new], [1, -old], row) for row, old, new in rows])


def daily(values, *, metric=Tracked.LATENCY, agent="audit-plan-001"):
    """A series as the product keeps it; NaN is no data."""
    kept = tuple(None if v is None or np.isnan(v) else float(v) for v in values)
    return DailySeries(agent_id=agent, metric=metric, values=kept)


@dataclass
class Fleet:
    """51 agents by six metrics, one in ten drifting by two standard deviations."""

    series: list
    drifts: np.ndarray


def fleet(seed, *, days, phi, week=0.0, heavy=False, worked=7):
    """`phi` None: each agent and metric its own, from 0 to 0.6. `worked`: days of the week with data."""
    rng = np.random.default_rng(seed)
    names = [(metric, f"audit-plan-{n:03}") for metric in Tracked for n in range(51)]
    phi = rng.uniform(0, 0.6, len(names)) if phi is None else phi
    values = wandering(rng, series=len(names), days=days, phi=phi, heavy=heavy)
    drifts = rng.random(len(names)) < 0.1
    up = rng.choice((-1, 1), drifts.sum())
    values[drifts] += np.outer(up, np.linspace(-1, 1, days))
    values += week * np.sin(2 * np.pi * np.arange(days) / 7)
    values[:, np.arange(days) % 7 >= worked] = np.nan
    found = [
        daily(row, metric=metric, agent=agent)
        for (metric, agent), row in zip(names, values, strict=True)
    ]
    return Fleet(series=found, drifts=drifts)


def discoveries(q, drifts, *, rate=0.10):
    """Share of false ones among the trends found, and share of the true ones found."""
    found = np.asarray(q) <= rate
    return (found & ~drifts).sum() / max(1, found.sum()), (found & drifts).sum() / drifts.sum()
