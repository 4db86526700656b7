"""The rollback drill: how often a rollout is taken back for nothing, and how soon for something."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude
from resources.learning import LEARNING_DATABASE, LearningDatabase

DRILL = "rollback_drill"
_ROLLOUTS, _UNITS = 100, 4_000
"""A hundred of each kind tell one false alarm in a hundred from five; 4,000 units are a fortnight of a busy agent."""
_USUAL_FAILING = 0.03
"""Where nothing is recorded: the share the firm's canary limit is set for."""
_DAYS = 28
_CHECKS = [
    Check(
        name="false_alarms_are_rare",
        says="A rollout without a fault is taken back at most once in a hundred; five of a hundred mean that the watch is broken.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "false_alarms", "min_value": 0, "max_value": _ROLLOUTS // 20},
        is_blocking=False,
    ),
    Check(
        name="faults_are_found",
        says="At half the work nine faulty rollouts of ten are taken back.",
        expectation="expect_column_max_to_be_between",
        arguments={"column": "found", "min_value": _ROLLOUTS * 9 // 10},
        is_blocking=False,
    ),
]


def drill_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=DRILL,
        group_name="drills",
        deps=["agent_metrics_daily"],
        check_specs=check_specs(DRILL, _CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"scipy"},
        code_version="1",
    )
    def rollback_drill(context: dg.AssetExecutionContext) -> Result:
        """One row per share of the work: false alarms and the time to find a fault, in rollouts that never were.

        The firm's own share of failed work of four weeks, a hundred rollouts without a fault and a hundred with one of 7 points, judged by
        the watch that judges real rollouts. Nobody's work is touched.

        Reads: agent_performance_metrics. Writes: nothing. Key: percent.
        """
        import pandas as pd

        from prisma_assets.domain.experiments.drill import FAULT, drill
        from prisma_assets.learning.metrics import daily_series

        database: LearningDatabase = context.resources.learning_database
        today = datetime.now(UTC).date()
        figures = database.run(
            lambda d: daily_series(d, since=today - timedelta(days=_DAYS), until=today)
        )
        runs = sum(f.executions for f in figures)
        failed = sum(f.errors + f.timeouts for f in figures)
        failing = min(failed / runs, 0.5) if runs else _USUAL_FAILING
        found = drill(failing, rollouts=_ROLLOUTS, units=_UNITS, seed=today.toordinal())
        rows = [vars(one) for one in found]
        return conclude(
            database,
            rows=len(rows),
            shown=rows,
            checks=check_results(DRILL, _CHECKS, pd.DataFrame(rows), key=["percent"]),
            failing_before=round(failing, 4),
            failing_is="measured" if runs else "assumed: nothing is recorded",
            fault=FAULT,
        )

    return [rollback_drill]
