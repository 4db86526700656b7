"""Values of a table file to standard kinds: text, dates, times of day and whole numbers. Amounts are in `money`.

Which column is which, and the wording of errors with file and line, do not belong here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

NO_DATE = r"^(0000.?00.?00|00.00.0000|9999.?12.?31|31.12.9999|12.31.9999)( 00:00:00)?$"
"""What programs write for "no date" (SAP, MySQL: zeros; an end that never comes: 9999-12-31)."""
TIME_PART = r"^(.*?)(?:T|,?\s+)(\d{1,2}:\d{2}(?::\d{2})?)(?:\.\d+)?(\s*[AaPp][Mm])?(?:Z|\s?[+-]\d{2}:?\d{2})?$"
"""A date, then a time of day, fractions and a zone; the date counts as written, in whatever zone."""
DATE_FORMS = (
    (r"^\d{4}-\d{1,2}-\d{1,2}$", ("%Y-%m-%d",)),
    (r"^\d{4}/\d{1,2}/\d{1,2}$", ("%Y/%m/%d",)),
    (r"^\d{4}\.\d{1,2}\.\d{1,2}$", ("%Y.%m.%d",)),
    (r"^\d{8}$", ("%Y%m%d",)),
    # A point between numbers is only ever written day first.
    (r"^\d{1,2}\.\d{1,2}\.\d{4}$", ("%d.%m.%Y",)),
    (r"^\d{1,2}\.\d{1,2}\.\d{2}$", ("%d.%m.%y",)),
    (r"^\d{1,2}/\d{1,2}/\d{4}$", ("%d/%m/%Y", "%m/%d/%Y")),
    (r"^\d{1,2}/\d{1,2}/\d{2}$", ("%d/%m/%y", "%m/%d/%y")),
    (r"^\d{1,2}-\d{1,2}-\d{4}$", ("%d-%m-%Y", "%m-%d-%Y")),
    (r"^\d{1,2}-\d{1,2}-\d{2}$", ("%d-%m-%y", "%m-%d-%y")),
    (r"^\d{1,2} [A-Za-z]{3} \d{4}$", ("%d %b %Y",)),
    (r"^\d{1,2} [A-Za-z]{4,} \d{4}$", ("%d %B %Y",)),
    (r"^\d{1,2}-[A-Za-z]{3}-\d{4}$", ("%d-%b-%Y",)),
    (r"^\d{1,2}-[A-Za-z]{3}-\d{2}$", ("%d-%b-%y",)),
    (r"^[A-Za-z]{3} \d{1,2}, \d{4}$", ("%b %d, %Y",)),
    (r"^[A-Za-z]{4,} \d{1,2}, \d{4}$", ("%B %d, %Y",)),
)
"""Shapes of a date found without a setting, and how each may read."""
SERIAL = r"^([2-7]\d{4})(\.\d+)?$"
"""Days since 1899-12-30, as spreadsheets count them (ISO/IEC 29500-1 paragraph 18.17.4.1), 1954 to 2119; the fraction is the time."""
SERIAL_START = np.datetime64("1899-12-30")
CLOCK = r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$"
TIME_FORMS = ("%I:%M:%S %p", "%I:%M %p", "%H%M%S")
FIRST_DATE, LAST_DATE = np.datetime64("1678-01-01"), np.datetime64("2262-01-01")
"""What datetime64[ns] can hold."""


class ValueProblem(Exception):  # noqa: N818  a fact about a row; the caller turns it into an error with file and line
    """One value does not read as its kind."""

    def __init__(self, row: int, reason: str, *, setting: str = "") -> None:
        super().__init__(reason)
        self.row = row
        self.reason = reason
        self.setting = setting
        """Setting of the table that may mend it; empty where only the file can."""


@dataclass(frozen=True)
class Uniques:
    """The distinct texts of a column, so that each is read once."""

    values: pa.Array
    codes: np.ndarray
    """Place in `values`, one per row; -1 for null."""

    @staticmethod
    def of(column: pa.Array) -> "Uniques":
        """The distinct texts of a column of text."""
        encoded = column.dictionary_encode()
        codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        return Uniques(encoded.dictionary, codes)

    def row_of(self, wrong: np.ndarray) -> int | None:
        """First row whose text is marked wrong."""
        return first_true(np.append(wrong, False)[self.codes])


def first_true(mask: np.ndarray) -> int | None:
    """Position of the first True, or None."""
    return int(mask.argmax()) if mask.any() else None


def text(column: pa.Array) -> pa.Array:
    """Any column as trimmed text, blank as null; a whole number stored as a float loses its ".0"."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
        whole = pc.all(pc.less(pc.abs(pc.subtract(column, pc.round(column))), 1e-12)).as_py()
        if whole is not False and (pc.max(pc.abs(column)).as_py() or 0) < 1e15:
            column = pc.cast(column, pa.int64(), safe=False)
    trimmed = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def integers(column: pa.Array) -> pa.Array:
    """Whole numbers as int64.

    Raises:
        ValueProblem: A value is no whole number.
    """
    values = text(column)
    wrong = pc.invert(pc.match_substring_regex(values, r"^[+-]?\d{1,18}$"))
    row = first_true(np.asarray(pc.fill_null(wrong, False)))
    if row is not None:
        raise ValueProblem(row, "is not a whole number")
    return pc.cast(pc.utf8_ltrim(values, "+"), pa.int64())


