"""The figures people look at: what each is called, its unit, and what the firm aims at. Where they come from does not belong here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Measured(StrEnum):
    """A figure of one agent, or several together, over some time."""

    EXECUTIONS = "executions"
    ERROR_RATE = "error_rate"
    P50_MS = "p50_ms"
    P95_MS = "p95_ms"
    P99_MS = "p99_ms"
    COST_USD = "cost_usd"
    COST_PER_RUN = "cost_per_run"
    UNPRICED = "unpriced"
    TOKENS_IN = "tokens_in"
    TOKENS_OUT = "tokens_out"
    ACCURACY = "accuracy"
    SATISFACTION = "satisfaction"
    CACHE_HIT_RATE = "cache_hit_rate"


class Unit(StrEnum):
    """What a figure is counted in."""

    COUNT = "count"
    MILLISECONDS = "ms"
    DOLLARS = "USD"
    SHARE = "share of 1"
    RATING = "rating, 1 to 5"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """How a figure is shown."""

    title: str
    unit: Unit
    target: float | None = None
    """What the firm aims at, in the unit; None: nothing is set."""
    target_text: str | None = None


LATENCY_TARGET_MS = 2_000.0
ACCURACY_TARGET = 0.95
SATISFACTION_TARGET = 4.5
"""What the firm's specification of 2026 asks of its agents: P95 below 2 s, accuracy above 95 %, satisfaction above 4.5 of 5.
They are aims, never figures."""

MEASURES: Mapping[Measured, Measure] = MappingProxyType(
    {
        Measured.EXECUTIONS: Measure(title="Runs", unit=Unit.COUNT),
        Measured.ERROR_RATE: Measure(title="Errors", unit=Unit.SHARE),
        Measured.P50_MS: Measure(title="P50", unit=Unit.MILLISECONDS),
        Measured.P95_MS: Measure(
            title="P95",
            unit=Unit.MILLISECONDS,
            target=LATENCY_TARGET_MS,
            target_text="below 2 s",
        ),
        Measured.P99_MS: Measure(title="P99", unit=Unit.MILLISECONDS),
        Measured.COST_USD: Measure(title="Cost", unit=Unit.DOLLARS),
        Measured.COST_PER_RUN: Measure(title="Cost per run", unit=Unit.DOLLARS),
        Measured.UNPRICED: Measure(title="Runs without a price", unit=Unit.COUNT),
        Measured.TOKENS_IN: Measure(title="Tokens read", unit=Unit.COUNT),
        Measured.TOKENS_OUT: Measure(title="Tokens written", unit=Unit.COUNT),
        Measured.ACCURACY: Measure(
            title="Accuracy", unit=Unit.SHARE, target=ACCURACY_TARGET, target_text="above 95 %"
        ),
        Measured.SATISFACTION: Measure(
            title="Satisfaction",
            unit=Unit.RATING,
            target=SATISFACTION_TARGET,
            target_text="above 4.5 of 5",
        ),
        Measured.CACHE_HIT_RATE: Measure(title="Answered from the cache", unit=Unit.SHARE),
    }
)
