"""What the readers of every file format share: which file it is, what its cells say, and what reading gives.

Opening files does not belong here: that is `source`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import numpy as np
import pyarrow as pa

from prisma_assets.engagement.document import TableSettings

TOTALS_WORD = r"(?i)^\W*(sub|grand)?[\s-]*(totals?|sum|summe|gesamt|totaal|totale|totaux)([\s:.]|$)"
"""How the label of a totals row begins (English, German, Dutch, Italian, French)."""


Read = tuple[pa.Table, np.ndarray, tuple[str, ...]]
"""Columns under the file's own names, the line of every row, and what people should know."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A table file and what `engagement.yaml` says of it."""

    file: str
    """Path below the engagement folder."""
    table: str
    """Standard table it holds."""
    settings: TableSettings = field(default_factory=TableSettings)


def column_names(header: Sequence[Any]) -> list[str]:
    """Column names; a column without one is called by its place, so that it can still be mapped."""
    names = [" ".join(cell_text(cell).split()) if is_filled(cell) else "" for cell in header]
    while names and not names[-1]:
        names.pop()
    return [name or f"column {place}" for place, name in enumerate(names, 1)]


def is_filled(cell: Any) -> bool:
    """Whether a cell holds more than blanks."""
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


def cell_text(cell: Any) -> str:
    """A worksheet cell as text; a whole number stored as a float loses its point."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, datetime | date | time) else str(cell)


def one_line(error: BaseException) -> str:
    """A library's complaint, short enough to stand inside a sentence."""
    return " ".join(str(error).split())[:160].rstrip(".")
