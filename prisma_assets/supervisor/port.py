"""Whether a TCP port of this machine is free, and who has it."""

import errno
import socket
from pathlib import Path

from prisma_assets.domain.errors import InputError

HOST = "127.0.0.1"
"""The web address answers on this machine only: it has no sign-in of its own yet."""

_LISTEN = "0A"
"""State of a listening socket in /proc/net/tcp (include/net/tcp_states.h, TCP_LISTEN = 10)."""

_LOOK_AHEAD = 100
"""How many ports above the wanted one are tried for a suggestion."""


def check_free(port: int) -> None:
    """Raise a sentence that says who has the port and what to do.

    Raises:
        InputError: the port cannot be listened on.
    """
    problem = _bind_error(port)
    if problem is None:
        return
    if problem == errno.EACCES:
        raise InputError(
            f"Port {port} needs the right to use ports below 1024; choose another with --port, for example --port {_next_free(3000)}."
        )
    owner = _listener(port)
    holder = f" by {owner}" if owner else ""
    raise InputError(
        f"Port {port} is taken{holder}; stop that program or choose another port, for example --port {_next_free(port + 1)}."
    )


def _bind_error(port: int) -> int | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port in TIME_WAIT after a restart counts as free, a listening one does not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return None


def _next_free(port: int) -> int:
    candidates = range(port, min(port + _LOOK_AHEAD, 65536))
    return next((p for p in candidates if _bind_error(p) is None), 3000)


def _listener(port: int) -> str | None:
    """`name (process N)` of who listens on the port; None where the system does not tell (other user, not Linux)."""
    try:
        inodes = {
            row[9] for row in _tcp_rows() if row[3] == _LISTEN and row[1].endswith(f":{port:04X}")
        }
        for process in Path("/proc").glob("[0-9]*"):
            if inodes and _holds(process, inodes):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    except OSError:
        return None
    return None


def _tcp_rows() -> list[list[str]]:
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    lines = [
        line for table in tables if table.exists() for line in table.read_text().splitlines()[1:]
    ]
    return [line.split() for line in lines]


def _holds(process: Path, inodes: set[str]) -> bool:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    try:
        return any(str(fd.readlink()) in wanted for fd in (process / "fd").iterdir())
    except OSError:  # Gone meanwhile, or another user's.
        return False
