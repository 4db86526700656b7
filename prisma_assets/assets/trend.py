"""How agents change over weeks, and what the next weeks bring."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude, sparkline
from prisma_assets.assets.partition import DAYS, ONE_RUN, days_of
from resources.learning import LEARNING_DATABASE, LearningDatabase

if TYPE_CHECKING:
    from prisma_assets.learning.trend import Forecasts, Judged

TRENDS, FORECASTS = "performance_trends", "agent_forecasts"
_DRAWN = 10
"""Trends in the plot; the database has the others."""

TREND_KEY = ["as_of", "agent_id", "metric"]
TREND_COLUMNS = [*TREND_KEY, "p", "q", "days"]
TREND_CHECKS = [
    Check(
        name="one_row_per_agent_and_metric",
        says="A figure of an agent has one trend; two would be counted twice among the false ones.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": TREND_KEY},
    ),
    Check(
        name="q_is_a_rate",
        says="A false-discovery rate lies between 0 and 1.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "q", "min_value": 0, "max_value": 1},
    ),
    Check(
        name="q_is_not_below_p",
        says="Judging many figures together makes none of them surer.",
        expectation="expect_column_pair_values_a_to_be_greater_than_b",
        arguments={"column_A": "q", "column_B": "p", "or_equal": True},
    ),
]

FORECAST_KEY = ["as_of", "agent_id", "metric", "day"]
FORECAST_COLUMNS = [*FORECAST_KEY, "value", "low", "high"]
FORECAST_CHECKS = [
    Check(
        name="one_row_per_agent_figure_and_day",
        says="A day is forecast once.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": FORECAST_KEY},
    ),
    Check(
        name="interval_ends_above_value",
        says="The interval holds the value.",
        expectation="expect_column_pair_values_a_to_be_greater_than_b",
        arguments={"column_A": "high", "column_B": "value", "or_equal": True},
    ),
    Check(
        name="interval_begins_below_value",
        says="The interval holds the value.",
        expectation="expect_column_pair_values_a_to_be_greater_than_b",
        arguments={"column_A": "value", "column_B": "low", "or_equal": True},
    ),
]


def trend_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=TRENDS,
        group_name="learning",
        deps=["agent_metrics_daily"],
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        check_specs=check_specs(TRENDS, TREND_CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def performance_trends(context: dg.AssetExecutionContext) -> Result:
        """One row per day, agent and metric: slope over the eight weeks to that day, and whether it is more than chance.

        Judged together with false discoveries held at one in ten; beside them, as of the last day of the run, the days of
        26 weeks on which a level changed.

        Reads: agent_performance_metrics of 26 weeks. Writes: performance_trends, change_points. Key: as_of, agent_id, metric.
        Rebuild: a day's rows are deleted and written again in one transaction; doing it twice gives the same rows.
        """
        from prisma_assets.learning.trend import date_changes, judge_trends

        database: LearningDatabase = context.resources.learning_database
        days, today = days_of(context), datetime.now(UTC).date()
        judged = database.run(lambda d: judge_trends(d, days, today=today))
        changes = database.run(lambda d: date_changes(d, days[-1], today=today))
        return _trends_concluded(database, judged, changes=len(changes))

    @dg.asset(
        name=FORECASTS,
        group_name="learning",
        deps=["agent_metrics_daily"],
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        check_specs=check_specs(FORECASTS, FORECAST_CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def agent_forecasts(context: dg.AssetExecutionContext) -> Result:
        """One row per day, agent, figure and day ahead: load, cost and accuracy of the next four weeks, with intervals.

        A run over many days forecasts from the last of them: what the past did not know is nobody's plan any more.

        Reads: agent_performance_metrics of 26 weeks. Writes: agent_forecasts. Key: as_of, agent_id, metric, day.
        Rebuild: a day's forecasts are deleted and made again in one transaction; doing it twice gives the same rows.
        """
        from prisma_assets.learning.trend import make_forecasts

        database: LearningDatabase = context.resources.learning_database
        as_of, today = days_of(context)[-1], datetime.now(UTC).date()
        made = database.run(lambda d: make_forecasts(d, as_of, today=today))
        return _forecasts_concluded(database, made)

    return [performance_trends, agent_forecasts]


def _trends_concluded(
    database: LearningDatabase, judged: "Sequence[Judged]", *, changes: int
) -> Result:
    rows = [{**row, "as_of": one.as_of.isoformat()} for one in judged for row in one.trends]
    last = judged[-1]
    told = sorted(
        (row for row in last.trends if row["is_significant"]),
        key=lambda row: (row["direction"] != "worse", row["q"], row["agent_id"]),
    )
    return conclude(
        database,
        rows=len(rows),
        shown=[_told(row) for row in told],
        checks=check_results(TRENDS, TREND_CHECKS, _frame(rows, TREND_COLUMNS), key=TREND_KEY),
        as_of=str(last.as_of),
        days=len(judged),
        coverage=f"{len(last.trends)} of {len(last.window)} figures have 28 days of data",
        worse=sum(row["direction"] == "worse" for row in told),
        better=sum(row["direction"] == "better" for row in told),
        change_points=changes,
        plot=dg.MetadataValue.md(_drawn(last, told)),
    )


def _told(row: dict[str, Any]) -> dict[str, Any]:
    from prisma_assets.domain.learning.trend_text import trend_sentence

    said = trend_sentence(
        row["metric"], level=row["level"], change=row["change"], days=row["days"]
    )  # fmt: skip
    return {"agent": row["agent_id"], "trend": said, "means": str(row["direction"]), "q": row["q"]}


def _drawn(judged: "Judged", told: Sequence[dict[str, Any]]) -> str:
    values = {(one.agent_id, one.metric): one.values for one in judged.window}
    lines = [
        f"- {row['agent_id']}, {row['metric']}: `{sparkline(values[row['agent_id'], row['metric']])}`"
        for row in told[:_DRAWN]
    ]
    return "\n".join(lines) or "no trend beyond chance that is large enough to matter"


def _forecasts_concluded(database: LearningDatabase, made: "Forecasts") -> Result:
    as_of = made.as_of.isoformat()
    rows = [{**row, "as_of": as_of, "day": row["day"].isoformat()} for row in made.rows]
    frame = _frame(rows, FORECAST_COLUMNS)
    return conclude(
        database,
        rows=len(rows),
        shown=_by_agent(made),
        checks=check_results(FORECASTS, FORECAST_CHECKS, frame, key=FORECAST_KEY),
        as_of=as_of,
        coverage=f"{len({row['agent_id'] for row in rows})} of {made.agents} agents have 56 days of data",
        plot=dg.MetadataValue.md(_ahead(made)),
    )


def _by_agent(made: "Forecasts") -> list[dict[str, Any]]:
    """Four weeks of the busiest agents."""
    found: dict[str, dict[str, float]] = {}
    for row in made.rows:
        sums = found.setdefault(row["agent_id"], {})
        sums[row["metric"]] = sums.get(row["metric"], 0.0) + row["value"]
    busiest = sorted(found.items(), key=lambda item: (-item[1].get("load", 0.0), item[0]))
    return [
        {"agent": agent, "runs in four weeks": sums.get("load"), "cost, USD": sums.get("cost")}
        for agent, sums in busiest
    ]


def _ahead(made: "Forecasts") -> str:
    by_day: dict[date, float] = {}
    for row in made.rows:
        if row["metric"] == "load":
            by_day[row["day"]] = by_day.get(row["day"], 0.0) + row["value"]
    if not by_day:
        return "no data"
    values = [by_day[day] for day in sorted(by_day)]
    return f"Runs of all agents in the next four weeks, by day: `{sparkline(values)}` (at most {max(values):,.0f})"


def _frame(rows: Sequence[dict[str, Any]], columns: list[str]) -> Any:
    import pandas as pd

    return pd.DataFrame([{name: row[name] for name in columns} for row in rows], columns=columns)
