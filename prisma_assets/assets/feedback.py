"""Feedback by day."""

from datetime import date, timedelta
from typing import Any

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude, sparkline
from prisma_assets.assets.partition import DAYS, ONE_RUN, days_of
from prisma_assets.assets.source import FEEDBACK
from resources.learning import LEARNING_DATABASE, LearningDatabase

NAME = "feedback_daily"
_DRAWN = 60
"""Days in a plot, the last one counted at its end: as many characters as a line of the UI holds."""
KEY = ["agent_id", "day"]
CHECKS = [
    Check(
        name="one_row_per_agent_and_day",
        says="An agent's day is counted once; twice would double what people said.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": KEY},
    ),
    Check(
        name="ratings_in_range",
        says="Mean ratings lie between 1 and 5, the ends of the scale.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "rating", "min_value": 1, "max_value": 5},
    ),
    Check(
        name="types_add_up",
        says="Each piece of feedback is counted under one type.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "uncounted", "min_value": 0, "max_value": 0},
    ),
]


def feedback_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=NAME,
        group_name="facts",
        deps=[FEEDBACK],
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        check_specs=check_specs(NAME, CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def feedback_daily(context: dg.AssetExecutionContext) -> Result:
        """One row per agent and UTC day with feedback: counts by type, source and category, sums of ratings.

        Reads: agent_feedback. Writes: feedback_daily. Key: agent_id, day.
        Rebuild: a day is deleted and counted again in one transaction; doing it twice gives the same rows.
        """
        from prisma_assets.learning.known import known_agents
        from prisma_assets.learning.roll_up import count_days, roll_up_feedback

        database: LearningDatabase = context.resources.learning_database
        days, agents = days_of(context), known_agents()
        done = database.run(lambda d: count_days(d, days, roll_up_feedback, agents=agents))
        return _concluded(database, days, rows=sum(one.rows for one in done))

    return [feedback_daily]


def _concluded(database: LearningDatabase, days: list[date], *, rows: int) -> Result:
    import pandas as pd

    from prisma_assets.store.roll_up import RollUpStore

    since, until = days[0], days[-1]
    found = database.run(lambda d: RollUpStore(source=d).feedback_to_check(since, until))
    begun = until - timedelta(days=_DRAWN - 1)
    drawn = database.run(
        lambda d: RollUpStore(source=d).feedback_days(since=min(begun, since), until=until)
    )
    said = [row for row in drawn if row["day"] >= since]
    frame = pd.DataFrame(found, columns=["agent_id", "day", "feedback", "uncounted", "rating"])
    by_day = [
        float(sum(r["feedback"] for r in drawn if r["day"] == begun + timedelta(days=n)))
        for n in range(_DRAWN)
    ]
    return conclude(
        database,
        rows=rows,
        shown=_table(said),
        checks=check_results(NAME, CHECKS, frame, key=KEY),
        days=f"{since} to {until}" if since != until else str(since),
        pieces=sum(row["feedback"] for row in said),
        agents=len({row["agent_id"] for row in said}),
        plot=dg.MetadataValue.md(
            f"Feedback by day: `{sparkline(by_day)}` (at most {max(by_day):.0f})"
        ),
    )


def _table(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Agents by what was said of them."""
    agents = sorted({row["agent_id"] for row in said})
    rows = [_row(agent, [row for row in said if row["agent_id"] == agent]) for agent in agents]
    return sorted(rows, key=lambda row: -int(row["feedback"]))


def _row(agent: str, said: list[dict[str, Any]]) -> dict[str, Any]:
    n = sum(row["rating_n"] for row in said)
    return {
        "agent": agent,
        "feedback": sum(row["feedback"] for row in said),
        "mean rating": sum(row["rating_sum"] for row in said) / n if n else None,
        "ratings": n,
        "corrections": sum(row["types"].get("correction", 0) for row in said),
        "complaints": sum(row["types"].get("complaint", 0) for row in said),
    }
