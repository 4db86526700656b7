"""One figure out of those that were added up, with what it rests on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prisma_assets.domain.monitoring.mean_interval import mean_interval
from prisma_assets.domain.monitoring.measure import Measured
from prisma_assets.learning.metrics import Figures

Between = tuple[float, float] | None
"""A 95 % interval; None where there is no value, or where sums do not tell it."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A figure."""

    value: float | None
    """In its measure's unit; None: no data."""
    n: int
    """Values it rests on."""
    between: Between = None


def reading(measured: Measured, figures: Figures) -> Reading:
    """Read a figure."""
    bounds = _BOUNDS.get(measured)
    return Reading(
        value=_VALUES[measured](figures),
        n=_NUMBERS.get(measured, _runs)(figures),
        between=None if bounds is None else bounds(figures),
    )


def accuracy_between(figures: Figures) -> Between:
    """In which the true accuracy lies, at 95 %."""
    return mean_interval(figures.accuracy, figures.accuracy_n, least=0, most=1)


def satisfaction_between(figures: Figures) -> Between:
    """In which the true mean rating lies, at 95 %."""
    return mean_interval(figures.satisfaction, figures.satisfaction_n, least=1, most=5)


def _runs(figures: Figures) -> int:
    return figures.executions


def _priced(figures: Figures) -> int:
    return figures.executions - figures.unpriced


_VALUES: Mapping[Measured, Callable[[Figures], float | None]] = {
    Measured.EXECUTIONS: lambda f: f.executions or None,
    Measured.ERROR_RATE: lambda f: f.error_rate,
    Measured.P50_MS: lambda f: f.p50_ms,
    Measured.P95_MS: lambda f: f.p95_ms,
    Measured.P99_MS: lambda f: f.p99_ms,
    Measured.COST_USD: lambda f: None if f.cost_usd is None else float(f.cost_usd),
    Measured.COST_PER_RUN: lambda f: f.cost_per_run,
    Measured.UNPRICED: lambda f: f.unpriced if f.executions else None,
    Measured.TOKENS_IN: lambda f: f.tokens_in,
    Measured.TOKENS_OUT: lambda f: f.tokens_out,
    Measured.ACCURACY: lambda f: f.accuracy,
    Measured.SATISFACTION: lambda f: f.satisfaction,
    Measured.CACHE_HIT_RATE: lambda f: f.cache_hit_rate,
}
_NUMBERS: Mapping[Measured, Callable[[Figures], int]] = {
    Measured.P50_MS: lambda f: f.timed,
    Measured.P95_MS: lambda f: f.timed,
    Measured.P99_MS: lambda f: f.timed,
    Measured.COST_USD: _priced,
    Measured.COST_PER_RUN: _priced,
    Measured.TOKENS_IN: lambda f: f.tokens_n,
    Measured.TOKENS_OUT: lambda f: f.tokens_n,
    Measured.ACCURACY: lambda f: f.accuracy_n,
    Measured.SATISFACTION: lambda f: f.satisfaction_n,
}
_BOUNDS: Mapping[Measured, Callable[[Figures], Between]] = {
    Measured.ACCURACY: accuracy_between,
    Measured.SATISFACTION: satisfaction_between,
}
