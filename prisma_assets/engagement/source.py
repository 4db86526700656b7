"""Table files as they stand: CSV, Parquet or XLSX to columns, each row with the line it came from.

What a column means and how its values read does not belong here: that is `mapping` and `formats`.
"""

import csv
import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time
from io import BytesIO, StringIO
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.document import TableSettings
from prisma_assets.engagement.facts import FACTS_FILE

TOTALS_WORD = r"(?i)^\W*(sub|grand)?[\s-]*(totals?|sum|summe|gesamt|totaal|totale|totaux)\b"
"""How the label of a totals row begins (English, German, Dutch, Italian, French)."""
DELIMITERS = ",;\t|"
BATCH = 8_192
"""Records held as Python objects at once; a whole ledger of them costs more in garbage collection than in reading."""
SNIFFED_LINES = 20
"""Lines a delimiter must hold over; a title or a note above the names does not outvote the table."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A table file and what `engagement.yaml` says of it."""

    file: str
    """Path below the engagement folder."""
    table: str
    """Standard table it holds."""
    settings: TableSettings = field(default_factory=TableSettings)


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """One table file, its values untouched."""

    origin: Origin
    data: pa.Table
    """Columns under the file's own names. CSV: text, empty values as null; Parquet and XLSX: their own types."""
    numbers: np.ndarray
    """int64, one per row: the line (CSV, header counted) or row it stands in, from 1."""
    unit: Literal["line", "row"]
    sha256: str
    """Hash of the bytes that were read."""
    notes: tuple[str, ...] = ()
    """What the reader decided and people should know."""

    @property
    def file(self) -> str:
        """Path below the engagement folder."""
        return self.origin.file

    def where(self, row: int) -> str:
        """File and line of a row, for messages."""
        return f"{self.file}, {self.unit} {self.numbers[row]}"

    def keep(self, rows: np.ndarray) -> "RawTable":
        """The same file with only the rows where the mask is true."""
        return RawTable(
            origin=self.origin, data=self.data.filter(pa.array(rows)), numbers=self.numbers[rows],
            unit=self.unit, sha256=self.sha256, notes=self.notes,
        )  # fmt: skip


def read_raw(folder: Path, origin: Origin) -> RawTable:
    """Read one table file without interpreting it.

    Raises:
        InputError: It cannot be read, has no rows, or a column name stands in it twice.
    """
    content = (folder / origin.file).read_bytes()
    reader = {".parquet": _parquet, ".xlsx": _xlsx}.get(Path(origin.file).suffix.lower(), _csv)
    data, numbers, notes = reader(content, origin)
    _check_names(data.column_names, origin)
    if data.num_rows == 0:
        raise InputError(
            f"{origin.file}: holds column names but no rows; export it again, or take it out of the folder"
        )
    return RawTable(
        origin=origin, data=data, numbers=numbers, unit="row" if reader is not _csv else "line",
        sha256=hashlib.sha256(content).hexdigest(), notes=notes,
    )  # fmt: skip


Read = tuple[pa.Table, np.ndarray, tuple[str, ...]]


def _check_names(names: Sequence[str], origin: Origin) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(
                f"{origin.file}: column '{name}' stands in it twice; rename one, so that tables.{origin.table}.columns can tell them apart"
            )
        seen.add(name)


# ---- Parquet


def _parquet(content: bytes, origin: Origin) -> Read:
    try:
        data = pq.read_table(BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{origin.file}: not a readable Parquet file ({_one_line(error)}); export it again"
        ) from error
    # Some writers store text as bytes without saying so; what is no UTF-8 stays as it is and is refused where it is used.
    for place, column in enumerate(data.columns):
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            with suppress(pa.ArrowInvalid):
                data = data.set_column(place, data.column_names[place], column.cast(pa.string()))
    return data, np.arange(1, data.num_rows + 1), ()


# ---- XLSX


