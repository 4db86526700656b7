"""What nobody foresaw: a sentence for the person at the terminal, the trace in a file for whoever mends it."""

import traceback
from datetime import UTC, datetime

from prisma_assets.domain.errors import PrismaError
from prisma_assets.settings import Settings

LOG = "errors.log"


def unexpected(error: Exception) -> str:
    """Keep the trace below `PRISMA_HOME`, and say in one sentence what happened and where it stands."""
    trace = "".join(traceback.format_exception(error))
    said = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
    try:
        log = Settings.from_environ().home / "logs" / LOG
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat()}\n{trace}\n")
    except (OSError, PrismaError):
        return f"an error of the product itself ({what}); its trace could not be kept"
    return f"an error of the product itself ({what}); its trace is in {log}, please report it"
