"""How long an execution took, however many runs and days it needed."""

from datetime import UTC, datetime, timedelta

import pytest

from prisma_assets.engine.report import worked_ms
from prisma_assets.store.workflow import StepRow

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def row(start_ms: int | None, duration_ms: int | None) -> StepRow:
    started_at = None if start_ms is None else NINE + timedelta(milliseconds=start_ms)
    return StepRow(
        step_id="s", step_name="s", step_execution_id="x", status="COMPLETED",
        started_at=started_at, duration_ms=duration_ms,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], None),
        ([(None, None), (0, None)], None),
        ([(0, 100), (100, 50)], 150),
        ([(0, 100), (20, 30)], 100),
        ([(50, 100), (0, 100)], 150),
        ([(0, 100), (86_400_000, 10)], 110),
    ],
    ids=["nothing", "not done", "in turn", "inside", "overlapping", "a day's wait between"],
)
def test_worked_time_counts_neither_waits_nor_what_runs_beside(spans, expected):
    assert worked_ms(row(*span) for span in spans) == expected
