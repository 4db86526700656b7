"""How agents did, by hour and by day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude, sparkline
from prisma_assets.assets.metric_check import (
    DAY_CHECKS,
    FACT_CHECKS,
    FACT_COLUMNS,
    FACT_KEY,
    FEW_FACTS,
    HOUR_CHECKS,
    QUARANTINE_CHECKS,
    QUARANTINE_COLUMNS,
    QUARANTINE_KEY,
    VOLUME_CHECKS,
    VOLUME_COLUMNS,
    VOLUME_KEY,
    WINDOW_COLUMNS,
    WINDOW_KEY,
)
from prisma_assets.assets.partition import DAYS, ONE_RUN, days_of
from prisma_assets.assets.source import CALLS, FEEDBACK, RUNS
from resources.learning import LEARNING_DATABASE, LearningDatabase

if TYPE_CHECKING:
    from prisma_assets.learning.metrics import DailyFigure, Figures
    from prisma_assets.learning.roll_up import Agents

HOURLY, DAILY = "agent_metrics_hourly", "agent_metrics_daily"
_DRAWN = 60
"""Days in a plot, the last one counted at its end: as many characters as a line of the UI holds."""
_SHOWN_QUARANTINED = 500
"""Facts set aside that a check looks at; the first twenty are shown."""


def metric_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=HOURLY,
        deps=[RUNS, CALLS, FEEDBACK],
        check_specs=check_specs(HOURLY, [*FACT_CHECKS, *QUARANTINE_CHECKS, *HOUR_CHECKS]),
        group_name="facts",
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def agent_metrics_hourly(context: dg.AssetExecutionContext) -> Result:
        """One row per agent, version and UTC hour: runs, errors by type, a sketch of durations, tokens, cost, accuracy, satisfaction.

        Reads: agent_runs, agent_cost_tracking, agent_feedback; facts that cannot be true go to quarantined_facts.
        Writes: agent_performance_metrics, granularity 1h. Key: agent_id, agent_version, window_start.
        Rebuild: a day is deleted and counted again in one transaction; doing it twice gives the same rows.
        """
        from prisma_assets.learning.known import known_agents
        from prisma_assets.learning.roll_up import count_days, roll_up_hours

        database: LearningDatabase = context.resources.learning_database
        days, agents = days_of(context), known_agents()
        done = database.run(lambda d: count_days(d, days, roll_up_hours, agents=agents))
        return _hours_counted(database, days, sum(one.rows for one in done), agents)

    @dg.asset(
        name=DAILY,
        deps=[agent_metrics_hourly],
        check_specs=check_specs(DAILY, [*DAY_CHECKS, *VOLUME_CHECKS]),
        group_name="facts",
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def agent_metrics_daily(context: dg.AssetExecutionContext) -> Result:
        """One row per agent, version and UTC day, added up from the hours: quantiles from the merged sketches.

        Reads: agent_metrics_hourly. Writes: agent_performance_metrics, granularity 1d. Key: agent_id, agent_version, window_start.
        Rebuild: a day is deleted and added up again in one transaction; doing it twice gives the same rows.
        """
        from prisma_assets.learning.known import known_agents
        from prisma_assets.learning.roll_up import count_days, roll_up_day

        database: LearningDatabase = context.resources.learning_database
        days, agents = days_of(context), known_agents()
        done = database.run(lambda d: count_days(d, days, roll_up_day, agents=agents))
        return _days_counted(database, days, sum(one.rows for one in done), agents)

    return [agent_metrics_hourly, agent_metrics_daily]


def _hours_counted(
    database: LearningDatabase, days: Sequence[date], rows: int, agents: "Agents"
) -> Result:
    from prisma_assets.learning.metrics import hourly_series
    from prisma_assets.store.roll_up import QuarantineStore, RollUpStore

    since, until = days[0], days[-1]
    windows = database.run(lambda d: RollUpStore(source=d).windows_to_check("1h", since, until))
    facts = database.run(
        lambda d: QuarantineStore(source=d).facts_of_days(since, until, agents=agents)
    )
    aside = database.run(
        lambda d: QuarantineStore(source=d).facts(limit=_SHOWN_QUARANTINED, since=since, until=until)
    )  # fmt: skip
    hours = database.run(lambda d: hourly_series(d, since=until, until=until))
    by_hour = [float(sum(h.executions for h in hours if h.hour.hour == n)) for n in range(24)]
    return conclude(
        database,
        rows=rows,
        shown=_by_agent(hours),
        checks=[
            *_checked(HOURLY, FACT_CHECKS, _enough(facts), (FACT_COLUMNS, FACT_KEY)),
            *_checked(HOURLY, QUARANTINE_CHECKS, aside, (QUARANTINE_COLUMNS, QUARANTINE_KEY)),
            *_checked(HOURLY, HOUR_CHECKS, windows, (WINDOW_COLUMNS, WINDOW_KEY)),
        ],
        days=_span(days),
        facts=sum(row["facts"] for row in facts),
        quarantined=sum(row["quarantined"] for row in facts),
        coverage=_coverage({row["agent_id"] for row in windows}, agents),
        plot=dg.MetadataValue.md(
            f"Runs by hour of {until}: `{sparkline(by_hour)}` (at most {max(by_hour):.0f})"
        ),
    )


def _days_counted(
    database: LearningDatabase, days: Sequence[date], rows: int, agents: "Agents"
) -> Result:
    from prisma_assets.learning.metrics import daily_series
    from prisma_assets.store.roll_up import RollUpStore

    since, until = days[0], days[-1]
    drawn = [until - timedelta(days=n) for n in reversed(range(_DRAWN))]
    windows = database.run(lambda d: RollUpStore(source=d).windows_to_check("1d", since, until))
    volumes = database.run(lambda d: RollUpStore(source=d).day_volumes(since, until))
    series = database.run(lambda d: daily_series(d, since=drawn[0], until=until))
    today = datetime.now(UTC).date().isoformat()
    over = [row for row in volumes if row["day"] < today]
    return conclude(
        database,
        rows=rows,
        shown=_by_agent([f for f in series if f.day >= since]),
        checks=[
            *_checked(DAILY, DAY_CHECKS, windows, (WINDOW_COLUMNS, WINDOW_KEY)),
            *_checked(DAILY, VOLUME_CHECKS, over, (VOLUME_COLUMNS, VOLUME_KEY)),
        ],
        days=_span(days),
        runs=sum(row["executions"] for row in windows),
        coverage=_coverage({row["agent_id"] for row in windows}, agents),
        plot=dg.MetadataValue.md(_drawn(series, drawn)),
    )


def _checked(
    asset: str,
    checks: Sequence[Check],
    rows: Sequence[dict[str, Any]],
    names: tuple[list[str], list[str]],
) -> list[dg.AssetCheckResult]:
    """Judge rows; `names` are their columns and, of these, the key."""
    import pandas as pd

    columns, key = names
    frame = pd.DataFrame([{name: row[name] for name in columns} for row in rows], columns=columns)
    return check_results(asset, checks, frame, key=key)


def _enough(facts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Days with enough facts for a share, and the share that was set aside."""
    return [
        {**row, "day": str(row["day"]), "share": row["quarantined"] / row["facts"]}
        for row in facts
        if row["facts"] >= FEW_FACTS
    ]