def dates(column: pa.Array, date_format: str | None) -> np.ndarray:
    """Days, at midnight, as datetime64[ns]; NaT where the file holds nothing.

    Args:
        column: Dates, timestamps, text, or numbers like 20241231.
        date_format: strptime notation; None finds one form that every value fits.

    Raises:
        ValueProblem: A value is no date, or day and month cannot be told apart.
    """
    if pa.types.is_temporal(column.type):
        days = _whole_days(column)
        row = first_true(_out_of_range(days))
        if row is not None:
            raise ValueProblem(row, "is not a date the audit can hold")
        return days.astype("datetime64[ns]")
    uniques = Uniques.of(text(column))
    days = _days_of_texts(uniques, date_format)
    wrong = _out_of_range(days)
    if wrong.any():
        raise ValueProblem(_row(uniques, wrong), "is not a date the audit can hold")
    by_row: np.ndarray = np.append(days, np.datetime64("NaT"))[uniques.codes]
    return by_row.astype("datetime64[ns]")


def times(column: pa.Array, time_format: str | None) -> pa.Array:
    """Times of day as text "HH:MM:SS"; of a timestamp, its time.

    Raises:
        ValueProblem: A value is no time of day.
    """
    if pa.types.is_timestamp(column.type):
        return pc.strftime(
            pc.cast(column, pa.timestamp("s", column.type.tz), safe=False), "%H:%M:%S"
        )
    uniques = Uniques.of(text(column))
    if time_format is None:
        clock = _clock(uniques.values)
        reason = "is not a time of day the reader knows"
    else:
        clock = _clock_parsed(uniques.values, (time_format,))
        reason = f"does not fit time_format '{time_format}'"
    wrong = np.asarray(clock.is_null())
    if wrong.any():
        raise ValueProblem(_row(uniques, wrong), reason, setting="time_format")
    return clock.take(pa.array(uniques.codes, mask=uniques.codes < 0))


def _clock(texts: pa.Array) -> pa.Array:
    """Texts as "HH:MM:SS"; null where one is no time of day. The common shapes are only completed, not parsed."""
    for pattern, kept in (
        (TIME_PART, r"\2\3"),
        (r"^(\d:\d{2})", r"0\1"),
        (r"^(\d{2}:\d{2})$", r"\1:00"),
        (r"^(\d{2}:\d{2}:\d{2})\.\d+$", r"\1"),
        (r"(?i)(\d)([AP]M)$", r"\1 \2"),
    ):
        texts = pc.replace_substring_regex(texts, pattern, kept)
    done = pc.match_substring_regex(texts, CLOCK)
    if pc.all(done).as_py() is not False:
        return texts
    return pc.if_else(done, texts, _clock_parsed(pc.if_else(done, None, texts), TIME_FORMS))


def _clock_parsed(texts: pa.Array, forms: tuple[str, ...]) -> pa.Array:
    read = pd.Series(pd.NaT, index=range(len(texts)), dtype="datetime64[s]")
    for form in forms:
        read = read.fillna(_parsed(texts, form))
    clock = read.dt.strftime("%H:%M:%S").astype(object)
    return pa.array(clock.where(read.notna(), None), pa.string())


def _whole_days(column: pa.Array) -> np.ndarray:
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = pc.local_timestamp(column)
    if not pa.types.is_date32(column.type):
        column = pc.cast(pc.floor_temporal(column, unit="day"), pa.date32(), safe=False)
    days: np.ndarray = column.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    return days


