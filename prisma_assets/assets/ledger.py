"""What improvements promised and what they kept."""

from typing import Any

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude
from resources.learning import LEARNING_DATABASE, LearningDatabase

LEDGER = "improvement_ledger"
_KEY = ["deployment_id"]
_CHECKS = [
    Check(
        name="one_row_per_deployment",
        says="An improvement is counted once.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": [*_KEY, "agent_id"]},
    )
]


def ledger_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=LEDGER,
        group_name="experiments",
        deps=["experiment_verdict", "improvement_opportunities"],
        check_specs=check_specs(LEDGER, _CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="2",
    )
    def improvement_ledger(context: dg.AssetExecutionContext) -> Result:
        """One row per improvement that was at work: the lift that was promised, shrunk, beside the lift that showed.

        An experiment, work with known answers, or the trouble to be undone gives the promise; the rollout beside the version before, else work
        before and after it, gives what was kept. Improvements at work whose realised interval includes harm are proposed for retirement.

        Reads: improvement_deployments, ab_tests, improvement_candidates, improvement_opportunities, agent_run_facts, agent_feedback.
        Writes: nothing; all is kept where it arose. Key: deployment_id.
        """
        import pandas as pd

        from prisma_assets.learning.ledger import Entry, ledger

        database: LearningDatabase = context.resources.learning_database
        entries: list[Entry] = database.run(ledger)
        rows = [_row(entry) for entry in entries]
        frame = pd.DataFrame(rows, columns=[*_KEY, "agent_id", "promised", "measured"])
        return conclude(
            database,
            rows=len(rows),
            shown=[_shown(row) for row in rows],
            checks=check_results(LEDGER, _CHECKS, frame, key=_KEY),
            retire=sum(entry.is_to_be_retired for entry in entries),
            kept=sum(entry.kept == "kept" for entry in entries),
        )

    return [improvement_ledger]


def _row(entry: Any) -> dict[str, Any]:
    seen = entry.realised
    return {
        "deployment_id": entry.deployment_id,
        "agent_id": entry.agent_id,
        "version": entry.version,
        "metric": entry.metric,
        "promised_by": entry.promised_by,
        "measured": None if entry.measured is None else entry.measured.value,
        "promised": entry.promised,
        "realised": None if seen is None else f"{seen.value:.3g} [{seen.low:.3g}, {seen.high:.3g}]",
        "compared": entry.basis,
        "judged": "retire?" if entry.is_to_be_retired else entry.kept,
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "deployment_id"}