def _xlsx(content: bytes, origin: Origin) -> Read:
    rows = list(_sheet_rows(content, origin))
    header_row = origin.settings.header_line or next(
        (i for i, row in enumerate(rows, 1) if any(_filled(c) for c in row)), 1
    )
    if len(rows) < header_row or not any(_filled(c) for c in rows[header_row - 1]):
        raise InputError(f"{origin.file}: no column names in row {header_row} of the sheet")
    names = _names(rows[header_row - 1])
    numbered = [
        (n, row) for n, row in enumerate(rows[header_row:], header_row + 1) if any(_filled(c) for c in row)
    ]  # fmt: skip
    columns = list(zip_longest(*(row[: len(names)] for _, row in numbered)))
    columns += [()] * (len(names) - len(columns))
    arrays = [_cells(column or (None,) * len(numbered)) for column in columns]
    # Built from arrays and names side by side, so that a name given twice is still seen.
    return pa.Table.from_arrays(arrays, names=names), np.array([n for n, _ in numbered], dtype=np.int64), ()  # fmt: skip


def _sheet_rows(content: bytes, origin: Origin) -> Iterable[tuple[Any, ...]]:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # openpyxl warns of styles and extensions, never of values
            workbook = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)
            sheet = workbook[_sheet_name(workbook.sheetnames, origin)]
            sheet.reset_dimensions()  # some exporters write a wrong size, which would cut the sheet
            return list(sheet.iter_rows(values_only=True))
    except InputError:
        raise
    except (BadZipFile, InvalidFileException, KeyError, ValueError, TypeError, OSError, SyntaxError) as error:  # fmt: skip
        raise InputError(
            f"{origin.file}: not a readable XLSX workbook ({_one_line(error)}); save it again as .xlsx or CSV"
        ) from error


def _sheet_name(names: Sequence[str], origin: Origin) -> str:
    if origin.settings.sheet is not None:
        if origin.settings.sheet in names:
            return origin.settings.sheet
        raise InputError(
            f"{origin.file}: has no sheet '{origin.settings.sheet}'; correct tables.{origin.table}.sheet of {FACTS_FILE} (its sheets: {', '.join(names)})"
        )
    same = [name for name in names if re.sub(r"\W+", "_", name.strip().lower()) == origin.table]
    if len(names) == 1 or same:
        return (same or list(names))[0]
    raise InputError(
        f"{origin.file}: has {len(names)} sheets; say which in tables.{origin.table}.sheet of {FACTS_FILE} (its sheets: {', '.join(names)})"
    )


def _cells(column: Sequence[Any]) -> pa.Array:
    """One worksheet column under the one type its cells share; text where they differ."""
    kinds = {type(cell) for cell in column if _filled(cell)}
    values = [cell if _filled(cell) else None for cell in column]
    if not kinds:
        return pa.array(values, pa.string())
    if kinds <= {int, float}:
        whole = kinds == {int}
        numbers = values if whole else [None if v is None else float(v) for v in values]
        with suppress(OverflowError, pa.ArrowInvalid):  # a number too large for int64 stays text
            return pa.array(numbers)
    if kinds == {datetime}:
        return pa.array(values, pa.timestamp("s"))
    return pa.array([None if v is None else _cell_text(v) for v in values], pa.string())


def _cell_text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, datetime | date | time) else str(cell)


def _filled(cell: Any) -> bool:
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


# ---- CSV


def _csv(content: bytes, origin: Origin) -> Read:
    _check_is_text(content, origin)
    text, notes = _decoded(content, origin)
    delimiter = origin.settings.delimiter or _delimiter(text, origin)
    records = _records(text, delimiter, origin)
    skipped = origin.settings.header_line or 1
    header = next((r for r in records if r[0] >= skipped and any(map(str.strip, r[1]))), None)
    if header is None:
        raise InputError(
            f"{origin.file}: no column names in line {skipped}; the file is empty below it"
        )
    names = _names(header[1])
    numbers: list[int] = []
    columns: list[list[pa.Array]] = [[] for _ in names]
    while batch := list(islice(records, BATCH)):
        filled = [(n, row) for n, row in batch if any(row) and any(map(str.strip, row))]
        numbers += (n for n, _ in filled)
        rows = [row if len(row) == len(names) else _fitted(row, names, n, origin) for n, row in filled]  # fmt: skip
        for chunks, values in zip(columns, zip(*rows, strict=True), strict=False):
            chunks.append(pa.array(values, pa.string()))
    arrays = [pa.chunked_array(chunks, pa.string()) for chunks in columns]
    return pa.Table.from_arrays(arrays, names=names), np.array(numbers, dtype=np.int64), notes