def _days_of_texts(uniques: Uniques, date_format: str | None) -> np.ndarray:
    """The day of every distinct text; NaT only for what means "no date"."""
    if date_format is not None:
        read = _parsed(uniques.values, date_format)
        none = np.asarray(pc.match_substring_regex(uniques.values, NO_DATE))
        wrong = read.isna().to_numpy() & ~none
        if wrong.any():
            raise ValueProblem(_row(uniques, wrong), f"does not fit date_format '{date_format}'", setting="date_format")  # fmt: skip
        return _as_days(read.mask(none))
    texts = pc.replace_substring_regex(uniques.values, TIME_PART, r"\1")
    none = np.asarray(pc.match_substring_regex(texts, NO_DATE))
    blanked = pc.if_else(pa.array(none), None, texts)
    if pc.all(pc.match_substring_regex(blanked, SERIAL)).as_py():
        return _days_of_serials(blanked)
    return _as_days(_in_one_form(blanked, uniques, none))


def _days_of_serials(texts: pa.Array) -> np.ndarray:
    numbers = pc.cast(pc.replace_substring_regex(texts, SERIAL, r"\1"), pa.int64())
    days: np.ndarray = SERIAL_START + pc.fill_null(numbers, 0).to_numpy()
    days[np.asarray(numbers.is_null())] = np.datetime64("NaT")
    return days


def _in_one_form(texts: pa.Array, uniques: Uniques, none: np.ndarray) -> pd.Series:
    """Every text read by the one form that fits all of them."""
    best: tuple[int, np.ndarray, str] | None = None
    for shape, readings in DATE_FORMS:
        if not pc.any(pc.match_substring_regex(texts, shape)).as_py():
            continue
        shaped = pc.if_else(pc.match_substring_regex(texts, shape), texts, None)
        read = {form: _parsed(shaped, form) for form in readings}
        fitting = [form for form in readings if not (read[form].isna().to_numpy() & ~none).any()]
        if fitting:
            return _only_reading({form: read[form] for form in fitting}, uniques)
        for form in readings:
            wrong = read[form].isna().to_numpy() & ~none
            if best is None or wrong.sum() < best[0]:
                best = (int(wrong.sum()), wrong, form)
    if best is None:
        if none.all():
            return _parsed(texts, "%Y-%m-%d")
        raise ValueProblem(_row(uniques, ~none), "is not a date the reader knows", setting="date_format")  # fmt: skip
    others = f" (most values read as {best[2]})" if best[0] < len(texts) else ""
    raise ValueProblem(_row(uniques, best[1]), f"is not a date like the others{others}", setting="date_format")  # fmt: skip


def _only_reading(read: dict[str, pd.Series], uniques: Uniques) -> pd.Series:
    """The only reading, or one of two that agree on every value (01/01/2024)."""
    forms = list(read)
    first = read[forms[0]]
    if len(forms) == 1:
        return first
    differ = (first != read[forms[1]]).to_numpy() & first.notna().to_numpy()
    if not differ.any():
        return first
    raise ValueProblem(
        _row(uniques, differ), f"could be {forms[0]} or {forms[1]}, and no value of the column decides",
        setting="date_format",
    )  # fmt: skip


def _parsed(texts: pa.Array, form: str) -> pd.Series:
    return pd.to_datetime(
        pd.Series(texts.to_pandas(), dtype=object), format=form, errors="coerce"
    ).astype("datetime64[s]")


def _as_days(read: pd.Series) -> np.ndarray:
    days: np.ndarray = read.to_numpy().astype("datetime64[D]")
    return days


def _out_of_range(days: np.ndarray) -> np.ndarray:
    outside: np.ndarray = ~np.isnat(days) & ((days < FIRST_DATE) | (days >= LAST_DATE))
    return outside


def _row(uniques: Uniques, wrong: np.ndarray) -> int:
    row = uniques.row_of(wrong)
    return 0 if row is None else row


def series(values: Any, kind: str) -> pd.Series:
    """A column of the data frame in the dtype its kind has everywhere.

    Amounts are int64, and Int64 only where values are missing.
    """
    if kind == "date":
        return pd.Series(values)
    if kind in ("text", "time"):
        return pd.Series(pd.StringDtype().__from_arrow__(values))
    if kind == "money" and values.null_count == 0:
        return pd.Series(values.to_numpy(zero_copy_only=False))
    return pd.Series(pd.Int64Dtype().__from_arrow__(values))
