"""Finding the process that holds the definitions, by the socket it answers on."""

import socket
import time

from prisma_assets.domain.errors import PrismaError

_LOOK_SECONDS = 0.05


def wait_for_code_server(socket_path: str, *, seconds: float) -> None:
    """Return once the code server answers; by then it has also created Dagster's tables.

    Raises:
        PrismaError: it did not answer in time.
    """
    deadline = time.monotonic() + seconds
    while not answers(socket_path):
        if time.monotonic() > deadline:
            raise PrismaError(f"The code server did not answer within {seconds:.0f} s.")
        time.sleep(_LOOK_SECONDS)


def answers(socket_path: str) -> bool:
    """Whether somebody listens on the socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(socket_path)
        except OSError:
            return False
    return True
