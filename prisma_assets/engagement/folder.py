"""Reads an engagement folder: `engagement.yaml` and the client's tables beside it, under standard names and kinds.

What the books mean does not belong here: that is `domain.audit`. `facts` reads the facts alone, without pandas.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from prisma_assets.domain.audit.books import Books, TableSource
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.table import TABLES
from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.document import TableSettings
from prisma_assets.engagement.facts import (
    combined_sha256,
    read_document,
    stray_files,
    table_files,
)
from prisma_assets.engagement.frame import ReadTable, read_frame
from prisma_assets.engagement.intake import intake_problems
from prisma_assets.engagement.mapping import plain_name
from prisma_assets.engagement.origin import Origin
from prisma_assets.engagement.source import RawTable, read_raw

PERIOD_NAMES = frozenset({
    "period", "fiscal_period", "accounting_period", "period_end", "as_of", "as_of_date", "date", "balance_date", "month",
    "year", "fiscal_year",
})  # fmt: skip
"""What exports call the column that says to which period a balance belongs."""


@dataclass(frozen=True, kw_only=True)
class EngagementFolder:
    """An engagement and its books, as read."""

    path: Path
    engagement: Engagement
    books: Books
    warnings: tuple[str, ...] = ()
    """What people should know before the audit reports: how doubtful things were read, and what does not add up."""


def _silently() -> None:
    """Nobody waits for signs of life."""


def read_engagement(folder: Path, *, progress: Callable[[], None] = _silently) -> EngagementFolder:
    """Read a whole engagement folder.

    Args:
        folder: Holds `engagement.yaml` and the table files.
        progress: Called after each table.

    Raises:
        InputError: Something is missing or does not read; the message names file, line or setting and the mend.
    """
    document = read_document(folder)
    files = table_files(folder, document.tables)
    tables: dict[str, ReadTable] = {}
    for name, file in files.items():
        tables[name] = _read_table(folder, file, name, document.tables.get(name, TableSettings()))
        progress()
    books = Books(
        tables={name: read.frame for name, read in tables.items()},
        sources={
            name: TableSource(file=read.file, sha256=read.sha256, rows=len(read.numbers))
            for name, read in tables.items()
        },
        sha256=combined_sha256(folder, {read.file: read.sha256 for read in tables.values()}),
    )
    notes = [note for read in tables.values() for note in read.notes]
    return EngagementFolder(
        path=folder,
        engagement=document.facts(),
        books=books,
        warnings=(
            *stray_files(folder, files),
            *notes,
            *intake_problems(tables, document.period),
        ),
    )


def _read_table(folder: Path, file: str, name: str, settings: TableSettings) -> ReadTable:
    raw = read_raw(folder, Origin(file=file, table=name, settings=settings))
    read = read_frame(raw, TABLES[name])
    if name != "trial_balance":
        return read
    _check_one_period(raw, read)
    return _one_row_per_account(read)


def _check_one_period(raw: RawTable, read: ReadTable) -> None:
    """Refuse a roll-forward: balances of several period ends must not be summed."""
    if not read.frame["gl_account_number"].duplicated().any():
        return
    for name in raw.data.column_names:
        periods = raw.data.column(name).unique().drop_null().to_pylist()
        if plain_name(name) in PERIOD_NAMES and len(periods) > 1:
            shown = ", ".join(str(p) for p in periods[:3])
            raise InputError(
                f"{read.file}: column '{name}' holds several periods ({shown}{', ...' if len(periods) > 3 else ''}), and accounts "
                "stand in it once for each; keep the rows of the period's end"
            )


def _one_row_per_account(read: ReadTable) -> ReadTable:
    """A trial balance split over departments or subsidiaries, summed to one row per account."""
    accounts = read.frame["gl_account_number"]
    repeated = accounts.duplicated()
    if not repeated.any():
        return read
    types = read.frame.groupby(accounts.to_numpy(), sort=False)["account_type"].nunique()
    if (types > 1).any():
        account = types.index[types > 1][0]
        raise InputError(
            f"{read.file}: account {account} stands in it with {types[account]} account types; give it one"
        )
    how = {
        name: "first" if not name.endswith("_cents") else _sum
        for name in read.frame.columns
        if name != "gl_account_number"
    }
    frame = read.frame.groupby("gl_account_number", sort=False, as_index=False).agg(how)
    first = accounts[repeated].iloc[0]
    note = (
        f"{read.file}: {accounts[repeated].nunique()} account(s) stand in several rows (first: {first}); "
        "their amounts are summed"
    )
    return replace(read, frame=frame[read.frame.columns], notes=(*read.notes, note))


def _sum(amounts: pd.Series) -> object:
    return amounts.sum(min_count=1)
