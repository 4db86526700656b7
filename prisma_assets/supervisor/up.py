"""`up`: the whole product on one address, in the foreground, until it is told to stop."""

import errno
import os
import shutil
from pathlib import Path

from prisma_assets.domain.errors import InputError, PrismaError
from prisma_assets.settings import Settings
from prisma_assets.supervisor.display import Display
from prisma_assets.supervisor.interrupt import Interrupts
from prisma_assets.supervisor.lock import AlreadyRunningError, hold, read_running
from prisma_assets.supervisor.port import check_free
from prisma_assets.supervisor.stack import Stack

FIRST_START_MB = 300
"""A first start fills 73 MB of database, up to 64 MB of its log before the first checkpoint, 40 MB of sample and
results (measured); half as much again lets the firm also work."""
LATER_START_MB = 50
"""Room for logs and a few write-ahead segments of 16 MB."""


def up(settings: Settings, *, port: int | None = None, sample: bool = True) -> int:
    """Start everything, stay until Ctrl-C, SIGTERM or `down`, then stop everything.

    Args:
        settings: Where the data lies.
        port: Port of the web address; None takes the one of the settings.
        sample: Whether a database without any execution gets the sample engagement and its audit.

    Returns:
        0 after a stop that was asked for, or when it already runs where it should.

    Raises:
        InputError: the port or the data folder cannot be used.
        PrismaError: a part did not start, or keeps failing.
    """
    display = Display()
    if _already_runs(settings, port, display):
        return 0
    chosen = settings.port if port is None else port
    check_free(chosen)
    _check_home(settings.home)
    with Interrupts() as interrupts:
        try:
            hold(settings.home, port=chosen)
            Stack(settings, chosen, display, interrupts).run(sample=sample)
        except AlreadyRunningError:  # Another start won the race since we looked.
            _already_runs(settings, port, display)
        except KeyboardInterrupt:
            display.say("Stopped.")
        except OSError as error:
            raise _plain(error, settings.home) from error
    return 0


def _already_runs(settings: Settings, port: int | None, display: Display) -> bool:
    running = read_running(settings.home)
    if running is None:
        return False
    where = f"{settings.home} is already up at {running.address} (process {running.pid})"
    if port is not None and port != running.port:
        raise InputError(
            f"{where}, not on port {port}; run `prisma-assets down` first, or set PRISMA_HOME to another folder."
        )
    display.say(f"{where}; `prisma-assets down` stops it.")
    return True


def _check_home(home: Path) -> None:
    """Make the folder and see that it can be written to, before anything is half done."""
    needed = LATER_START_MB if (home / "dagster").exists() else FIRST_START_MB
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free // 2**20
    if free < needed:
        raise PrismaError(
            f"The disk that holds {home} has {free} MB left and {needed} MB are needed; "
            "make room, or set PRISMA_HOME to a folder on another disk."
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{home} cannot be created ({error.strerror}); set PRISMA_HOME to a folder you may write to."
        ) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise InputError(f"{home} cannot be written to; set PRISMA_HOME to a folder of your own.")


def _plain(error: OSError, home: Path) -> PrismaError:
    """One sentence for what the system refused while starting."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PrismaError(
            f"The disk that holds {home} is full; make room, or set PRISMA_HOME to a folder on another disk."
        )
    return PrismaError(
        f"{error.filename or home}: {error.strerror or error}; correct that and start again."
    )
