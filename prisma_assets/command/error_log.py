"""A sentence for the person at the terminal, the trace in a file for whoever mends it."""

import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path

from prisma_assets.domain.errors import PrismaError
from prisma_assets.settings import Settings


def unexpected(error: Exception) -> str:
    """Keep the trace of what nobody foresaw, and say in one sentence what happened and where the trace stands."""
    trace = "".join(traceback.format_exception(error))
    said = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
    try:
        log = _log(Settings.from_environ().home)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat()}\n{trace}\n")
    except (OSError, PrismaError):
        return f"an error of the product itself ({what}); its trace could not be kept"
    return f"an error of the product itself ({what}); its trace is in {log}, please report it"


def log_to_file(home: Path) -> None:
    """Send what libraries log from here on to the file; retries and traces are not for the terminal."""
    log = _log(home)
    log.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)


def _log(home: Path) -> Path:
    return home / "logs" / "errors.log"
