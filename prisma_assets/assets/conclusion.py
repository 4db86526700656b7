"""How an asset of the loop ends: rows, coverage, checks, a table and a small plot for whoever reads the UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from prisma_assets.assets.check import markdown_table

if TYPE_CHECKING:
    from resources.learning import LearningDatabase

OWNERS = ["team:ai-operations"]
if TYPE_CHECKING:
    Result = dg.MaterializeResult[None]
else:
    # Dagster reads the annotation of an asset with checks, and takes the bare class only.
    Result = dg.MaterializeResult

_BARS = "▁▂▃▄▅▆▇█"
_SHOWN = 10
"""Rows of a small table; the database has the others."""


def conclude(
    database: LearningDatabase,
    *,
    rows: int,
    shown: Sequence[Mapping[str, Any]],
    checks: Sequence[dg.AssetCheckResult],
    **metadata: Any,
) -> Result:
    """What the UI shows of this materialisation; failing blocking checks are told as alerts first.

    Args:
        database: Where alerts go.
        rows: Rows written.
        shown: A small table, the most telling row first.
        checks: Results of the asset's checks.
        metadata: Anything else to show.
    """
    _tell(database, checks)
    return dg.MaterializeResult(
        check_results=list(checks),
        metadata={
            "dagster/row_count": rows,
            **metadata,
            "overview": dg.MetadataValue.md(markdown_table(shown[:_SHOWN])),
        },
    )


def sparkline(values: Sequence[float | None]) -> str:
    """A row of bars from zero up to the largest value; a gap where there is no data."""
    most = max((v for v in values if v is not None), default=0)
    return "".join(_bar(value, most) for value in values)


def _bar(value: float | None, most: float) -> str:
    if value is None:
        return "·"
    return _BARS[round(value / most * (len(_BARS) - 1))] if most else _BARS[0]


def _tell(database: LearningDatabase, checks: Sequence[dg.AssetCheckResult]) -> None:
    """Raise an alert for every check that stops what is downstream."""
    from prisma_assets.learning.check_alert import FailedCheck, raise_failed_checks

    failed = [
        FailedCheck(
            asset=str(check.asset_key.to_user_string() if check.asset_key else ""),
            check=str(check.check_name),
            says=str(check.metadata["says"].value),
            rows=int(check.metadata["failing"].value) if "failing" in check.metadata else 1,  # type: ignore[arg-type]
        )
        for check in checks
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    if failed:
        database.run(lambda opened: raise_failed_checks(opened, failed))
