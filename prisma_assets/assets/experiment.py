"""Experiments on agents: who met what, sums per arm, verdicts and reports, each behind checks."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude
from prisma_assets.assets.source import CALLS, FEEDBACK, RUNS
from resources.learning import LEARNING_DATABASE, LearningDatabase

if TYPE_CHECKING:
    import pandas as pd

    from prisma_assets.store.experiment import ExperimentStore, Row

EXPOSURES, METRICS, VERDICTS, REPORTS = (
    "experiment_exposures",
    "experiment_metrics",
    "experiment_verdict",
    "experiment_report",
)
GROUP = "experiments"
_TOLD = 10
"""Reports shown in the UI; `prisma-assets experiment report` tells any other."""
_TOLD_AFTER = timedelta(days=7)
"""So long a report is shown once the experiment is over."""

EXPOSURE_KEY = ["ab_test_id", "variant"]
EXPOSURE_COLUMNS = [*EXPOSURE_KEY, "agent_id", "name", "split", "units", "crossed"]
EXPOSURE_CHECKS = [
    Check(
        name="one_row_per_experiment_and_arm",
        says="A unit is exposed once; an arm counted twice would hide a broken sample ratio.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": EXPOSURE_KEY},
    ),
    Check(
        name="promised_share_is_a_share",
        says="Variant B is promised a share between 0 and 1, or no sample ratio can be judged.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "split", "min_value": 0.01, "max_value": 0.99},
    ),
    Check(
        name="no_unit_met_both_versions",
        says="A unit that met both versions says nothing about either; its experiment is held.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "crossed", "max_value": 0},
        is_blocking=False,
    ),
]

METRIC_KEY = ["ab_test_id", "variant", "metric"]
METRIC_COLUMNS = [*METRIC_KEY, "n", "sum_value", "sum_sq", "least_sum_sq"]
METRIC_CHECKS = [
    Check(
        name="one_row_per_arm_and_metric",
        says="An arm has one sum of each metric.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": METRIC_KEY},
    ),
    Check(
        name="sums_are_of_real_numbers",
        says="Squares add up to at least the square of the sum over n (Cauchy and Schwarz); less is a broken sum.",
        expectation="expect_column_pair_values_a_to_be_greater_than_b",
        arguments={"column_A": "sum_sq", "column_B": "least_sum_sq", "or_equal": True},
    ),
    Check(
        name="no_outcome_is_negative",
        says="Errors, times, costs and ratings are not below zero.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "sum_value", "min_value": 0},
    ),
]

VERDICT_KEY = ["ab_test_id"]
VERDICT_COLUMNS = [*VERDICT_KEY, "name", "agent_id", "verdict", "reason", "units", "data_sha256"]
VERDICT_CHECKS = [
    Check(
        name="one_verdict_per_experiment",
        says="A look at an experiment ends in one verdict.",
        expectation="expect_column_values_to_be_unique",
        arguments={"column": "ab_test_id"},
    ),
    Check(
        name="verdict_is_one_of_five",
        says="A verdict is adopt, keep control, inconclusive, roll back or hold; what could not be judged is never a number.",
        expectation="expect_column_values_to_be_in_set",
        arguments={
            "column": "verdict",
            "value_set": ["adopt", "keep control", "inconclusive", "roll back", "hold"],
        },
    ),
    Check(
        name="verdict_is_sealed",
        says="A verdict names the hash of the data it rests on.",
        expectation="expect_column_values_to_match_regex",
        arguments={"column": "data_sha256", "regex": "^[0-9a-f]{64}$"},
    ),
]


def experiment_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""
    return [_exposures(), _metrics(), _verdict(), _report()]


def _exposures() -> dg.AssetsDefinition:
    @dg.asset(
        name=EXPOSURES,
        group_name=GROUP,
        deps=[RUNS, CALLS],
        check_specs=check_specs(EXPOSURES, EXPOSURE_CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def experiment_exposures(context: dg.AssetExecutionContext) -> Result:
        """One row per unit of a running experiment: the arm it met first. The gateway writes its own; those of reported runs are added here.

        Reads: agent_runs. Writes: experiment_exposures. Key: ab_test_id, unit.
        Rebuild: a unit is added once; doing it twice changes nothing.
        """
        from prisma_assets.learning.experiment_evaluation import take_exposures

        database: LearningDatabase = context.resources.learning_database
        new = database.run(take_exposures)
        rows = database.run(lambda d: _store(d).exposures())
        return conclude(
            database,
            rows=sum(row["units"] for row in rows),
            shown=[{k: row[k] for k in EXPOSURE_COLUMNS[1:]} for row in rows],
            checks=check_results(
                EXPOSURES, EXPOSURE_CHECKS, _frame(rows, EXPOSURE_COLUMNS), key=EXPOSURE_KEY
            ),
            new_or_crossed=new,
        )

    return experiment_exposures


def _metrics() -> dg.AssetsDefinition:
    @dg.asset(
        name=METRICS,
        group_name=GROUP,
        deps=[EXPOSURES, FEEDBACK],
        check_specs=check_specs(METRICS, METRIC_CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def experiment_metrics(context: dg.AssetExecutionContext) -> Result:
        """Sums per experiment, arm and metric: enough to compute a test again. Units are read once, when their time is over.

        Reads: experiment_exposures, agent_cost_tracking, agent_runs, agent_feedback. Writes: ab_test_metrics, experiment_states.
        Key: ab_test_id, variant, metric, snapshot_at.
        Rebuild: delete an experiment's row of experiment_states, and all its units are read again.
        """
        from prisma_assets.learning.experiment_evaluation import take_outcomes

        database: LearningDatabase = context.resources.learning_database
        taken = database.run(lambda d: take_outcomes(d, registry=_firm()))
        rows = [
            {**row, "least_sum_sq": row["sum_value"] ** 2 / row["n"] * (1 - 1e-9)}
            for one in taken
            for row in one.sums
            if row["n"]
        ]
        return conclude(
            database,
            rows=len(rows),
            shown=[{k: row[k] for k in METRIC_COLUMNS[:-1]} for row in rows],
            checks=check_results(
                METRICS, METRIC_CHECKS, _frame(rows, METRIC_COLUMNS), key=METRIC_KEY
            ),
            experiments=len(taken),
            new_units=sum(one.new_units for one in taken),
        )

    return experiment_metrics


def _verdict() -> dg.AssetsDefinition:
    @dg.asset(
        name=VERDICTS,
        group_name=GROUP,
        deps=[METRICS],
        check_specs=check_specs(VERDICTS, VERDICT_CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
    )
    def experiment_verdict(context: dg.AssetExecutionContext) -> Result:
        """What may be concluded of each running experiment, sealed to the data, the declaration, the price table and the code.

        Right however often it is looked at. What is decided ends; harm ends at once.
        Reads: experiment_states. Writes: experiment_verdicts, ab_tests. Key: verdict_id.
        Rebuild: the same data give the same verdict, which is kept once.
        """
        from prisma_assets.learning.experiment_evaluation import judge

        database: LearningDatabase = context.resources.learning_database
        rows = [
            {
                "ab_test_id": one.ab_test_id,
                "name": one.name,
                "agent_id": one.agent_id,
                "verdict": one.judgement.word,
                "reason": one.judgement.verdict.reason,
                "units": one.judgement.units,
                "data_sha256": one.data_sha256,
            }
            for one in database.run(lambda d: judge(d, registry=_firm()))
        ]
        return conclude(
            database,
            rows=len(rows),
            shown=[{k: row[k] for k in VERDICT_COLUMNS[1:-1]} for row in rows],
            checks=check_results(
                VERDICTS, VERDICT_CHECKS, _frame(rows, VERDICT_COLUMNS), key=VERDICT_KEY
            ),
            decided=sum(row["verdict"] in ("adopt", "keep control", "roll back") for row in rows),
            held=sum(row["verdict"] == "hold" for row in rows),
        )

    return experiment_verdict


def _report() -> dg.AssetsDefinition:
    @dg.asset(
        name=REPORTS,
        group_name=GROUP,
        deps=[VERDICTS],
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"markdown"},
        code_version="1",
    )
    def experiment_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """A page per experiment that runs or ended within a week: effect, confidence sequence, sample ratio, guardrails, power.

        Reads: ab_tests, experiment_verdicts. Writes: nothing but this page.
        """
        database: LearningDatabase = context.resources.learning_database
        pages = database.run(lambda d: _pages(_store(d)))
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(pages),
                "reports": dg.MetadataValue.md("\n\n---\n\n".join(pages) or "no experiment runs"),
            }
        )

    return experiment_report


def _firm() -> AgentRegistry:
    return AgentRegistry(firm_cards())


def _store(database: Any) -> "ExperimentStore":
    from prisma_assets.store.experiment import ExperimentStore

    return ExperimentStore(source=database)


async def _pages(store: "ExperimentStore") -> list[str]:
    from prisma_assets.learning.experiment_chart import png
    from prisma_assets.learning.experiment_report import markdown

    since = datetime.now(UTC) - _TOLD_AFTER
    told = [row for row in await store.recent() if row["started_at"] and (row["ended_at"] or since) >= since]  # fmt: skip
    judged = [(row, await store.verdicts(row["ab_test_id"])) for row in told[:_TOLD]]
    return [_page(markdown(row, verdicts), png(row, verdicts)) for row, verdicts in judged]


def _page(words: str, picture: bytes | None) -> str:
    if picture is None:
        return words
    drawn = base64.b64encode(picture).decode()
    return f"{words}\n![Effect and sample ratio over time](data:image/png;base64,{drawn})"


def _frame(rows: "Sequence[Row]", columns: list[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, columns=columns)
