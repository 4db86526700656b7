"""One step of the audit once more: in a further turn, sent back, or for one item."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from prisma_assets.agents.embedded.assignment import ASSIGNMENTS
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.workpaper import Procedure, StepResult
from tests.unit.embedded.conftest import _clean_audit, _run_step, trader_facts, trader_tables


def run_again(
    step_id: str,
    tables: Mapping[str, pd.DataFrame] | None = None,
    engagement: Engagement | None = None,
    *,
    steps: Mapping[str, Any] | None = None,
    **asked: Any,
) -> StepResult:
    """Do a step behind the clean audit of the trader's books.

    `steps` replaces outputs of earlier steps; the rest goes to the task (`turn`, `previous`, ...).
    """
    outputs = {**_clean_audit()[1], **(steps or {})}
    return _run_step(
        list(ASSIGNMENTS)[int(step_id[1:]) - 1],
        trader_tables() if tables is None else tables,
        engagement or trader_facts(),
        {i: o for i, o in outputs.items() if i < step_id},
        **asked,
    )


def stored(result: StepResult) -> dict[str, Any]:
    """Outputs as the store hands them on."""
    found: dict[str, Any] = json.loads(json.dumps(result.outputs, allow_nan=False))
    return found


def procedure(result: StepResult, name: str) -> Procedure:
    """A procedure of the workpaper by name."""
    return next(p for p in result.workpaper.procedures if p.name == name)
