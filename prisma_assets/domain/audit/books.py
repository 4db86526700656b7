"""A client's books as an audit step sees them: standard tables, each with where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class TableSource:
    """Where a table came from, so that a workpaper can name its evidence."""

    file: str
    """Path relative to the engagement folder."""
    sha256: str
    """Hash of the file's bytes, lower-case hex."""
    rows: int
    """Data rows read."""


@dataclass(frozen=True, kw_only=True)
class Books:
    """Every table the client provided. A table that is not here was not provided: say so, never invent it."""

    tables: "Mapping[str, pd.DataFrame]" = field(default_factory=dict)
    """Canonical table name to frame; columns are `Column.frame_name`, optional columns may be absent."""
    sources: Mapping[str, TableSource] = field(default_factory=dict)
    """Canonical table name to its source."""
    sha256: str = ""
    """Hash over `engagement.yaml` and every table file: two equal hashes are the same books."""

    def get(self, name: str) -> "pd.DataFrame | None":
        """The table, or None when the client did not provide it."""
        return self.tables.get(name)

    def has(self, name: str, *columns: str) -> bool:
        """True when the table is there with all those frame columns."""
        frame = self.tables.get(name)
        return frame is not None and set(columns) <= set(frame.columns)
