"""`down`: stops the supervisor of a data folder from another terminal."""

import os
import signal
import time

from rich.console import Console

from prisma_assets.domain.errors import InputError, PrismaError
from prisma_assets.settings import Settings
from prisma_assets.store.embedded import EmbeddedServer
from prisma_assets.supervisor.lock import Running, read_running

WAIT_SECONDS = 30.0
"""The supervisor needs up to 5 s for its children and a few more for the database's last checkpoint."""

_POLL_SECONDS = 0.1


def down(settings: Settings) -> int:
    """Stop what `up` started on this data folder, wait until it is gone, and say so.

    Raises:
        InputError: it belongs to another user.
        PrismaError: it did not end in time.
    """
    console = Console(highlight=False, soft_wrap=True)
    running = read_running(settings.home)
    if running is None:
        if settings.database_url is None and settings.home.is_dir():
            EmbeddedServer(
                settings.home
            ).stop_if_unused()  # A supervisor that was killed leaves its database.
        console.print(f"Nothing is running on {settings.home}.", markup=False)
        return 0
    _ask(running)
    deadline = time.monotonic() + WAIT_SECONDS
    while read_running(settings.home) == running:
        if time.monotonic() > deadline:
            raise PrismaError(
                f"Process {running.pid} at {running.address} has not ended after {WAIT_SECONDS:.0f} s; "
                f"look into {settings.home / 'logs'}, then end it with: kill -9 {running.pid}"
            )
        time.sleep(_POLL_SECONDS)
    console.print(f"Stopped {running.address} (process {running.pid}).", markup=False)
    return 0


def _ask(running: Running) -> None:
    try:
        os.kill(running.pid, signal.SIGTERM)
    except ProcessLookupError:  # Ended by itself meanwhile.
        return
    except PermissionError as error:
        raise InputError(
            f"Process {running.pid} at {running.address} belongs to another user; that user can stop it."
        ) from error
