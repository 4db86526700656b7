"""Dashboards that are written as files: those that ship, one for each domain, and the firm's own."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.monitoring.dashboard import Dashboard, Widget
from prisma_assets.domain.yaml_source import parse_yaml, place, validate
from prisma_assets.learning.fleet import Fleet, window_of
from prisma_assets.learning.metrics import Figures

SHIPPED = Path(__file__).parent / "dashboards"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class ReadDashboard:
    """A file that says what it has to."""

    name: str
    """Of the file, without its ending."""
    dashboard: Dashboard
    agents: Sequence[AgentCard]
    """That it is about, in the order of the roster or of the file."""


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A widget with its figures."""

    widget: Widget
    whole: Figures
    """All agents over the whole window."""
    starts: Sequence[datetime]
    """Of the window's parts."""
    by_time: Mapping[datetime, Figures]
    by_agent: Mapping[str, Figures]


def read_dashboard(file: Path, registry: AgentRegistry) -> ReadDashboard:
    """Read one file.

    Raises:
        InputError: It cannot be read, or says something that cannot be; one line per mistake, with line and column.
    """
    if not _NAME.fullmatch(file.stem):
        raise InputError(
            f"{file}: a dashboard's file is named in small letters, digits, - and _, as it stands in its address"
        )
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as text: {error}") from error
    data = parse_yaml(text, file=str(file))
    dashboard = validate(data, Dashboard, file=str(file))
    return ReadDashboard(
        name=file.stem, dashboard=dashboard, agents=_agents(dashboard, data, file, registry)
    )


class Dashboards:
    """The files of a folder and those that ship; one of the folder stands for a shipped one of its name."""

    def __init__(self, registry: AgentRegistry, folder: Path | None) -> None:
        """Read nothing yet."""
        self._registry = registry
        self._folder = folder
        self._read: dict[Path, tuple[tuple[int, int], ReadDashboard | InputError]] = {}

    def good(self) -> list[ReadDashboard]:
        """Those that can be shown, by name."""
        return [found for found in self._each() if isinstance(found, ReadDashboard)]

    def problems(self) -> list[str]:
        """What is wrong with the others."""
        return [str(found) for found in self._each() if isinstance(found, InputError)]

    def get(self, name: str) -> ReadDashboard | None:
        """The one of that name; None: there is none.

        Raises:
            InputError: Its file is wrong.
        """
        file = self._files().get(name)
        found = None if file is None else self._known(file)
        if isinstance(found, InputError):
            raise found
        return found

    def _each(self) -> Iterator[ReadDashboard | InputError]:
        return (self._known(file) for _, file in sorted(self._files().items()))

    def _files(self) -> dict[str, Path]:
        folders = [SHIPPED, *([self._folder] if self._folder else [])]
        return {file.stem: file for folder in folders for file in sorted(folder.glob("*.yaml"))}

    def _known(self, file: Path) -> ReadDashboard | InputError:
        """As it was read, until the file changes."""
        try:
            stat = file.stat()
        except OSError as error:
            return InputError(f"{file}: cannot be read: {error.strerror}")
        state = (stat.st_mtime_ns, stat.st_size)
        if file not in self._read or self._read[file][0] != state:
            self._read[file] = (state, self._now(file))
        return self._read[file][1]

    def _now(self, file: Path) -> ReadDashboard | InputError:
        try:
            return read_dashboard(file, self._registry)
        except InputError as error:
            return error


async def fill(fleet: Fleet, read: ReadDashboard, *, now: datetime) -> list[Filled]:
    """Every widget with its figures, in the order of the file."""
    ids = [card.id for card in read.agents]
    return await asyncio.gather(*(_fill(fleet, w, ids, now) for w in read.dashboard.widgets))


async def _fill(fleet: Fleet, widget: Widget, ids: Sequence[str], now: datetime) -> Filled:
    window = window_of(widget.window)
    by_agent = widget.kind == "table" or widget.by == "agent"
    over_time = widget.kind in ("line", "bar") and not by_agent
    return Filled(
        widget=widget,
        whole=await fleet.whole(window, now=now, agents=ids),
        starts=window.starts(now),
        by_time=await fleet.by_time(window, now=now, agents=ids) if over_time else {},
        by_agent=await fleet.by_agent(window, now=now, agents=ids) if by_agent else {},
    )


def _agents(
    dashboard: Dashboard, data: object, file: Path, registry: AgentRegistry
) -> list[AgentCard]:
    if not dashboard.agents:
        with _placed(data, ("domain",), file):
            return registry.find(domain=dashboard.domain)
    found = []
    for number, agent_id in enumerate(dashboard.agents):
        with _placed(data, ("agents", number), file):
            found.append(registry.get(agent_id))
    return found


@contextmanager
def _placed(data: object, path: tuple[str | int, ...], file: Path) -> Iterator[None]:
    """Say where in the file stands what the registry does not know."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{place(data, path, str(file))}: {error}") from error
