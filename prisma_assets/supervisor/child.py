"""What a child process does before its work: its own log, default signals, no life beyond the supervisor's."""

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prisma_assets.platform.lifetime import die_with_parent, show_as


def enter(
    log: Path, work: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Settle in, then do the work."""
    die_with_parent()
    show_as(multiprocessing.current_process().name)
    supervisor = multiprocessing.parent_process()
    if supervisor is None or not supervisor.is_alive():
        return
    _leave_group_of(supervisor.pid)
    _write_to(log)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    work(*args, **kwargs)


def command(arguments: list[str], answer: Path) -> None:
    """Run one `prisma-assets` command in this process, its standard output in a file."""
    sys.argv = ["prisma-assets", *arguments]
    with answer.open("w", encoding="utf-8") as handle:
        os.dup2(handle.fileno(), 1)
    importlib.import_module("prisma_assets.cli").main()


def _leave_group_of(pid: int | None) -> None:
    """Ctrl-C at the terminal reaches the supervisor's group only; the supervisor stops the rest in order."""
    if pid is not None and os.getpgid(0) == os.getpgid(pid):
        with contextlib.suppress(PermissionError):  # Already leads a group.
            os.setsid()


def _write_to(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
