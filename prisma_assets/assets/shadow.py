"""Versions of high risk in the shadow of the version at work: what they gave for the same inputs."""

from typing import Any

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude
from resources.learning import FIRM, LEARNING_DATABASE, LearningDatabase

NAME = "shadow_runs"
KEY = ["deployment_id"]
COLUMNS = [*KEY, "compared", "most_calls", "is_within"]
CHECKS = [
    Check(
        name="no_more_than_declared",
        says="How many calls are compared is declared beforehand; going on until it looks good would prove nothing.",
        expectation="expect_column_values_to_be_in_set",
        arguments={"column": "is_within", "value_set": [True]},
    ),
]


def shadow_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=NAME,
        group_name="experiments",
        check_specs=check_specs(NAME, CHECKS),
        required_resource_keys={LEARNING_DATABASE, FIRM},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def shadow_runs(context: dg.AssetExecutionContext) -> Result:
        """One row per shadow run that is not decided: what was compared, and the verdict as it stands.

        Inputs the version at work has answered are done by the version that waits for approval. Nobody is shown what it gives, nobody
        waits for it, and no client pays for it. Outputs, errors, duration and cost are compared; the inputs are dropped then.

        Reads: shadow_calls, agent_calls. Writes: shadow_calls, shadow_runs. Key: deployment_id.
        Rebuild: what was compared is not compared again.
        """
        from prisma_assets.learning.shadow import look

        database: LearningDatabase = context.resources.learning_database
        return _concluded(database, database.run(lambda d: look(d, context.resources.firm)))

    return [shadow_runs]


def _concluded(database: LearningDatabase, looked: list[dict[str, Any]]) -> Result:
    import pandas as pd

    rows = [{**run, "is_within": run["compared"] <= run["most_calls"]} for run in looked]
    frame = pd.DataFrame([{name: row[name] for name in COLUMNS} for row in rows], columns=COLUMNS)
    return conclude(
        database,
        rows=len(rows),
        shown=[_shown(row) for row in rows],
        checks=check_results(NAME, CHECKS, frame, key=KEY),
    )


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "agent": row["agent_id"],
        "version": row["to_version"],
        "beside": row["from_version"],
        "compared": row["compared"],
        "waiting": row["waiting"],
        "verdict": row["verdict"],
        "why": row["reason"],
    }
