"""What is saved and what could be."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude
from resources.learning import LEARNING_DATABASE, LearningDatabase

if TYPE_CHECKING:
    from prisma_assets.learning.saving import Savings

SAVINGS = "cost_savings"
_DAYS = 30
"""A month, as the firm reports."""
_KEY = ["kind", "agent_id"]
_CHECKS = [
    Check(
        name="one_saving_per_kind_and_agent",
        says="Money is saved once.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": _KEY},
    ),
    Check(
        name="interval_holds_amount",
        says="The amount lies below the upper end of its interval.",
        expectation="expect_column_pair_values_a_to_be_greater_than_b",
        arguments={"column_A": "high", "column_B": "usd", "or_equal": True},
    ),
]


def cost_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=SAVINGS,
        group_name="experiments",
        deps=["agent_metrics_daily"],
        check_specs=check_specs(SAVINGS, _CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def cost_savings(context: dg.AssetExecutionContext) -> Result:
        """One row per kind of saving and agent over the last 30 days: realised ones as measured, possible ones with their evidence.

        Reads: spend_daily, agent_cost_tracking, workflow_step_executions, improvement_deployments. Writes: nothing; what it rests
        on is kept where it arose. Key: kind, agent_id.
        """
        from prisma_assets.learning.saving import savings

        database: LearningDatabase = context.resources.learning_database
        until = datetime.now(UTC).date()
        since = until - timedelta(days=_DAYS - 1)
        return _concluded(database, database.run(lambda d: savings(d, since=since, until=until)))

    return [cost_savings]


def _concluded(database: LearningDatabase, found: "Savings") -> Result:
    import pandas as pd

    rows = [
        {"kind": s.kind, "agent_id": s.agent_id, "usd": s.amount.usd, "high": s.amount.high}
        for s in found.found
    ]
    saved, share = found.saved_usd, found.saved_share
    return conclude(
        database,
        rows=len(rows),
        shown=_shown(found),
        checks=check_results(
            SAVINGS, _CHECKS, pd.DataFrame(rows, columns=[*_KEY, "usd", "high"]), key=_KEY
        ),
        spent_usd="no data" if found.spent_usd is None else found.spent_usd,
        unpriced=found.unpriced,
        saved_usd="no data" if saved is None else saved.usd,
        saved_share="no data" if share is None else share,
        target_share=found.target,
        no_evidence=len(found.no_evidence),
    )


def _shown(found: "Savings") -> list[dict[str, Any]]:
    return [
        {
            "": "saved" if s.is_realised else "possible",
            "kind": s.kind,
            "agent": s.agent_id,
            "USD a month": f"{s.usd_month.usd:,.2f} [{s.usd_month.low:,.2f}, {s.usd_month.high:,.2f}]",
            "evidence": s.evidence,
        }
        for s in (*found.realised, *found.possible)
    ]
