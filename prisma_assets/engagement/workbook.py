"""XLSX worksheets as columns. Which column is which does not belong here: that is `mapping`."""

import re
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from io import BytesIO
from itertools import zip_longest
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa

from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.facts import FACTS_FILE
from prisma_assets.engagement.origin import (
    Origin,
    Read,
    cell_text,
    column_names,
    is_filled,
    one_line,
)


def read_workbook(content: bytes, origin: Origin) -> Read:
    """One worksheet; its first row that is not empty holds the column names.

    Raises:
        InputError: No workbook, no such sheet, or several and none named.
    """
    rows = list(_sheet_rows(content, origin))
    header_row = origin.settings.header_line or next(
        (i for i, row in enumerate(rows, 1) if any(is_filled(c) for c in row)), 1
    )
    if len(rows) < header_row or not any(is_filled(c) for c in rows[header_row - 1]):
        raise InputError(f"{origin.file}: no column names in row {header_row} of the sheet")
    names = column_names(rows[header_row - 1])
    numbered = [
        (n, row) for n, row in enumerate(rows[header_row:], header_row + 1) if any(is_filled(c) for c in row)
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
            f"{origin.file}: not a readable XLSX workbook ({one_line(error)}); save it again as .xlsx or CSV"
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
    kinds = {type(cell) for cell in column if is_filled(cell)}
    values = [cell if is_filled(cell) else None for cell in column]
    if not kinds:
        return pa.array(values, pa.string())
    if kinds <= {int, float}:
        whole = kinds == {int}
        numbers = values if whole else [None if v is None else float(v) for v in values]
        with suppress(OverflowError, pa.ArrowInvalid):  # a number too large for int64 stays text
            return pa.array(numbers)
    if kinds == {datetime}:
        return pa.array(values, pa.timestamp("s"))
    return pa.array([None if v is None else cell_text(v) for v in values], pa.string())
