"""What `metrics` shows by a dimension or over a window: a line per value, or per part of the time of one value."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from prisma_assets.command.output import answer, note, say, table
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.learning.metric_window import Slice, Stretch

_COLUMNS = ("runs", "errors", "P50", "P95", "P99", "cost, USD", "accuracy", "satisfaction", "automated", "done again", "at once")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody wants to see."""

    by: str
    value: str | None
    """None: every value."""
    window: str
    days: tuple[date, date] | None
    """In the place of the window."""


def show_slices(asked: Asked, *, as_json: bool) -> None:
    """Read and print them.

    Raises:
        InputError: The dimension or the window is unknown.
    """
    stretch, found, parts = _read(asked, datetime.now(UTC))
    if as_json:
        from prisma_assets.learning.metric_row import row_of

        answer(
            {
                "by": asked.by, "start": stretch.start, "end": stretch.end, "parts_are": stretch.granularity or "1m",
                "items": [row_of(one) for one in found], "parts": [row_of(one) for one in parts],
            }
        )  # fmt: skip
        return
    say(f"by {asked.by}, {stretch.start:%Y-%m-%d %H:%M} to {stretch.end:%Y-%m-%d %H:%M} (UTC)")
    if not found:
        note("no data in this time; `prisma-assets learn` counts what is new")
        return
    table((asked.by, *_COLUMNS), [(one.value or "not said", *_cells(one)) for one in found])
    if parts:
        table(("from", *_COLUMNS), [(f"{p.start:%Y-%m-%d %H:%M}", *_cells(p)) for p in parts])


def _read(asked: Asked, now: datetime) -> "tuple[Stretch, list[Slice], list[Slice]]":
    from prisma_assets.command.connection import migrated_server
    from prisma_assets.learning.known import known_agents
    from prisma_assets.learning.metric_window import (
        MetricWindows,
        days_between,
        dimension_of,
        stretch_of,
    )
    from prisma_assets.store.database import Database

    by = dimension_of(asked.by)
    stretch = days_between(*asked.days) if asked.days else stretch_of(asked.window, now=now)

    async def ask(url: str) -> "tuple[list[Slice], list[Slice]]":
        async with Database(url, max_size=2) as database:
            windows = MetricWindows(database=database, agents=known_agents())
            found = await windows.by_value(by, stretch, now=now, value=asked.value)
            if asked.value is None:
                return found, []
            return found, await windows.by_time(by, asked.value, stretch, now=now)

    with migrated_server(Settings.from_environ()) as urls:
        return (stretch, *asyncio.run(ask(urls.prisma)))


def _cells(one: "Slice") -> Sequence[str]:
    from prisma_assets.learning.metric_row import row_of

    row = row_of(one)
    return (
        f"{row['executions']:,}",
        _said(row, "error_rate", ".1%"),
        *(_said(row, name, ",.0f", after=" ms") for name in ("p50_ms", "p95_ms", "p99_ms")),
        _said(row, "cost_usd", ",.2f", after=_unpriced(row)),
        _said(row, "accuracy", ".1%", after=f" of {row['accuracy_n']:,}"),
        _said(row, "satisfaction", ".2f", after=f" of {row['satisfaction_n']:,}"),
        _said(row, "automation_rate", ".1%", after=f" of {row['steps']:,}"),
        _said(row, "rework_rate", ".1%"),
        _said(row, "concurrency", ".3g"),
    )


def _said(row: Mapping[str, Any], name: str, form: str, *, after: str = "") -> str:
    value = row[name]
    return "no data" if value is None else f"{value:{form}}{after}"


def _unpriced(row: Mapping[str, Any]) -> str:
    return f", {row['unpriced']:,} unpriced" if row["unpriced"] else ""
