"""Reads rows one at a time from a file of any size. What a row may say does not belong here."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from prisma_assets.domain.errors import InputError

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_BATCH = 5_000
"""Rows of a Parquet file held at once: a few megabytes."""

CheckHeader = Callable[[list[str]], None]
"""Raises when columns are missing; asked once, of a file that names its columns before its rows."""


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """One row of the file."""

    number: int
    """From 1, without the line of column names."""
    values: dict[str, Any] | None
    """None: it cannot be read."""
    problem: str = ""


def read_rows(path: Path, check_header: CheckHeader) -> Iterator[FileRow]:
    """Rows of a CSV or JSON-lines file or of a JSON list, plain or gzipped, or of Parquet; what is wrong with a row is said in the row.

    Raises:
        InputError: No such file, damaged, or without the columns it needs.
    """
    try:
        if _begins(path, _PARQUET):
            yield from _parquet_rows(path, check_header)
            return
        with _text(path) as text:
            yield from _rows(path, text, check_header)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; correct the name") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name a file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: damaged gzip file ({error}); copy it again and import it whole, nothing is counted twice"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); correct that") from None


def _begins(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _parquet_rows(path: Path, check_header: CheckHeader) -> Iterator[FileRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            check_header(file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH):
                for values in batch.to_pylist():
                    number += 1
                    yield FileRow(number=number, values=values)
    except pa.ArrowException as error:
        raise InputError(f"{path}: damaged Parquet file ({error}); copy it again") from None


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    with path.open("rb") as file:
        content = gzip.GzipFile(fileobj=file) if _begins(path, _GZIP) else file
        # Bytes that are not UTF-8 come through marked, so that only their row is refused.
        yield io.TextIOWrapper(
            content,
            encoding="utf-8-sig",
            errors="surrogateescape",
            newline="",
        )


def _rows(path: Path, text: IO[str], check_header: CheckHeader) -> Iterator[FileRow]:
    lines = (line for line in text if line.strip())
    first = next(lines, None)
    if first is None:
        raise InputError(f"{path}: is empty; there is nothing to import")
    if first.lstrip().startswith("["):
        yield from _array_rows(path, first + text.read())
    elif first.lstrip().startswith("{"):
        yield _json_row(1, first)
        yield from (_json_row(number, line) for number, line in enumerate(lines, start=2))
    else:
        header = [name.strip() for name in next(csv.reader([first]))]
        check_header(header)
        yield from _csv_rows(header, text)


def _array_rows(path: Path, text: str) -> Iterator[FileRow]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON ({error}); correct it") from None
    for number, each in enumerate(values, start=1):
        if isinstance(each, dict):
            yield FileRow(number=number, values=each)
        else:
            yield FileRow(number=number, values=None, problem="no JSON object; list objects")


def _csv_rows(header: list[str], text: IO[str]) -> Iterator[FileRow]:
    reader, number = csv.reader(text), 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            number += 1
            yield FileRow(number=number, values=None, problem=f"no CSV ({error}); correct it")
            continue
        if cells is None:
            return
        if any(map(str.strip, cells)):
            number += 1
            yield _csv_row(number, header, cells)


def _csv_row(number: int, header: list[str], cells: list[str]) -> FileRow:
    if len(cells) != len(header):
        problem = f"it has {len(cells)} cells where line 1 has {len(header)}; correct it"
        return FileRow(number=number, values=None, problem=problem)
    return FileRow(number=number, values=dict(zip(header, cells, strict=True)))


def _json_row(number: int, line: str) -> FileRow:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        return FileRow(number=number, values=None, problem=f"no JSON ({error}); correct it")
    if not isinstance(values, dict):
        problem = "no JSON object; write one object per line"
        return FileRow(number=number, values=None, problem=problem)
    return FileRow(number=number, values=values)
