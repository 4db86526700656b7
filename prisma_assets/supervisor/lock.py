"""One supervisor per data folder: a lock held for its whole life, carrying where it answers."""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from prisma_assets.domain.errors import InputError, PrismaError

LOCK_FILE = "up.lock"

_TRIES = 20
_TRY_SECONDS = 0.05


class AlreadyRunningError(PrismaError):
    """Another `prisma-assets up` owns this data folder."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """The supervisor that holds the lock."""

    pid: int
    port: int

    @property
    def address(self) -> str:
        """Where people open the UI."""
        return web_address(self.port)


def web_address(port: int) -> str:
    """The address of the UI on this machine."""
    return f"http://127.0.0.1:{port}"


def read_running(home: Path) -> Running | None:
    """The supervisor of this data folder; None when there is none.

    The lock decides, not the text in the file: the kernel releases it however the process ended.
    """
    path = home / LOCK_FILE
    try:
        handle = path.open("r", encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise InputError(
            f"{path} belongs to another user; set PRISMA_HOME to a folder of your own."
        ) from error
    with handle:
        for _ in range(_TRIES):
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                if running := _parse(handle.read()):
                    return running
                time.sleep(_TRY_SECONDS)  # Its holder is about to write who it is.
            else:
                return None
    raise PrismaError(f"{path} is locked by a program that is not `prisma-assets up`; end it.")


def hold(home: Path, *, port: int) -> None:
    """Take the lock of this data folder until this process ends; whoever waits for the lock waits for the end.

    Raises:
        AlreadyRunningError: another process holds it.
    """
    # Closed in children (PEP 446), so the lock ends with this process even when a child outlives it.
    descriptor = os.open(home / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunningError(f"{home} is already in use.") from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps(asdict(Running(pid=os.getpid(), port=port))).encode())


def _parse(text: str) -> Running | None:
    try:
        return Running(**json.loads(text))
    except (ValueError, TypeError):
        return None
