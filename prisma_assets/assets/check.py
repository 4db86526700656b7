"""Checks of assets by Great Expectations, and how what they find is shown. What is checked stands with each asset."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_ROWS = 20
"""Failing rows shown in the UI; a person looks at the first ones and asks the database for the rest."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One expectation about an asset's rows."""

    name: str
    """As the UI shows it, `snake_case`."""
    says: str
    """What must hold and why, as a sentence for people."""
    expectation: str
    """Great Expectations' name of it, `expect_...`."""
    arguments: Mapping[str, Any]
    """What the expectation takes: `column`, `min_value`, `mostly` and so on."""
    is_blocking: bool = True
    """True: when it fails the step fails and nothing downstream runs. False: a warning."""


def check_specs(asset: str, checks: Sequence[Check]) -> list[dg.AssetCheckSpec]:
    """The checks as an asset declares them."""
    return [
        dg.AssetCheckSpec(
            name=check.name, asset=asset, description=check.says, blocking=check.is_blocking
        )
        for check in checks
    ]


def check_results(
    asset: str, checks: Sequence[Check], rows: pd.DataFrame, *, key: Sequence[str]
) -> list[dg.AssetCheckResult]:
    """Judge rows by all checks at once.

    Args:
        asset: Name of the asset.
        checks: Those of its checks that speak of these rows.
        rows: What is judged. No rows: expectations of values hold, those of counts may not.
        key: Columns that tell a person which row fails.
    """
    found = _validate(checks, rows, key)
    return [_result(asset, check, one) for check, one in zip(checks, found, strict=True)]


def _result(asset: str, check: Check, found: Mapping[str, Any]) -> dg.AssetCheckResult:
    result = found["result"]
    metadata: dict[str, Any] = {"expectation": check.expectation, "says": check.says}
    if "observed_value" in result:
        metadata["observed"] = str(result["observed_value"])
    failing = failing_rows(result)
    if "unexpected_count" in result:
        metadata["failing"] = int(result["unexpected_count"])
    if failing:
        metadata["failing rows"] = dg.MetadataValue.md(markdown_table(failing))
    error = _exception_text(found)
    if error:
        metadata["not performed"] = error
    return dg.AssetCheckResult(
        passed=bool(found["success"]),
        asset_key=asset,
        check_name=check.name,
        severity=dg.AssetCheckSeverity.ERROR if check.is_blocking else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def failing_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The first rows that fail: key columns, and the value that is wrong."""
    return [dict(row) for row in (result.get("unexpected_index_list") or [])[:_SHOWN_ROWS]]


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table; "no data" where a cell holds nothing."""
    if not rows:
        return "no data"
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_cell(row.get(n)) for n in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124  # NaN is what differs from itself
        return "no data"
    text = f"{value:,.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _exception_text(found: Mapping[str, Any]) -> str:
    """Why an expectation could not be evaluated; empty when it was."""
    info = found.get("exception_info") or {}
    parts = [info] if "raised_exception" in info else list(info.values())
    return "; ".join(
        str(p["exception_message"]) for p in parts if isinstance(p, dict) and p["raised_exception"]
    )


def _validate(
    checks: Sequence[Check], rows: pd.DataFrame, key: Sequence[str]
) -> list[dict[str, Any]]:
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    suite = ExpectationSuite(
        name="checks",
        expectations=[
            ExpectationConfiguration(
                type=check.expectation, kwargs=dict(check.arguments), meta={"check": check.name}
            )
            for check in checks
        ],
    )
    batch = _whole_frame().get_batch({"dataframe": rows})
    found = batch.validate(
        suite,
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": list(key)},
    ).to_json_dict()["results"]
    by_name = {one["expectation_config"]["meta"]["check"]: one for one in found}
    return [by_name[check.name] for check in checks]


@cache
def _whole_frame() -> Any:
    """Great Expectations' way to a data frame, made once per process: making its context anew leaks registrations."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # Nothing is sent anywhere.
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("rows")
    return source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("rows")
