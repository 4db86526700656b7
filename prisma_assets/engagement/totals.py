"""Totals rows that exports put below their rows: never read as rows, never dropped unsaid, and used as a control total."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prisma_assets.engagement.formats import text
from prisma_assets.engagement.origin import TOTALS_WORD
from prisma_assets.engagement.source import RawTable


def totals_rows(
    raw: RawTable, identifying: Sequence[str], amounts: Mapping[str, pa.Array]
) -> np.ndarray:
    """Mask of the rows that are totals.

    A row is one if a cell begins like "Total" and the row does not identify anything else: an identifying cell is
    empty or is that label itself. The last row is one, too, if it holds nothing but amounts.

    Args:
        raw: The file's rows.
        identifying: The file's columns that every row must fill, amounts apart.
        amounts: Cents of its amount columns.
    """
    count = raw.data.num_rows
    is_label, some_label = {}, np.zeros(count, dtype=bool)
    for name in raw.data.column_names:
        column = raw.data.column(name).combine_chunks()
        if name in amounts or not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):  # fmt: skip
            continue
        is_label[name] = np.asarray(pc.fill_null(pc.match_substring_regex(column, TOTALS_WORD), False))  # fmt: skip
        some_label |= is_label[name]
    if not some_label.any():
        return _bare_last_row(raw, amounts)
    none_missing, all_labels = np.ones(count, dtype=bool), np.ones(count, dtype=bool)
    for name in identifying:
        filled = np.asarray(text(raw.data.column(name).combine_chunks()).is_valid())
        none_missing &= filled
        all_labels &= is_label.get(name, np.zeros(count, dtype=bool))
    is_total: np.ndarray = (some_label & (~none_missing | all_labels)) | _bare_last_row(
        raw, amounts
    )
    return is_total


def _bare_last_row(raw: RawTable, amounts: Mapping[str, pa.Array]) -> np.ndarray:
    """Mask that holds the last row if only its amounts are filled."""
    last = raw.data.num_rows - 1
    cells = {name: raw.data.column(name)[last].as_py() for name in raw.data.column_names}
    filled = {name for name, cell in cells.items() if cell is not None and str(cell).strip()}
    mask = np.zeros(last + 1, dtype=bool)
    mask[last] = bool(filled) and filled <= set(amounts)
    return mask


def totals_sentences(
    raw: RawTable, is_total: np.ndarray, amounts: Mapping[str, pa.Array]
) -> list[str]:
    """What was left out and, for a grand total at the end, whether it agrees with the rows above it."""
    rows = np.flatnonzero(is_total)
    label = _label(raw, int(rows[-1]))
    last_is_grand = rows[-1] == raw.data.num_rows - 1 and not re.match(r"(?i)\W*sub", label)
    first = f"{raw.where(int(rows[0]))}: totals row"
    counted = first if len(rows) == 1 else f"{first} and {len(rows) - 1} more"
    sentence = f"{counted} left out ('{label}')"
    if last_is_grand and amounts:
        sentence += f"; {_control(int(rows[-1]), is_total, amounts)}"
    return [sentence]


def _label(raw: RawTable, row: int) -> str:
    cells = (raw.data.column(name)[row].as_py() for name in raw.data.column_names)
    filled = [str(cell).strip() for cell in cells if cell is not None and str(cell).strip()]
    return next((cell for cell in filled if re.search(TOTALS_WORD, cell)), filled[0])


def _control(row: int, is_total: np.ndarray, amounts: Mapping[str, pa.Array]) -> str:
    rest = pa.array(~is_total)
    for name, values in amounts.items():
        stated = values[row].as_py()
        if stated is None:
            continue
        difference = stated - (pc.sum(values.filter(rest)).as_py() or 0)
        if difference:
            return f"it differs from the rows above by {difference / 100:,.2f} in '{name}': the export may be incomplete"
    return "it agrees with the rows above"
