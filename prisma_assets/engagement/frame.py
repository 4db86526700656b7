"""One table file to one standard data frame; every value that does not read is named with its file, line and column.

Reading bytes does not belong here (`source`), nor do checks across rows (`intake`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prisma_assets.domain.audit.table import Column, Table
from prisma_assets.domain.errors import InputError
from prisma_assets.engagement import ledger_amount
from prisma_assets.engagement.account_type import account_type, account_type_of_number
from prisma_assets.engagement.facts import CREDIT, DEBIT, FACTS_FILE, INDICATOR, SIGNED_AMOUNT
from prisma_assets.engagement.formats import (
    Uniques,
    ValueProblem,
    dates,
    first_true,
    integers,
    series,
    text,
    times,
)
from prisma_assets.engagement.mapping import ColumnMap, map_columns, missing_column
from prisma_assets.engagement.money import (
    AmbiguousDecimalError,
    Cents,
    DecimalMark,
    Written,
    decimal_mark,
    number_cents,
    written_cents,
)
from prisma_assets.engagement.source import RawTable
from prisma_assets.engagement.totals import totals_rows, totals_sentences

STATEMENTS = {
    "bs": "BS", "balance sheet": "BS", "statement of financial position": "BS",
    "is": "IS", "income statement": "IS", "profit and loss": "IS", "p&l": "IS", "statement of operations": "IS",
    "cf": "CF", "cash flow": "CF", "cash flows": "CF", "cash flow statement": "CF", "statement of cash flows": "CF",
}  # fmt: skip
"""What exports call the statements."""


READABLE = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal,
    pa.types.is_boolean, pa.types.is_date, pa.types.is_timestamp, pa.types.is_time, pa.types.is_null,
)  # fmt: skip
"""Types a value of the books can have in Parquet; not lists, records or bytes."""
SHOWN_LENGTH = 60
"""Characters of a wrong value that a message repeats."""


@dataclass(frozen=True, kw_only=True)
class ReadTable:
    """A standard table and what people should know about how it was read."""

    frame: pd.DataFrame
    numbers: np.ndarray
    """Line or row of the file, one per row of the frame."""
    file: str
    unit: str
    sha256: str
    notes: tuple[str, ...]


def read_frame(raw: RawTable, table: Table) -> ReadTable:
    """Interpret a table file.

    Raises:
        InputError: A column is missing or a value does not read.
    """
    mapping = map_columns(table, raw.data.column_names, raw.origin.settings.columns, file=raw.file)
    reading = _Reading(raw, table, mapping)
    reading.check_types()
    reading.read_amounts()
    reading.leave_out_totals()
    frame = reading.frame()
    return ReadTable(
        frame=frame, numbers=reading.raw.numbers, file=raw.file, unit=raw.unit, sha256=raw.sha256,
        notes=(*raw.notes, *reading.notes),
    )  # fmt: skip


class _Reading:
    """The steps of reading one table, and what they find on the way."""

    def __init__(self, raw: RawTable, table: Table, mapping: ColumnMap) -> None:
        self.raw = raw
        self.table = table
        self.settings = raw.origin.settings
        self.mapping = mapping
        self.amounts: dict[str, pa.Array] = {}
        """Cents of every amount column, by standard name."""
        self.notes: list[str] = []

    def check_types(self) -> None:
        """Refuse mapped columns of a type no value of the books has."""
        for column, own in self.mapping.columns.items():
            kind = self.raw.data.column(own).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not any(is_one(kind) for is_one in READABLE):
                raise InputError(
                    f"{self.raw.file}: column '{own}' holds {kind} values, which cannot be {column}; "
                    f"map another in tables.{self.table.name}.columns of {FACTS_FILE}"
                )

    # ---- amounts

    def read_amounts(self) -> None:
        """Read every amount column; one decimal mark holds for the whole file."""
        columns = {c: self.values(c) for c in self.mapping.columns if self._is_amount(c)}
        written = {c: Written.of(v) for c, v in columns.items() if not _is_number(v)}
        mark = self.settings.decimal_mark or self._decimal_mark(written.values())
        for column, values in columns.items():
            with _Problems(self, column, setting="decimal"):
                is_written = column in written
                read = written_cents(written[column], mark) if is_written else number_cents(values)
            self.amounts[column] = read.values
            self._note_rounding(column, read)

    def _is_amount(self, column: str) -> bool:
        standard = self.table.column(column)
        return column in (DEBIT, CREDIT) or (standard is not None and standard.kind == "money")

    def _decimal_mark(self, written: Iterable[Written]) -> DecimalMark:
        try:
            return decimal_mark(written)
        except AmbiguousDecimalError as error:
            raise InputError(
                f"{self.raw.file}: amounts like '{error.value}' could be thousands or decimals; "
                f'set tables.{self.table.name}.decimal of {FACTS_FILE} to "." or ","'
            ) from error

    def _note_rounding(self, column: str, read: Cents) -> None:
        if read.first_rounded is not None:
            self.notes.append(
                f"{self.raw.file}: {read.rounded} amount(s) in column '{self.mapping.columns[column]}' carry fractions of a cent "
                f"(first: {self.raw.unit} {self.raw.numbers[read.first_rounded]}); rounded to the nearest cent"
            )

    # ---- totals rows

    def leave_out_totals(self) -> None:
        """Take totals rows out of the rows, and say so."""
        if not self.raw.data.num_rows:
            return
        identifying = [
            self.mapping.columns[c.name]
            for c in self.table.columns
            if c.required and c.kind != "money" and c.name in self.mapping.columns
        ]
        own_amounts = {self.mapping.columns[c]: values for c, values in self.amounts.items()}
        is_total = totals_rows(self.raw, identifying, own_amounts)
        if not is_total.any():
            return
        # Under an indicator the amounts have no sign of their own, so their sum controls nothing.
        controlled = {} if self.mapping.form == "indicator" else own_amounts
        self.notes += totals_sentences(self.raw, is_total, controlled)
        if is_total.all():
            raise InputError(f"{self.raw.file}: holds totals but no rows; export the rows as well")
        self.raw = self.raw.keep(~is_total)
        kept = pa.array(~is_total)
        self.amounts = {c: values.filter(kept) for c, values in self.amounts.items()}

    # ---- the frame

    def frame(self) -> pd.DataFrame:
        """The standard columns the file has, and the numbers the books do not give."""
        found = dict(self._columns())
        self._generate(found)
        ordered = [c for c in self.table.columns if c.name in found]
        return pd.DataFrame({c.frame_name: series(found[c.name], c.kind) for c in ordered})

    def _columns(self) -> Iterator[tuple[str, Any]]:
        for column in self.table.columns:
            if column.name == "account_type":
                yield column.name, self._account_types()
            elif column.name == SIGNED_AMOUNT.get(self.table.name):
                yield column.name, self._required(column, self._signed(column.name))
            elif column.name in self.mapping.columns:
                yield column.name, self._required(column, self._read(column))

    def _read(self, column: Column) -> Any:
        if column.kind == "money":
            return self._turned(self.amounts[column.name])
        values = self.values(column.name)
        with _Problems(self, column.name):
            match column.kind:
                case "date":
                    return dates(values, self.settings.date_format)
                case "time":
                    return times(values, self.settings.time_format)
                case "integer":
                    return _weights(integers(values))
                case _:
                    return _statements(text(values)) if column.name == "statement" else text(values)

    def _signed(self, amount: str) -> pa.Array:
        match self.mapping.form:
            case "debit_credit":
                debit, credit = self.amounts[DEBIT], self.amounts[CREDIT]
                self._note_sides(debit, credit)
                return ledger_amount.from_sides(debit, credit)
            case "indicator":
                with _Problems(self, INDICATOR):
                    return ledger_amount.from_indicator(
                        self.amounts[amount], self.values(INDICATOR)
                    )
            case _:
                return self._turned(self.amounts[amount])

    def _note_sides(self, debit: pa.Array, credit: pa.Array) -> None:
        empty = np.asarray(pc.and_(pc.is_null(debit), pc.is_null(credit)))
        first = first_true(empty)
        if first is not None:
            self.notes.append(
                f"{self.raw.file}: {int(empty.sum())} row(s) hold neither a debit nor a credit "
                f"(first: {self.raw.unit} {self.raw.numbers[first]}); read as 0.00"
            )
        if ledger_amount.is_written_negative(credit):
            self.notes.append(
                f"{self.raw.file}: column '{self.mapping.columns[CREDIT]}' writes credits with a minus; read as credits"
            )

    def _turned(self, values: pa.Array) -> pa.Array:
        return pc.negate(values) if self.settings.sign == "credit_positive" else values

    def _required(self, column: Column, values: Any) -> Any:
        if not column.required:
            return values
        missing = np.isnat(values) if isinstance(values, np.ndarray) else np.asarray(values.is_null())  # fmt: skip
        row = first_true(missing)
        if row is not None:
            raise InputError(
                f"{self.raw.where(row)}, column '{self.mapping.columns[column.name]}': empty, but every row of "
                f"{self.table.name} needs its {column.name}; fill it in, or take the row out"
            )
        return values

    def _account_types(self) -> pa.Array:
        """The five types, from the file's own names or from the beginning of the account number."""
        stated = self.settings.account_types
        column = "account_type" if "account_type" in self.mapping.columns else "gl_account_number"
        if column == "gl_account_number" and not stated:
            raise missing_column(
                self.table.name, self.raw.data.column_names, "account_type", file=self.raw.file,
                otherwise=f' (or give the beginnings of account numbers, e.g. tables.{self.table.name}.account_types: {{"1": asset}})',
            )  # fmt: skip
        find = account_type if column == "account_type" else account_type_of_number
        uniques = Uniques.of(text(self.values(column)))
        types = [find(name, stated) for name in uniques.values.to_pylist()]
        row = uniques.row_of(np.array([t is None for t in types], dtype=bool))
        if row is None:
            row = first_true(uniques.codes < 0)
        if row is not None:
            value = self.shown(column, row)
            raise InputError(
                f"{self.raw.where(row)}, column '{self.mapping.columns[column]}': '{value}' gives no account type; it must be asset, "
                f"liability, equity, revenue or expense: say which in tables.{self.table.name}.account_types of {FACTS_FILE}"
            )
        return pa.array(types, pa.string()).take(pa.array(uniques.codes))

    def _generate(self, found: dict[str, Any]) -> None:
        """Row numbers where the books number no rows."""
        if self.table.name == "payments_made" and "payment_id" not in found:
            found["payment_id"] = pc.cast(pa.array(range(1, len(self.raw.numbers) + 1)), pa.string())  # fmt: skip
        if self.table.name == "gl_detail" and "journal_id_line_number" not in found:
            journal = Uniques.of(found["journal_id"]).codes
            lines = pd.Series(journal).groupby(journal).cumcount().to_numpy() + 1
            found["journal_id_line_number"] = pc.cast(pa.array(lines), pa.string())

    def values(self, column: str) -> pa.Array:
        """A column of the file by its standard name."""
        values = self.raw.data.column(self.mapping.columns[column]).combine_chunks()
        return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values

    def shown(self, column: str, row: int) -> str:
        """A value as a message can show it: on one line, not too long."""
        value = " ".join(str(self.values(column)[row].as_py()).split())
        return value if len(value) <= SHOWN_LENGTH else f"{value[:SHOWN_LENGTH]}..."


