"""Reads a series of measurements from a CSV file; what is wrong with it is a sentence that names the line."""

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from prisma_assets.domain.errors import InputError

COLUMNS = ("timestamp", "value")
_GZIP = b"\x1f\x8b"
_MISSING = ("", "nan", "null", "none", "na", "n/a")
"""How databases and spreadsheets write that there is no value."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One row of the file."""

    line: int
    timestamp: str
    """As it is written in the file."""
    at: datetime
    value: float | None
    """None: no data."""


def read_series(path: Path) -> list[Point]:
    """The rows of a file with the columns timestamp and value, in the file's order; others are ignored.

    Raises:
        InputError: No such file, not text, a column or every row is missing, or a cell cannot be read.
    """
    rows = _rows(path)
    _, first = next(rows, (0, []))
    header = [name.strip().lower() for name in first]
    if not header:
        raise InputError(f"{path}: is empty; it needs the columns timestamp and value")
    for name in COLUMNS:
        if name not in header:
            found = ", ".join(header)
            raise InputError(f"{path}: no column '{name}' in line 1, which has {found}; name it so")
    points = list(_points(path, rows, header))
    if not points:
        raise InputError(f"{path}: no rows below the column names; there is nothing to score")
    return points


def out_of_order(points: list[Point]) -> list[Point]:
    """Points that are not later than the one before them."""
    return [b for a, b in pairwise(points) if b.at <= a.at]


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, each with the line it ends in."""
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        yield from ((reader.line_num, row) for row in reader if any(map(str.strip, row)))
    except csv.Error as error:
        raise InputError(
            f"{path}: line {reader.line_num} is no CSV ({error}); correct it"
        ) from None


def _points(
    path: Path, rows: Iterator[tuple[int, list[str]]], header: list[str]
) -> Iterator[Point]:
    time_column, value_column = (header.index(name) for name in COLUMNS)
    for line, row in rows:
        if len(row) != len(header):
            raise InputError(
                f"{path}: line {line} has {len(row)} cells where line 1 has {len(header)}; correct it"
            )
        timestamp, text = row[time_column].strip(), row[value_column].strip()
        at, value = _moment(path, line, timestamp), _number(path, line, text)
        yield Point(line=line, timestamp=timestamp, at=at, value=value)


def _moment(path: Path, line: int, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{path}: line {line}: '{text}' is no timestamp; write it as 2026-03-01 14:05:00"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _number(path: Path, line: int, text: str) -> float | None:
    if text.lower() in _MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise InputError(
            f"{path}: line {line}: '{text}' is no number; write one, or nothing where there is no value"
        )
    return value


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        plain = gzip.decompress(content) if content.startswith(_GZIP) else content
        return plain.decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; correct the name") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name a file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: damaged gzip file ({error}); copy it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); correct that") from None
