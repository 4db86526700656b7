"""Past verdicts counted anew: a backfill of days says which would change."""

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude
from prisma_assets.assets.partition import DAYS, ONE_RUN, days_of
from resources.learning import LEARNING_DATABASE, LearningDatabase

REPLAY = "verdict_replay"
_KEY = ["verdict_id"]
_COLUMNS = [*_KEY, "agent_id", "name", "was", "would_be", "data_changed", "reason"]
_CHECKS = [
    Check(
        name="verdicts_stand_on_their_data",
        says="A verdict rests on the data its hash names; other data mean that facts were changed after it was given.",
        expectation="expect_column_values_to_be_in_set",
        arguments={"column": "data_changed", "value_set": [False]},
        is_blocking=False,
    )
]


def replay_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=REPLAY,
        group_name="replays",
        deps=["experiment_verdict"],
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        check_specs=check_specs(REPLAY, _CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def verdict_replay(context: dg.AssetExecutionContext) -> Result:
        """One row per verdict given on a day: what it was, and what today's code makes of today's facts up to that moment.

        Reads: experiment_verdicts, experiment_exposures and the outcomes behind them. Writes: nothing. Key: verdict_id.
        """
        import pandas as pd

        from prisma_assets.learning.experiment_evaluation import code_version
        from prisma_assets.learning.verdict_replay import replay

        database: LearningDatabase = context.resources.learning_database
        days = set(days_of(context))
        found = database.run(lambda d: replay(d, code_version=code_version(), days=days))
        rows = [{name: getattr(one, name) for name in _COLUMNS} for one in found]
        frame = pd.DataFrame(rows, columns=_COLUMNS)
        return conclude(
            database,
            rows=len(rows),
            shown=[row for row in rows if row["was"] != row["would_be"] or row["data_changed"]],
            checks=check_results(REPLAY, _CHECKS, frame, key=_KEY),
            would_change=sum(one.changes for one in found),
            other_data=sum(one.data_changed for one in found),
        )

    return [verdict_replay]