def _by_agent(series: "Sequence[Figures]") -> list[dict[str, Any]]:
    """The busiest agents in a table."""
    found: dict[str, list[Figures]] = {}
    for figure in series:
        found.setdefault(figure.agent_id, []).append(figure)  # type: ignore[attr-defined]
    rows = [_row(agent, figures) for agent, figures in found.items()]
    return sorted(rows, key=lambda row: (-int(row["runs"]), str(row["agent"])))


def _row(agent: str, figures: "Sequence[Figures]") -> dict[str, Any]:
    runs = sum(f.executions for f in figures)
    costs = [f.cost_usd for f in figures if f.cost_usd is not None]
    slow = [f.p95_ms for f in figures if f.p95_ms is not None]
    return {
        "agent": agent,
        "runs": runs,
        "failed": sum(f.errors + f.timeouts for f in figures),
        "slowest P95, ms": max(slow) if slow else None,
        "cost, USD": float(sum(costs)) if costs else None,
        "without a price": sum(f.unpriced for f in figures),
    }


def _drawn(series: "Sequence[DailyFigure]", days: Sequence[date]) -> str:
    """Runs, failures and cost of all agents, by day."""
    by_day = {day: [f for f in series if f.day == day] for day in days}
    runs = [float(sum(f.executions for f in found)) for found in by_day.values()]
    failed = [float(sum(f.errors + f.timeouts for f in found)) for found in by_day.values()]
    costs = [_cost(found) for found in by_day.values()]
    return "\n".join(
        f"- {name} by day: `{sparkline(values)}` (at most {max((v for v in values if v is not None), default=0):,.4g})"
        for name, values in (("runs", runs), ("failed runs", failed), ("cost in USD", costs))
    )


def _cost(found: "Sequence[DailyFigure]") -> float | None:
    costs = [f.cost_usd for f in found if f.cost_usd is not None]
    return float(sum(costs)) if costs else None


def _coverage(found: set[str], agents: "Agents") -> str:
    return f"{len(found & set(agents))} of {len(agents)} agents"


def _span(days: Sequence[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}, {len(days)} days"
