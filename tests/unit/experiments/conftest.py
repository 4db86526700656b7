"""Builders of designs and units: valid by default, overridden by keyword."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binom

from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.experiment import Experiment
from prisma_assets.domain.experiments.health import Units
from prisma_assets.domain.experiments.metric import (
    DEFAULT_DIRECTION,
    DEFAULT_MARGIN,
    Kind,
    Metric,
    Role,
)


@pytest.fixture
def a_metric() -> Callable[..., Metric]:
    def make(name: str = "accuracy", **changed) -> Metric:
        kind = changed.pop("kind", Kind.BINARY)
        given = {
            "direction": DEFAULT_DIRECTION[kind],
            "margin": DEFAULT_MARGIN[kind],
            "role": Role.PRIMARY,
        }
        return Metric(name=name, kind=kind, **{**given, **changed})

    return make


@pytest.fixture
def a_design(a_metric) -> Callable[..., Design]:
    def make(*metrics: Metric, **changed) -> Design:
        return Design(**{"metrics": metrics or (a_metric(),), "splits": (0.5,), **changed})

    return make


@pytest.fixture
def coins() -> Callable[..., Units]:
    """Units with 0-1 outcomes of `accuracy`, assigned by a fair or another coin."""

    def make(n: int, *, control: float = 0.9, treated: float = 0.9, split: float = 0.5, seed: int = 1, names=("accuracy",)) -> Units:  # fmt: skip
        rng = np.random.default_rng(seed)
        arm = rng.random(n) < split
        values = {name: (rng.random(n) < np.where(arm, treated, control)).astype(float) for name in names}  # fmt: skip
        return Units(treated=arm, splits=np.full(n, split), values=values)

    return make


@pytest.fixture
def judged() -> Callable[..., Experiment]:
    """An experiment after its units, taken in at once or in parts."""

    def make(design: Design, units: Units, *, parts: int = 1) -> Experiment:
        experiment = Experiment(design)
        edges = np.linspace(0, len(units), parts + 1).astype(int)
        for start, stop in pairwise(edges):
            experiment.update(units.part(start, stop))
        return experiment

    return make


@pytest.fixture
def at_most() -> Callable[[int, float], int]:
    """How often an event of at most the given probability may happen in so many streams, but once in ten thousand."""
    return lambda streams, alpha: int(binom.ppf(0.9999, streams, alpha))
