"""What the charts of one agent show, and the same values as a file."""

from collections.abc import Callable, Sequence
from typing import Any

from prisma_assets.domain.learning.forecast import Foreseen
from prisma_assets.domain.monitoring.measure import (
    ACCURACY_TARGET,
    LATENCY_TARGET_MS,
    SATISFACTION_TARGET,
)
from prisma_assets.learning.agent_view import AgentView
from prisma_assets.learning.measured import Between, accuracy_between, satisfaction_between
from prisma_assets.learning.metrics import Figures
from prisma_assets.web.page import chart

Read = Callable[[Figures], Any]
_QUANTILES: Sequence[tuple[str, Read]] = (
    ("P50", lambda f: f.p50_ms),
    ("P95", lambda f: f.p95_ms),
    ("P99", lambda f: f.p99_ms),
)
_OUTCOMES: Sequence[tuple[str, Read]] = (
    ("without error", lambda f: f.executions - f.errors - f.timeouts),
    ("errors", lambda f: f.errors),
    ("out of time", lambda f: f.timeouts),
)
_FILE: Sequence[tuple[str, Read]] = (
    ("executions", lambda f: f.executions),
    ("errors", lambda f: f.errors),
    ("timeouts", lambda f: f.timeouts),
    ("p50_ms", lambda f: f.p50_ms),
    ("p95_ms", lambda f: f.p95_ms),
    ("p99_ms", lambda f: f.p99_ms),
    ("cost_usd", lambda f: f.cost_usd),
    ("unpriced", lambda f: f.unpriced),
    ("tokens_in", lambda f: f.tokens_in),
    ("tokens_out", lambda f: f.tokens_out),
    ("accuracy", lambda f: f.accuracy),
    ("accuracy_n", lambda f: f.accuracy_n),
    ("satisfaction", lambda f: f.satisfaction),
    ("satisfaction_n", lambda f: f.satisfaction_n),
)


def agent_charts(view: AgentView) -> dict[str, dict[str, Any]]:
    """Every chart of the page by name; one of the forecast only when there is one."""
    charts = {
        "latency": chart(
            [_line(view, name, read) for name, read in _QUANTILES],
            unit="ms",
            target=LATENCY_TARGET_MS,
        ),
        "runs": chart(
            [_line(view, name, read) for name, read in _OUTCOMES],
            unit="runs",
            kind="bar",
            stacked=True,
        ),
        "cost": chart([_line(view, "cost", _cost)], unit="USD", kind="bar"),
        "accuracy": chart(
            [_band(view, "accuracy", lambda f: f.accuracy, accuracy_between)],
            unit="share of 1",
            kind="dots",
            target=ACCURACY_TARGET,
        ),
        "satisfaction": chart(
            [_band(view, "satisfaction", lambda f: f.satisfaction, satisfaction_between)],
            unit="1 to 5",
            kind="dots",
            target=SATISFACTION_TARGET,
        ),
    }
    expected = view.forecasts.get(Foreseen.LOAD)
    if expected:
        counted = _line(view, "counted", lambda f: f.executions)
        charts["forecast"] = chart([counted, _expected(expected)], unit="runs a day")
    return charts


def series_rows(view: AgentView) -> tuple[list[str], list[list[Any]]]:
    """Heads and rows of the file: a row for each part of the window that has a fact."""
    heads = ["window_start", *(name for name, _ in _FILE)]
    rows = [
        [start.isoformat(), *(read(figures) for _, read in _FILE)]
        for start, figures in sorted(view.parts.items())
    ]
    return heads, rows


def _line(view: AgentView, name: str, read: Read) -> dict[str, Any]:
    """A series over the whole window; empty when nothing in it was measured."""
    values = [_value(view.parts.get(start), read) for start in view.starts]
    known = any(value is not None for value in values)
    return {"name": name, "x": list(view.starts) if known else [], "y": values if known else []}


def _band(
    view: AgentView, name: str, read: Read, between: Callable[[Figures], Between]
) -> dict[str, Any]:
    line = _line(view, name, read)
    ends = [_value(view.parts.get(start), between) or (None, None) for start in line["x"]]
    return {**line, "low": [low for low, _ in ends], "high": [high for _, high in ends]}


def _value(figures: Figures | None, read: Read) -> Any:
    value = None if figures is None else read(figures)
    return round(value, 6) if isinstance(value, float) else value


def _cost(figures: Figures) -> float | None:
    return None if figures.cost_usd is None else float(figures.cost_usd)


def _expected(rows: Sequence[Any]) -> dict[str, Any]:
    return {
        "name": "expected, with the range of four days in five",
        "x": [row["day"] for row in rows],
        "y": [row["value"] for row in rows],
        "low": [row["low"] for row in rows],
        "high": [row["high"] for row in rows],
    }
