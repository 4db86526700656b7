"""What could be better about the agents."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude, sparkline
from prisma_assets.assets.partition import DAYS, ONE_RUN, days_of
from resources.learning import LEARNING_DATABASE, LearningDatabase

if TYPE_CHECKING:
    from prisma_assets.learning.opportunity import Looked
    from prisma_assets.store.database import Database

NAME = "improvement_opportunities"
KEY = ["agent_id", "fingerprint"]
LOOKS = 28
"""Most days a run looks at, its last ones: each look watches four weeks, and trouble that ended before is nobody's task any more."""
CHECKS = [
    Check(
        name="same_trouble_is_open_once",
        says="The same trouble of an agent is one opportunity; twice would test two changes against each other.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": KEY},
    ),
    Check(
        name="every_opportunity_has_evidence",
        says="An opportunity shows the rows it rests on.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "evidence", "min_value": 1},
    ),
    Check(
        name="shares_in_range",
        says="Confidence is a probability.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "confidence", "min_value": 0, "max_value": 1},
    ),
    Check(
        name="few_enough_to_read",
        says="More than 100 open opportunities are two for every agent: look for one cause before reading them.",
        expectation="expect_table_row_count_to_be_between",
        arguments={"min_value": 0, "max_value": 100},
        is_blocking=False,
    ),
]
COLUMNS = [
    "opportunity_id",
    "agent_id",
    "fingerprint",
    "priority",
    "confidence",
    "impact",
    "sample_size",
    "evidence",
    "began_on",
    "title",
]


def opportunity_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=NAME,
        group_name="learning",
        deps=["feedback_daily", "agent_metrics_daily", "feedback_themes", "performance_trends"],
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        check_specs=check_specs(NAME, CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def improvement_opportunities(
        context: dg.AssetExecutionContext,
    ) -> Result:
        """One row per trouble of an agent: what is wrong since when, evidence, size, confidence, risk, value, what to change.

        Reads: agent_performance_metrics, feedback_daily, feedback_theme_daily, performance_trends of twelve weeks. Writes: improvement_opportunities.
        Key: agent_id, fingerprint, among what is open.
        Rebuild: the same trouble is the same row; a day before the last one looked at is left alone, since what followed it is known.
        """
        from prisma_assets.learning.opportunity import firm_agents, look

        database: LearningDatabase = context.resources.learning_database
        agents = firm_agents()

        async def each_day(opened: "Database") -> "list[Looked]":
            return [await look(opened, day, agents=agents) for day in days_of(context)[-LOOKS:]]

        return _concluded(database, database.run(each_day))

    return [improvement_opportunities]


def _concluded(database: LearningDatabase, done: "list[Looked]") -> Result:
    import pandas as pd

    from prisma_assets.store.opportunity import OpportunityStore

    found = database.run(lambda d: OpportunityStore(source=d).to_check())
    listed = database.run(lambda d: OpportunityStore(source=d).listed())
    frame = pd.DataFrame(found, columns=COLUMNS)
    return conclude(
        database,
        rows=len(listed),
        shown=[_row(one) for one in listed],
        checks=check_results(NAME, CHECKS, frame, key=KEY),
        found=sum(one.found for one in done),
        followed=done[-1].followed,
        resolved=sum(one.resolved for one in done),
        dismissed_before=done[-1].silent,
        left_alone=sum(one.is_past for one in done),
        quotes=dg.MetadataValue.md(_quotes(listed)),
    )


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "priority": one["priority"],
        "agent": one["agent_id"],
        "what": one["title"],
        "since": one["began_on"],
        "four weeks": days_plot(one["evidence"]),
        "confidence": one["confidence"],
        "USD a month": one["usd_per_month"],
        "change": one["improvement_type"],
        "risk": one["risk_level"],
    }


def days_plot(evidence: list[dict[str, Any]]) -> str:
    """The days of the evidence as bars."""
    days: list[list[Any]] = next((row["values"] for row in evidence if row["kind"] == "days"), [])
    return f"`{sparkline([value for _, value, _ in days])}`" if days else ""


def _quotes(listed: list[dict[str, Any]]) -> str:
    lines = [
        f"- {one['agent_id']}: “{said['comment']}” ({said['day']})"
        for one in listed
        for row in one["evidence"]
        if row["kind"] == "feedback"
        for said in row["feedback"][:1]
        if said["comment"]
    ]
    return "\n".join(lines) or "no data"
