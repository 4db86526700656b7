"""What must hold of the facts about agents' runs and of the figures counted from them."""

from prisma_assets.assets.check import Check

MOST_QUARANTINED = 0.05
"""One fact in twenty: a wrong row is a slip of whoever reports it, this many are a reporter that is broken."""
FEW_FACTS = 20
"""With fewer a day one doubtful fact would stop everything."""
USUAL = (0.2, 5.0)
"""Share of the runs usual on such a weekday: a firm's months differ by three, an outage or a doubled feed by more."""
MOST_UNPRICED = 0.2
"""From here on a cost says too little to be compared."""

WINDOW_KEY = ["agent_id", "agent_version", "window"]
WINDOW_COLUMNS = [
    *WINDOW_KEY, "executions", "unaccounted", "p50_ms", "p95_ms", "p99_ms", "tokens_n", "unpriced",
    "unpriced_share", "accuracy", "satisfaction",
]  # fmt: skip

FACT_KEY = ["kind", "day"]
FACT_COLUMNS = [*FACT_KEY, "facts", "quarantined", "share"]
FACT_CHECKS = [
    Check(
        name="facts_fit",
        says="No more than 5 % of a day's facts are doubtful or about an agent the firm does not know; more is a broken reporter.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "share", "min_value": 0, "max_value": MOST_QUARANTINED},
    ),
]

QUARANTINE_KEY = ["agent_id", "kind", "fact_key"]
QUARANTINE_COLUMNS = [*QUARANTINE_KEY, "reason"]
QUARANTINE_CHECKS = [
    Check(
        name="nothing_is_quarantined",
        says="Facts are left out of the figures until somebody releases them: `prisma-assets quarantine list`.",
        expectation="expect_column_values_to_be_null",
        arguments={"column": "reason"},
        is_blocking=False,
    ),
]

HOUR_CHECKS = [
    Check(
        name="one_row_per_agent_version_and_hour",
        says="A window is counted once; twice would double its runs.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": WINDOW_KEY},
    ),
    Check(
        name="outcomes_add_up",
        says="Every run succeeded, failed or ran out of time.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "unaccounted", "min_value": 0, "max_value": 0},
    ),
    Check(
        name="quantiles_in_order",
        says="P99 is not below P50; else the sketch is damaged.",
        expectation="expect_column_pair_values_a_to_be_greater_than_b",
        arguments={"column_A": "p99_ms", "column_B": "p50_ms", "or_equal": True, "ignore_row_if": "either_value_is_missing"},
    ),
]  # fmt: skip

DAY_CHECKS = [
    Check(
        name="one_row_per_agent_version_and_day",
        says="A day is counted once; twice would double its runs.",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": WINDOW_KEY},
    ),
    Check(
        name="accuracy_in_range",
        says="Accuracy is a share between 0 and 1.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "accuracy", "min_value": 0, "max_value": 1},
    ),
    Check(
        name="satisfaction_in_range",
        says="Mean ratings lie between 1 and 5, the ends of the scale.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "satisfaction", "min_value": 1, "max_value": 5},
    ),
    Check(
        name="most_runs_are_priced",
        says="At most 20 % of an agent's runs lack a price; with more its cost cannot be compared.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "unpriced_share", "max_value": MOST_UNPRICED},
        is_blocking=False,
    ),
]

VOLUME_KEY = ["day"]
VOLUME_COLUMNS = [*VOLUME_KEY, "executions", "usual", "weeks", "ratio"]
VOLUME_CHECKS = [
    Check(
        name="volume_as_expected",
        says="A day that is over has 0.2 to 5 times the runs usual on such a weekday; else a feed is cut or doubled.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "ratio", "min_value": USUAL[0], "max_value": USUAL[1]},
        is_blocking=False,  # What arrived is true all the same.
    ),
]