class _Problems:
    """Turns a value that does not read into an error that names file, line, column and the mend."""

    def __init__(self, reading: _Reading, column: str, *, setting: str = "") -> None:
        self.reading = reading
        self.column = column
        self.setting = setting

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        raw, table = self.reading.raw, self.reading.table.name
        if isinstance(problem, pa.ArrowInvalid | pa.ArrowNotImplementedError):
            raise InputError(
                f"{raw.file}: column '{self.reading.mapping.columns[self.column]}' holds values that cannot be {self.column}; "
                f"map another in tables.{table}.columns of {FACTS_FILE}"
            ) from problem
        if isinstance(problem, ValueProblem):
            setting = problem.setting or self.setting
            mend = "correct it in the file"
            if setting:
                mend += f", or set tables.{table}.{setting} of {FACTS_FILE}"
            value = self.reading.shown(self.column, problem.row)
            raise InputError(
                f"{raw.where(problem.row)}, column '{self.reading.mapping.columns[self.column]}': "
                f"'{value}' {problem.reason}; {mend}"
            ) from problem


def _is_number(values: pa.Array) -> bool:
    return bool(pa.types.is_integer(values.type) or pa.types.is_floating(values.type))


def _weights(values: pa.Array) -> pa.Array:
    row = first_true(np.asarray(pc.fill_null(pc.not_equal(pc.abs(values), 1), False)))
    if row is not None:
        raise ValueProblem(row, "is no weight; use 1 or -1")
    return values


def _statements(values: pa.Array) -> pa.Array:
    uniques = Uniques.of(values)
    known = [STATEMENTS.get(name.lower()) for name in uniques.values.to_pylist()]
    row = uniques.row_of(np.array([k is None for k in known], dtype=bool))
    if row is not None:
        raise ValueProblem(row, "is no statement; use BS, IS or CF")
    return pa.array(known, pa.string()).take(pa.array(uniques.codes, mask=uniques.codes < 0))
