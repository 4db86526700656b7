"""How work went by version, domain, workflow, engagement, arm, provider, model and client, besides agents."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude
from prisma_assets.assets.partition import DAYS, ONE_RUN, days_of
from prisma_assets.assets.source import CALLS, FEEDBACK, RUNS
from resources.learning import LEARNING_DATABASE, LearningDatabase

if TYPE_CHECKING:
    from prisma_assets.learning.roll_up import RolledUp

WINDOWS = "metric_windows"
_MISSED = 31
"""Days another run left that one run counts besides its own: a month takes a minute, a run may take an hour."""
_KEY = ["dimension", "day"]
_COLUMNS = [*_KEY, "executions", "difference"]
_CHECKS = [
    Check(
        name="one_row_per_dimension_and_day",
        says="A day is counted once in each dimension; twice would double its runs.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": _KEY},
    ),
    Check(
        name="every_dimension_holds_every_run",
        says="Each dimension has as many runs as the agents' own roll-up; more or fewer only while facts arrive in between.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "difference", "min_value": 0, "max_value": 0},
        is_blocking=False,
    ),
]


def metric_window_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=WINDOWS,
        deps=["agent_metrics_hourly", RUNS, CALLS, FEEDBACK],
        check_specs=check_specs(WINDOWS, _CHECKS),
        group_name="facts",
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def metric_windows(context: dg.AssetExecutionContext) -> Result:
        """One row per dimension, value and UTC hour or day: runs, errors by type, a sketch of durations, tokens, cost, accuracy, satisfaction; and steps, those nobody corrected, those done again.

        Reads: agent_runs, agent_cost_tracking, agent_feedback, workflow_step_executions, step_redos, step_sign_offs, sign_off_requests.
        Writes: metric_windows, step_windows. Key: dimension, value, granularity, window_start.
        Rebuild: a day is deleted and counted again in one transaction, and with it the steps of every day some of which were judged
        on it; doing it twice gives the same rows. Days that were left uncounted are counted, too.
        """
        from prisma_assets.learning.known import known_agents
        from prisma_assets.learning.metric_count import missed_days, roll_up_windows
        from prisma_assets.learning.roll_up import count_days

        database: LearningDatabase = context.resources.learning_database
        days, agents = days_of(context), known_agents()
        missed = database.run(lambda d: missed_days(d, days, most=_MISSED))
        done = database.run(
            lambda d: count_days(d, [*missed, *days], roll_up_windows, agents=agents)
        )
        return _counted(database, days, done, missed)

    return [metric_windows]


def _counted(
    database: LearningDatabase,
    days: Sequence[date],
    done: "Sequence[RolledUp]",
    missed: Sequence[date],
) -> Result:
    import pandas as pd

    from prisma_assets.store.metric_window import MetricWindowStore

    rows = database.run(lambda d: MetricWindowStore(source=d).to_check(days[0], days[-1]))
    frame = pd.DataFrame([{name: row[name] for name in _COLUMNS} for row in rows], columns=_COLUMNS)
    return conclude(
        database,
        rows=sum(one.rows for one in done if one.day in days),
        shown=[
            {"dimension": r["dimension"], "day": r["day"], "runs": r["executions"]} for r in rows
        ],
        checks=check_results(WINDOWS, _CHECKS, frame, key=_KEY),
        days_missed_before=len(missed),
    )
