"""Checks of assets: what a person reads in the UI when one fails."""

import pandas as pd
import pytest

from prisma_assets.assets.check import Check, check_results, check_specs, markdown_table

ROWS = pd.DataFrame({"agent": ["a", "b", "b"], "rate": [0.5, 2.0, None]})
KEY = ["agent"]


def a_check(expectation: str, *, is_blocking: bool = True, **arguments) -> Check:
    return Check(
        name="holds",
        says="It holds.",
        expectation=expectation,
        arguments=arguments,
        is_blocking=is_blocking,
    )


def rate_between(low: float, high: float, **options) -> Check:
    return a_check(
        "expect_column_values_to_be_between",
        column="rate",
        min_value=low,
        max_value=high,
        **options,
    )


def only(check: Check, rows: pd.DataFrame = ROWS):
    (result,) = check_results("rates", [check], rows, key=KEY)
    return result


def test_a_failing_check_shows_the_rows_that_fail():
    result = only(rate_between(0, 1))

    assert not result.passed
    assert result.metadata["failing"].value == 1
    assert "| 2 | b |" in result.metadata["failing rows"].value


@pytest.mark.parametrize("rows", [ROWS, ROWS[:0]], ids=["rows", "no-rows"])
def test_what_holds_passes(rows):
    assert only(rate_between(0, 2), rows).passed


def test_a_count_shows_what_was_found():
    result = only(a_check("expect_table_row_count_to_be_between", min_value=4))

    assert not result.passed
    assert result.metadata["observed"].value == "3"


def test_a_check_that_cannot_be_performed_fails_and_says_why():
    result = only(a_check("expect_column_values_to_not_be_null", column="other"))

    assert not result.passed
    assert '"other"' in result.metadata["not performed"].value


@pytest.mark.parametrize(("is_blocking", "severity"), [(True, "ERROR"), (False, "WARN")])
def test_only_a_blocking_check_is_an_error(is_blocking, severity):
    check = rate_between(0, 1, is_blocking=is_blocking)

    (spec,) = check_specs("rates", [check])
    assert spec.blocking is is_blocking
    assert only(check).severity.value == severity


def test_results_come_in_the_order_of_the_checks():
    checks = [
        Check(name=n, says=n, expectation="expect_column_to_exist", arguments={"column": c})
        for n, c in (("first", "rate"), ("second", "none"), ("third", "agent"))
    ]
    found = check_results("rates", checks, ROWS, key=KEY)

    assert [(r.check_name, r.passed) for r in found] == [
        ("first", True),
        ("second", False),
        ("third", True),
    ]


def test_a_table_says_no_data_and_keeps_its_columns():
    table = markdown_table([{"a": 1234.5678, "b": None}, {"a": float("nan"), "b": "x|y"}])

    assert table.splitlines()[2:] == ["| 1,235 | no data |", "| no data | x\\|y |"]
    assert markdown_table([]) == "no data"
