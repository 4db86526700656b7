"""Asking the process that keeps runs ready to do one: where it listens, and what is said.

A connection is one run: a line of JSON that orders it, a line that names it, and when it has ended a line that says how.
Who answers is `prisma_assets.platform.run_server`.
"""

import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prisma_assets.domain.errors import PrismaError

MOST_BYTES = 65_536
"""Longest line: Dagster's tags of one run, many times over."""

_PATH_BYTES = 100
"""Longest path of a Unix socket is 107 bytes (unix(7)); gRPC adds its scheme."""


class RunsUnavailableError(PrismaError):
    """Nobody keeps runs ready there; start the product with `prisma-assets up`."""


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """A run to be done: one Dagster has created, or a new one of a job."""

    run_id: str | None = None
    job: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> bytes:
        """The order as it is sent."""
        return (
            json.dumps({"run_id": self.run_id, "job": self.job, "tags": dict(self.tags)}).encode()
            + b"\n"
        )


def runs_socket(home: Path) -> Path:
    """Where the product of that data folder keeps runs ready."""
    return socket_folder(home) / "runs.sock"


def code_socket(home: Path) -> Path:
    """Where the product of that data folder answers for its definitions."""
    return socket_folder(home) / "code.sock"


def socket_folder(home: Path) -> Path:
    """A folder only this user can enter: whoever reaches a socket in it can run code as this user.

    The same at every start, so that runs which a killed supervisor left behind can be told by it.

    Raises:
        PrismaError: somebody else made the folder.
    """
    folder = home / "run"
    if len(os.fsencode(folder / "runs.sock.new")) > _PATH_BYTES:
        name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"prisma-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PrismaError(
            f"{folder} belongs to another user; remove it, or set PRISMA_HOME to a shorter path."
        )
    folder.chmod(0o700)
    return folder


def is_there(path: str) -> bool:
    """Whether the socket has been made; it has its name once it is listened on."""
    return Path(path).is_socket()


def order_run(path: str, order: RunOrder, *, seconds: float) -> str:
    """Have a run done and do not wait for its end; gives its id once a process has taken it.

    Raises:
        RunsUnavailableError: Nobody listens, or nobody took it in time.
        PrismaError: It was refused.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(path)
            connection.sendall(order.line())
            with connection.makefile("rb") as lines:
                return taken(lines.readline(MOST_BYTES))
        except OSError as error:
            raise RunsUnavailableError(
                f"the run could not be started ({error.strerror or 'no answer'}: {path}); "
                "see that `prisma-assets up` runs"
            ) from error


def taken(line: bytes) -> str:
    """The run's id, from the line by which a process takes it.

    Raises:
        RunsUnavailableError: The process died before it could answer.
        PrismaError: It refused.
    """
    if not line.endswith(b"\n"):
        raise RunsUnavailableError("the process that took the run died before it began; try again")
    said: dict[str, Any] = json.loads(line)
    if "error" in said:
        raise PrismaError(said["error"])
    return str(said["run_id"])
