"""The columns of the table of agents: how each sorts, and what it is called in a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from prisma_assets.learning.fleet import WINDOWS, Window, window_of
from prisma_assets.learning.fleet_table import AgentLine

_HEADINGS = {"worse": 0, "mixed": 1, "steady": 2, "better": 3}
"""The worst first."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One that people sort by."""

    title: str
    key: Callable[[AgentLine], Any]
    """What it sorts by; None goes last whichever way."""
    is_number: bool = True


COLUMNS: Mapping[str, Column] = {
    "agent": Column(title="Agent", key=lambda a: a.card.id, is_number=False),
    "domain": Column(title="Domain", key=lambda a: a.card.domain, is_number=False),
    "version": Column(title="Version", key=lambda a: a.version, is_number=False),
    "runs": Column(title="Runs", key=lambda a: a.figures.executions),
    "errors": Column(title="Errors", key=lambda a: a.figures.error_rate),
    "p50": Column(title="P50", key=lambda a: a.figures.p50_ms),
    "p95": Column(title="P95", key=lambda a: a.figures.p95_ms),
    "cost": Column(title="Cost per run", key=lambda a: a.figures.cost_per_run),
    "accuracy": Column(title="Accuracy", key=lambda a: a.figures.accuracy),
    "satisfaction": Column(title="Satisfaction", key=lambda a: a.figures.satisfaction),
    "trend": Column(
        title="Trend",
        key=lambda a: None if a.heading is None else _HEADINGS[a.heading],
        is_number=False,
    ),
    "alerts": Column(title="Alerts", key=lambda a: a.alerts),
}
FILE_HEADS = (
    "agent_id", "name", "domain", "version", "executions", "error_rate", "p50_ms", "p95_ms", "p99_ms", "cost_usd",
    "cost_per_run", "unpriced", "accuracy", "accuracy_low", "accuracy_high", "accuracy_n", "satisfaction",
    "satisfaction_low", "satisfaction_high", "satisfaction_n", "trend", "alerts",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What somebody wants to see of the table."""

    window: Window
    domain: str
    """Empty: all."""
    text: str
    """What the name or id holds; empty: all."""
    sort: str
    falls: bool
    """The greatest first."""

    @property
    def query(self) -> str:
        """As the query of an address."""
        return self._query()

    def sorted_by(self, column: str) -> str:
        """The query that sorts by a column, the other way round where it does already."""
        falls = not self.falls if column == self.sort else COLUMNS[column].is_number
        return self._query(sort=column, order="desc" if falls else "asc")

    def over(self, window: str) -> str:
        """The query of another window."""
        return self._query(window=window)

    def chosen(self, lines: Sequence[AgentLine]) -> list[AgentLine]:
        """Those lines, sorted."""
        fitting = [line for line in lines if self._fits(line)]
        key = COLUMNS[self.sort].key
        known = [line for line in fitting if key(line) is not None]
        unknown = [line for line in fitting if key(line) is None]
        return [*sorted(known, key=key, reverse=self.falls), *unknown]

    def _fits(self, line: AgentLine) -> bool:
        card, text = line.card, self.text.lower()
        return self.domain in ("", card.domain) and (
            text in card.id.lower() or text in card.name.lower()
        )

    def _query(self, **other: str) -> str:
        asked = {
            "window": self.window.name, "domain": self.domain, "q": self.text, "sort": self.sort,
            "order": "desc" if self.falls else "asc",
        }  # fmt: skip
        return urlencode({name: value for name, value in {**asked, **other}.items() if value})


def choice_of(request: Request) -> Choice:
    """What the address asks for.

    Raises:
        InputError: There is no such window; an unknown column or order counts as none.
    """
    asked = request.query_params
    sort = asked.get("sort", "agent")
    return Choice(
        window=window_of(asked.get("window")),
        domain=asked.get("domain", ""),
        text=asked.get("q", "").strip(),
        sort=sort if sort in COLUMNS else "agent",
        falls=asked.get("order") == "desc",
    )


def file_row(line: AgentLine) -> list[Any]:
    """A line as it stands in a file."""
    f = line.figures
    accuracy = line.accuracy_between or (None, None)
    satisfaction = line.satisfaction_between or (None, None)
    return [
        line.card.id, line.card.name, line.card.domain, line.version, f.executions, f.error_rate, f.p50_ms, f.p95_ms, f.p99_ms,
        f.cost_usd, f.cost_per_run, f.unpriced, f.accuracy, *accuracy, f.accuracy_n, f.satisfaction, *satisfaction,
        f.satisfaction_n, line.heading, line.alerts,
    ]  # fmt: skip


def spark(runs: Sequence[int | None]) -> list[str]:
    """Points of small lines in a box of 100 by 20, one line for each stretch without a gap."""
    known = [n for n in runs if n is not None]
    most, last = max(known, default=0) or 1, max(len(runs) - 1, 1)
    lines: list[list[str]] = [[]]
    for k, n in enumerate(runs):
        if n is None:
            lines.append([])
        else:
            lines[-1].append(f"{100 * k / last:.1f},{19 - 18 * n / most:.1f}")
    return [" ".join(points if len(points) > 1 else points * 2) for points in lines if points]


def windows() -> Sequence[Window]:
    """Those people choose from."""
    return tuple(WINDOWS.values())
