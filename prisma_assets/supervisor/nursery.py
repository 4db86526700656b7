"""The children of a supervisor: started from one warm process, restarted when they crash, stopped together."""

import contextlib
import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from prisma_assets.domain.errors import PrismaError
from prisma_assets.supervisor.child import enter

RESTART_WAITS = (1.0, 2.0, 4.0)
"""Seconds before each restart. A child that fails once more after these has a fault that a restart does not mend."""

STEADY_SECONDS = 300.0
"""A child that ran this long before it ended starts with a clean slate."""

STOP_SECONDS = 5.0
"""How long children get to end by themselves: a run needs under 1 s to cancel, the web server 2 s for open pages."""

KEPT_LOGS = 3
"""Earlier logs of each process that stay beside the current one."""

_TAIL_LINES = 12
_TAIL_BYTES = 8192
_POLL_SECONDS = 0.05
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Child:
    """One process and how to start it again."""

    name: str
    log: Path
    work: Callable[..., None]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    process: BaseProcess
    stays: bool = False
    """Whether its end is a crash."""
    started: float = field(default_factory=time.monotonic)
    failures: int = 0
    restart_at: float | None = None
    """When it is started again; None while it runs."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: ended by that signal."""
        return self.process.exitcode

    def last_lines(self) -> str:
        """The end of its log, for an error message."""
        return tail(self.log)


class Nursery:
    """Starts, watches and stops children. Use from the main thread of one process."""

    def __init__(self, logs: Path, *, warm: bool) -> None:
        self._logs = logs
        self._children: list[Child] = []
        self._groups: set[int] = set()
        self._context = multiprocessing.get_context("spawn")
        logs.mkdir(parents=True, exist_ok=True)
        self._runs_log = logs / "runs.log"
        rotate(self._runs_log)
        with _errors_in(self._runs_log):
            resource_tracker.ensure_running()
            if warm:
                self._context = multiprocessing.get_context("forkserver")  # type: ignore[assignment]
                self._context.set_forkserver_preload(["prisma_assets.platform.preload"])
                forkserver.ensure_running()

    def start(self, name: str, work: Callable[..., None], *args: Any, **kwargs: Any) -> Child:
        """Start a child that is meant to stay; it writes to `<name>.log`."""
        child = self.run(name, work, *args, **kwargs)
        child.stays = True
        return child

    def run(self, name: str, work: Callable[..., None], *args: Any, **kwargs: Any) -> Child:
        """Start a child that is meant to end; it writes to `<name>.log`."""
        log = self._logs / f"{name.replace(' ', '_')}.log"
        rotate(log)
        process = self._launch(name, log, work, args, kwargs)
        child = Child(name, log, work, args, kwargs, process)
        self._children.append(child)
        return child

    def watch(self) -> str | None:
        """Restart what crashed, when its time has come, and say what happened.

        Raises:
            PrismaError: a child keeps failing.
        """
        for child in self._children:
            if not child.stays:
                continue
            if child.restart_at is None and child.exit_code is not None:
                return self._plan_restart(child)
            if child.restart_at is not None and time.monotonic() >= child.restart_at:
                self._restart(child)
        return None

    def stop(self, *, hurry: Callable[[], bool]) -> None:
        """End every child: politely, then, after a while or in a hurry, not."""
        running = [c.process for c in self._children if c.exit_code is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(p.exitcode is None for p in running):
            if hurry() or time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
        for process in running:
            process.kill()
        # Runs that are left, and the warm process itself, which has nothing to tidy up.
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        for child in self._children:
            child.process.join(timeout=1)
        self._children.clear()

    def _launch(
        self, name: str, log: Path, work: Callable[..., None], args: Any, kwargs: Any
    ) -> BaseProcess:
        process = self._context.Process(target=enter, name=name, args=(log, work, args, kwargs))
        try:
            process.start()
        except (EOFError, OSError) as error:
            raise PrismaError(
                f"The {name} could not be started; {self._runs_log} ends with:\n{tail(self._runs_log)}"
            ) from error
        self._groups.add(_group_of(process))
        return process

    def _plan_restart(self, child: Child) -> str:
        if time.monotonic() - child.started > STEADY_SECONDS:
            child.failures = 0
        if child.failures >= len(RESTART_WAITS):
            raise PrismaError(
                f"The {child.name} stopped {child.failures + 1} times in a row; its log {child.log} ends with:\n{child.last_lines()}"
            )
        wait = RESTART_WAITS[child.failures]
        child.failures += 1
        child.restart_at = time.monotonic() + wait
        return f"The {child.name} stopped unexpectedly ({_ending(child.exit_code)}); it is started again in {wait:.0f} s. Its log: {child.log}"

    def _restart(self, child: Child) -> None:
        child.process = self._launch(child.name, child.log, child.work, child.args, child.kwargs)
        child.started, child.restart_at = time.monotonic(), None


def rotate(log: Path) -> None:
    """Keep earlier logs as `<name>.log.1`, the newest, to `<name>.log.3`."""
    for number in range(KEPT_LOGS - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))


def tail(log: Path) -> str:
    """The last lines of a log, without terminal colours."""
    if not log.exists():
        return "(nothing)"
    with log.open("rb") as handle:
        handle.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = handle.read().decode(errors="replace")
    return "\n".join(_COLOUR.sub("", text).splitlines()[-_TAIL_LINES:]) or "(nothing)"


def _group_of(process: BaseProcess) -> int:
    """Process group of a child and of what it starts: the warm process's, or, once it has settled in, its own."""
    pid = process.pid or 0
    try:
        group = os.getpgid(pid)
    except ProcessLookupError:
        return pid
    return pid if group == os.getpgrp() else group


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"signal {-exit_code}"
    return f"exit code {exit_code}"


@contextlib.contextmanager
def _errors_in(log: Path) -> Iterator[None]:
    """Send what processes started meanwhile write to standard error into a log: it is not for the terminal."""
    sys.stderr.flush()
    terminal = os.dup(2)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.dup2(descriptor, 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(descriptor)
