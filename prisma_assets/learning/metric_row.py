"""One slice of work in a row, with the names every file and answer uses."""

from typing import Any

from prisma_assets.learning.metric_window import Slice

COLUMNS = (
    "value", "start", "executions", "per_hour", "concurrency", "error_rate", "errors", "timeouts", "error_types", "p50_ms",
    "p95_ms", "p99_ms", "timed", "tokens_in", "tokens_out", "tokens_cached", "tokens_n", "cost_usd", "cost_per_run",
    "unpriced", "accuracy", "accuracy_low", "accuracy_high", "accuracy_n", "satisfaction", "satisfaction_low",
    "satisfaction_high", "satisfaction_n", "cache_hit_rate", "steps", "automation_rate", "automation_low",
    "automation_high", "correction_rate", "rework_rate", "escalation_rate", "queue", "mean_wait_ms",
)  # fmt: skip


def row_of(one: Slice) -> dict[str, Any]:
    """Every figure of it by its column; None: no data."""
    read = {**_measured(one), **_bounds(one)}
    return {name: read[name] for name in COLUMNS}


def _measured(one: Slice) -> dict[str, Any]:
    """Figures of runs, of steps and of both together."""
    figures, flow = one.figures, one.flow
    names = set(COLUMNS)
    return {
        **{name: value for name, value in vars(figures).items() if name in names},
        "error_types": dict(figures.error_types),
        "cost_usd": None if figures.cost_usd is None else float(figures.cost_usd),
        **{name: getattr(figures, name) for name in ("error_rate", "cost_per_run")},
        **{
            name: getattr(flow, name)
            for name in (
                "steps", "automation_rate", "correction_rate", "rework_rate", "escalation_rate", "mean_wait_ms",
            )
        },
        **{
            name: getattr(one, name)
            for name in ("value", "start", "per_hour", "concurrency", "queue")
        },
    }  # fmt: skip


def _bounds(one: Slice) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, between in (
        ("accuracy", one.accuracy_between),
        ("satisfaction", one.satisfaction_between),
        ("automation", one.flow.automation_between),
    ):
        found[f"{name}_low"], found[f"{name}_high"] = between or (None, None)
    return found
