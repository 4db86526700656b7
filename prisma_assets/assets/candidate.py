"""Changes that are proposed for what could be better about the agents."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude
from resources.learning import FIRM, LEARNING_DATABASE, LearningDatabase

if TYPE_CHECKING:
    from prisma_assets.learning.candidate import Proposed
    from prisma_assets.store.database import Database

NAME = "improvement_candidates"
KEY = ["opportunity_id", "control_version"]
COLUMNS = [*KEY, "is_proposed", "certain"]
CHECKS = [
    Check(
        name="one_candidate_per_version",
        says="A search is made once for an opportunity and a version; repeating it until it wins would prove nothing.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": KEY},
    ),
    Check(
        name="proposed_is_better_on_the_holdout",
        says="Settings are proposed only when tasks that did not choose them show them to be better.",
        expectation="expect_column_values_to_be_in_set",
        arguments={"column": "certain", "value_set": [True]},
    ),
]


def candidate_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=NAME,
        group_name="experiments",
        deps=["improvement_opportunities"],
        check_specs=check_specs(NAME, CHECKS),
        required_resource_keys={LEARNING_DATABASE, FIRM},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def improvement_candidates(context: dg.AssetExecutionContext) -> Result:
        """One row per opportunity and version at work: the change that is proposed, or the best one found where none is better.

        Embedded agents: a search over the parameters they declare, on sample engagements with planted errors; what is proposed was
        better on others that chose nothing. Agents of a language model: the prompt rewritten from what people said, where a model is
        configured. Nothing is changed: an experiment or a deployment does that.

        Reads: improvement_opportunities, agent_feedback. Writes: improvement_candidates. Key: opportunity_id, control_version.
        Rebuild: what was looked for is not looked for again.
        """
        from prisma_assets.learning.candidate import propose_for_all

        database: LearningDatabase = context.resources.learning_database
        done = database.run(lambda d: propose_for_all(d, context.resources.firm))
        return _concluded(database, done)

    return [improvement_candidates]


def _concluded(database: LearningDatabase, done: "Proposed") -> Result:
    import pandas as pd

    rows = database.run(_listed)
    frame = pd.DataFrame([_checked(row) for row in rows], columns=COLUMNS)
    return conclude(
        database,
        rows=len(rows),
        shown=[_shown(row) for row in rows],
        checks=check_results(NAME, CHECKS, frame, key=KEY),
        new=done.new,
        nothing_to_propose=done.left,
    )


async def _listed(opened: "Database") -> list[dict[str, Any]]:
    from prisma_assets.store.candidate import CandidateStore

    return await CandidateStore(source=opened).listed()


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    is_measured = row["ci_low"] is not None
    certain = not (row["is_proposed"] and is_measured) or row["ci_low"] > 0
    return {**{name: row[name] for name in COLUMNS[:-1]}, "certain": certain}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "agent": row["agent_id"],
        "for": row["opportunity"],
        "change": str(row["changes"])[:200],
        "proposed": "yes" if row["is_proposed"] else "no",
        "why": row["reason"],
        "hold-out": "no data" if row["ci_low"] is None
        else f"{row['present_score']:.2f} to {row['holdout_score']:.2f}, {row['effect']:+.2f} [{row['ci_low']:+.2f}, {row['ci_high']:+.2f}]",
        "n": row["holdout_tasks"],
        "USD": row["cost_usd"],
    }  # fmt: skip
