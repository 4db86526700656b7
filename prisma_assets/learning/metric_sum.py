"""Adding up windows of work, whether they were counted before or just read from facts."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import groupby

from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.domain.monitoring.flow import Flow
from prisma_assets.learning.metrics import figures_of
from prisma_assets.store.roll_up import Row

RUN_SUMS = (
    "executions", "errors", "timeouts", "busy_ms", "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "tokens_n",
    "unpriced", "accuracy_sum", "accuracy_n", "satisfaction_sum", "satisfaction_n", "cache_hits", "cache_n",
)  # fmt: skip
STEP_SUMS = tuple(field.name for field in fields(Flow))


def sketched(row: Row) -> Row:
    """A row of facts with the packed sketch of its durations in their place."""
    sketch = Sketch.of(row["durations"] or ())
    rest = {name: value for name, value in row.items() if name != "durations"}
    return {**rest, "latency_sketch": sketch.to_bytes() if sketch.n else None}


def runs_added(rows: Iterable[Row]) -> list[Row]:
    """Parts of each dimension and value together; those of one stand side by side, the earliest first."""
    return [_runs(list(group)) for _, group in groupby(rows, key=_whose)]


def steps_added(rows: Iterable[Row]) -> list[Row]:
    """The same of steps."""
    return [_summed(list(group), STEP_SUMS) for _, group in groupby(rows, key=_whose)]


def _runs(rows: Sequence[Row]) -> Row:
    figures = figures_of(rows)
    sketches = [row["latency_sketch"] for row in rows if row["latency_sketch"]]
    return {
        **_summed(rows, RUN_SUMS),
        "cost_usd": figures.cost_usd,
        "error_types": dict(figures.error_types),
        "latency_sketch": Sketch.merged_bytes(sketches).to_bytes() if sketches else None,
    }


def _summed(rows: Sequence[Row], names: Iterable[str]) -> Row:
    return {**rows[0], **{name: sum(row[name] for row in rows) for name in names}}


def _whose(row: Row) -> tuple[str, str | None]:
    return row["dimension"], row["value"]
