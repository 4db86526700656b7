"""Table files as they stand: CSV, Parquet or XLSX to columns, each row with the line it came from.

What a column means and how its values read does not belong here: that is `mapping` and `formats`.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.delimited import read_delimited
from prisma_assets.engagement.origin import Origin, Read, one_line
from prisma_assets.engagement.workbook import read_workbook

NEVER_EMPTY = frozenset({"trial_balance", "gl_detail"})
"""Without rows these are a failed export; any other table may rightly hold nothing (no customer owes, nothing was shipped)."""


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
        InputError: It cannot be read, is a ledger or trial balance without rows, or a column name stands in it twice.
    """
    content = (folder / origin.file).read_bytes()
    reader = {".parquet": _parquet, ".xlsx": read_workbook}.get(
        Path(origin.file).suffix.lower(), read_delimited
    )
    data, numbers, notes = reader(content, origin)
    _check_names(data.column_names, origin)
    if data.num_rows == 0:
        if origin.table in NEVER_EMPTY:
            raise InputError(
                f"{origin.file}: holds column names but no rows; export it again, or take it out of the folder"
            )
        notes = (
            *notes,
            f"{origin.file}: holds column names but no rows; read as an empty table, to be confirmed by the client",
        )
    return RawTable(
        origin=origin, data=data, numbers=numbers, unit="row" if reader is not read_delimited else "line",
        sha256=hashlib.sha256(content).hexdigest(), notes=notes,
    )  # fmt: skip


def _check_names(names: Sequence[str], origin: Origin) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(
                f"{origin.file}: column '{name}' stands in it twice; rename one, so that tables.{origin.table}.columns can tell them apart"
            )
        seen.add(name)


def _parquet(content: bytes, origin: Origin) -> Read:
    try:
        data = pq.read_table(BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{origin.file}: not a readable Parquet file ({one_line(error)}); export it again"
        ) from error
    # Some writers store text as bytes without saying so; what is no UTF-8 stays as it is and is refused where it is used.
    for place, column in enumerate(data.columns):
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            with suppress(pa.ArrowInvalid):
                data = data.set_column(place, data.column_names[place], column.cast(pa.string()))
    return data, np.arange(1, data.num_rows + 1), ()
