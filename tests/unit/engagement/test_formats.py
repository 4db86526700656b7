"""Dates, times and numbers as exports write them."""

from datetime import UTC, date, datetime, time

import numpy as np
import pyarrow as pa
import pytest

from prisma_assets.engagement.formats import ValueProblem, dates, integers, series, text, times


def days(values: list[object], date_format: str | None = None) -> list[str]:
    return [str(d) for d in dates(pa.array(values), date_format).astype("datetime64[D]")]


@pytest.mark.parametrize(
    "written",
    [
        "2024-12-31", "2024/12/31", "2024.12.31", "20241231", "31.12.2024", "31.12.24", "31/12/2024", "12/31/2024",
        "31-12-2024", "12/31/24", "31 Dec 2024", "31 December 2024", "31-Dec-2024", "31-Dec-24", "Dec 31, 2024",
        "December 31, 2024", "2024-12-31T23:15:00Z", "2024-12-31 23:15:00.123", "12/31/2024 11:15 PM", 20241231,
        45657, 45657.96875, "45657",
        date(2024, 12, 31), datetime(2024, 12, 31, 23, 15),  # noqa: DTZ001  books carry local time
        datetime(2024, 12, 31, 23, 15, tzinfo=UTC),
    ],
)  # fmt: skip
def test_date_is_found_from_its_form(written: object) -> None:
    """The day counts as written, whatever time or zone follows it."""
    assert days([written, None]) == ["2024-12-31", "NaT"]


def test_dates_are_nanosecond_midnights() -> None:
    assert dates(pa.array(["2024-12-31 23:15"]), None).dtype == np.dtype("datetime64[ns]")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["01/02/2024", "13/02/2024"], ["2024-02-01", "2024-02-13"]),
        (["01/02/2024", "02/13/2024"], ["2024-01-02", "2024-02-13"]),
        (["1/5/2024", "1/25/2024"], ["2024-01-05", "2024-01-25"]),
        (["01/01/2024", "02/02/2024"], ["2024-01-01", "2024-02-02"]),
    ],
)
def test_day_and_month_are_told_apart_by_the_column(
    written: list[str], expected: list[str]
) -> None:
    """A value above 12 decides for the whole column; where both readings agree nothing is to decide."""
    assert days(written) == expected


@pytest.mark.parametrize(
    ("written", "date_format", "row", "reason"),
    [
        (["01/02/2024", "03/04/2024"], None, 0, "could be %d/%m/%Y or %m/%d/%Y"),
        (["31.01.2024", "32.01.2024"], None, 1, "like the others"),
        (["31.01.2024", "soon"], None, 1, "most values read as %d.%m.%Y"),
        (["soon"], None, 0, "the reader knows"),
        (["2024-01-31", "31.01.2024"], "%Y-%m-%d", 1, "date_format '%Y-%m-%d'"),
    ],
)
def test_doubtful_date_is_refused(
    written: list[str], date_format: str | None, row: int, reason: str
) -> None:
    with pytest.raises(ValueProblem, match=reason) as problem:
        days(list(written), date_format)

    assert (problem.value.row, problem.value.setting) == (row, "date_format")


@pytest.mark.parametrize("date_format", [None, "%Y-%m-%d"])
def test_no_date_reads_as_missing(date_format: str | None) -> None:
    """Zeros and 31 December 9999 are how programs write that there is none."""
    assert days(["9999-12-31", "0000-00-00", "2024-01-31"], date_format) == ["NaT", "NaT", "2024-01-31"]  # fmt: skip


@pytest.mark.parametrize("written", ["2500-01-01", date(1500, 1, 1)])
def test_date_beyond_what_can_be_held_is_refused(written: object) -> None:
    with pytest.raises(ValueProblem, match="can hold"):
        days([written])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("23:15", "23:15:00"),
        ("9:05:01", "09:05:01"),
        ("11:15 PM", "23:15:00"),
        ("11:15:30PM", "23:15:30"),
        ("231500", "23:15:00"),
        ("2024-12-31 23:15:00", "23:15:00"),
        ("23:15:00.250", "23:15:00"),
        (time(23, 15), "23:15:00"),
        (datetime(2024, 12, 31, 23, 15), "23:15:00"),  # noqa: DTZ001  books carry local time
    ],
)
def test_time_of_day_is_found_from_its_form(written: object, expected: str) -> None:
    assert times(pa.array([written, None]), None).to_pylist() == [expected, None]


def test_stated_time_format_counts() -> None:
    assert times(pa.array(["23h15"]), "%Hh%M").to_pylist() == ["23:15:00"]
    with pytest.raises(ValueProblem, match="time_format"):
        times(pa.array(["23:15"]), "%Hh%M")


def test_no_time_of_day_is_refused() -> None:
    with pytest.raises(ValueProblem, match="time of day"):
        times(pa.array(["25:00"]), None)


def test_text_keeps_leading_zeros_and_loses_a_float_tail() -> None:
    """Account 0400 stays 0400; a worksheet's 1000.0 is account 1000."""
    assert text(pa.array([" 0400 ", "", None])).to_pylist() == ["0400", None, None]
    assert text(pa.array([1000.0, None])).to_pylist() == ["1000", None]
    assert text(pa.array([1000.5, 2.0])).to_pylist() == ["1000.5", "2"]
    assert text(pa.array(["a", "a"]).dictionary_encode()).to_pylist() == ["a", "a"]


def test_whole_numbers() -> None:
    assert integers(pa.array(["+1", "-1", None])).to_pylist() == [1, -1, None]
    with pytest.raises(ValueProblem):
        integers(pa.array(["1.5"]))


def test_frame_dtypes_are_the_same_everywhere() -> None:
    """Amounts are int64; only where some are missing they are Int64, so that missing is never 0."""
    assert series(pa.array(["a", None]), "text").dtype == "string"
    assert series(pa.array([1, 2]), "money").dtype == "int64"
    assert series(pa.array([1, None]), "money").dtype == "Int64"
    assert series(pa.array([1, 2]), "integer").dtype == "Int64"