def _check_is_text(content: bytes, origin: Origin) -> None:
    """Refuse a workbook or other binary file under a name that promises text."""
    for magic, suffix in ((b"PK\x03\x04", ".xlsx"), (b"PAR1", ".parquet")):
        if content.startswith(magic):
            raise InputError(f"{origin.file}: is no text file but looks like {suffix}; rename it")
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff")) or origin.settings.encoding
    if not is_utf16 and b"\0" in content:
        raise InputError(
            f"{origin.file}: is no text file; export it as CSV, or set tables.{origin.table}.encoding of {FACTS_FILE}"
        )


def _decoded(content: bytes, origin: Origin) -> tuple[str, tuple[str, ...]]:
    """The text of a CSV file. Without a setting: UTF-8 or UTF-16 by its mark, else UTF-8, else Windows-1252."""
    if origin.settings.encoding is not None:
        return _decode(content, origin.settings.encoding, origin).removeprefix("\ufeff"), ()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode(content, "utf-16", origin), ()
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        text = _decode(content, "cp1252", origin)
        return text, (
            f"{origin.file}: not UTF-8, read as Windows-1252; set tables.{origin.table}.encoding if letters look wrong",
        )


def _decode(content: bytes, encoding: str, origin: Origin) -> str:
    try:
        return content.decode(encoding)
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = content.count(b"\n", 0, start) + 1
        raise InputError(
            f"{origin.file}, line {line}: byte 0x{content[start]:02x} is no {encoding} text; "
            f"set tables.{origin.table}.encoding of {FACTS_FILE} to the encoding the file was saved in"
        ) from error


def _delimiter(text: str, origin: Origin) -> str:
    """The delimiter that splits most of the first lines into the same, largest number of values."""
    first = (origin.settings.header_line or 1) - 1
    lines = [line for line in islice(StringIO(text), first, first + SNIFFED_LINES) if line.strip()]

    def agreement(delimiter: str) -> tuple[int, int]:
        widths: list[int] = []
        with suppress(csv.Error):  # the file's own fault is named when it is read
            widths.extend(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        width = widths[0] if widths else 1
        return (sum(w == width for w in widths) * (width > 1), width)

    return max(DELIMITERS, key=agreement)


def _records(text: str, delimiter: str, origin: Origin) -> Iterator[tuple[int, list[str]]]:
    """Every record with the line it starts in (a quoted value may hold line breaks)."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in reader:
            yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{origin.file}, line {start}: not readable as CSV ({_one_line(error)}); look for a quotation mark that is not closed, "
            f"or set tables.{origin.table}.delimiter of {FACTS_FILE}"
        ) from error


def _fitted(row: list[str], names: Sequence[str], number: int, origin: Origin) -> list[str]:
    """A record as wide as the header: empty values beyond it fall away, a short totals row is filled up."""
    label = next((value for value in row if value.strip()), "")
    if len(row) < len(names) and re.search(TOTALS_WORD, label):
        return row + [""] * (len(names) - len(row))
    if len(row) > len(names) and not any(value.strip() for value in row[len(names) :]):
        return row[: len(names)]
    raise InputError(
        f"{origin.file}, line {number}: has {len(row)} values where the header names {len(names)}; mend the line, or set "
        f"tables.{origin.table}.delimiter or tables.{origin.table}.header_line of {FACTS_FILE}"
    )


def _names(header: Sequence[Any]) -> list[str]:
    """Column names; a column without one is called by its place, so that it can still be mapped."""
    names = [" ".join(_cell_text(cell).split()) if _filled(cell) else "" for cell in header]
    while names and not names[-1]:
        names.pop()
    return [name or f"column {place}" for place, name in enumerate(names, 1)]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160].rstrip(".")
