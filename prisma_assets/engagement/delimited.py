"""CSV files as columns of text, each row with the line it starts in. Values are read elsewhere: `formats` and `money`."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import StringIO
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.facts import FACTS_FILE
from prisma_assets.engagement.origin import TOTALS_WORD, Origin, Read, column_names, one_line

DELIMITERS = ",;\t|"
BATCH = 8_192
"""Records held as Python objects at once; a whole ledger of them costs more in garbage collection than in reading."""
SNIFFED_LINES = 20
"""Lines a delimiter must hold over; a title or a note above the names does not outvote the table."""


def read_delimited(content: bytes, origin: Origin) -> Read:
    """A CSV file; encoding and delimiter are found unless they are stated.

    Raises:
        InputError: No text, no column names, or a line that does not fit them.
    """
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
    number, names = header[0], column_names(header[1])
    is_one_line = not any("\n" in name for name in header[1])
    read = (is_one_line and _evenly(text, number, names, delimiter)) or _line_by_line(
        records, names, origin
    )
    return *read, notes


def _evenly(
    text: str, header: int, names: Sequence[str], delimiter: str
) -> tuple[pa.Table, np.ndarray] | None:
    """Read a file of one record per line and one width, ten times as fast as line by line. None: it is no such file."""
    if text.count("\r") != text.count("\r\n"):
        return None
    body = text.split("\n", header)[-1] if text.count("\n") >= header else ""
    try:
        data = pa.csv.read_csv(
            pa.BufferReader(body.encode()),
            read_options=pa.csv.ReadOptions(column_names=[str(n) for n in range(len(names))]),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types={str(n): pa.string() for n in range(len(names))}
            ),
        )
    except pa.ArrowInvalid:
        return None
    lines = body.count("\n") + (not body.endswith("\n"))
    first = pc.utf8_trim_whitespace(data.column(0))
    if data.num_rows != lines or pc.any(pc.equal(first, "")).as_py():
        return None  # blank lines, records over several lines, or rows that may be blank
    return data.rename_columns(names), np.arange(header + 1, header + 1 + lines)


def _line_by_line(
    records: Iterator[tuple[int, list[str]]], names: Sequence[str], origin: Origin
) -> tuple[pa.Table, np.ndarray]:
    """Read a file with blank lines, short totals rows or values over several lines; what does not fit is refused."""
    numbers: list[int] = []
    columns: list[list[pa.Array]] = [[] for _ in names]
    while batch := list(islice(records, BATCH)):
        filled = [(n, row) for n, row in batch if any(row) and any(map(str.strip, row))]
        numbers += (n for n, _ in filled)
        rows = [row if len(row) == len(names) else _fitted(row, names, n, origin) for n, row in filled]  # fmt: skip
        for chunks, values in zip(columns, zip(*rows, strict=True), strict=False):
            chunks.append(pa.array(values, pa.string()))
    arrays = [pa.chunked_array(chunks, pa.string()) for chunks in columns]
    return pa.Table.from_arrays(arrays, names=names), np.array(numbers, dtype=np.int64)


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
            f"{origin.file}, line {start}: not readable as CSV ({one_line(error)}); look for a quotation mark that is not closed, "
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
