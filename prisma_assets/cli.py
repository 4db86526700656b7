"""The `prisma-assets` command. Exit status: 0 done, 2 wrong input, 3 failed. What a command does lives in `command`."""

import signal
import sys

import typer
from typer.exceptions import Abort, TyperException

from prisma_assets.command import (
    account,
    alert,
    anomalies,
    budget,
    candidate,
    catalogue,
    cost,
    dashboard,
    database,
    deployment,
    experiment,
    feedback,
    ingest,
    learn,
    lineage,
    metrics,
    notification,
    opportunity,
    quarantine,
    sample,
    stack,
    trend,
    workflow,
)
from prisma_assets.command.error_log import unexpected
from prisma_assets.command.output import note
from prisma_assets.domain.errors import PrismaError

FAILED = 3
WRONG_INPUT = 2
_INTERRUPTED = 130
"""What Typer makes of a KeyboardInterrupt (128 + SIGINT); the product promises 0, 2 or 3."""

app = typer.Typer(
    name="prisma-assets",
    help="The firm's AI agents: orchestrated, watched, improved and kept safe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (
    sample,
    workflow,
    notification,
    alert,
    catalogue,
    anomalies,
    experiment,
    deployment,
    lineage,
    feedback,
    ingest,
    learn,
    metrics,
    dashboard,
    opportunity,
    candidate,
    quarantine,
    budget,
    cost,
    trend,
    account,
    database,
    stack,
):
    part.register(app)


def main() -> None:
    """Run the command; every expected mistake is one sentence on standard error, never a traceback."""
    # Whoever stops a service sends SIGTERM, a closed terminal SIGHUP: both mean what Ctrl-C means.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    sys.exit(_run())


def _run() -> int:
    command = typer.main.get_command(app)
    try:
        code = command.main(prog_name="prisma-assets", standalone_mode=False)
    except SystemExit:  # Typer's answer when nobody reads its help any more.
        return 0
    except (KeyboardInterrupt, Abort):
        code = _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last stop: a person gets a sentence, an engineer the trace
        sentence, code = _explained(error)
        note(sentence)
    if code == _INTERRUPTED:
        note("prisma-assets: interrupted")
        return FAILED
    return code if isinstance(code, int) else 0


def _explained(error: Exception) -> tuple[str, int]:
    """One sentence about what went wrong, and the exit status that goes with it."""
    if isinstance(error, TyperException):
        return _usage(error), WRONG_INPUT
    if isinstance(error, PrismaError):
        return f"prisma-assets: {error}", error.exit_code
    said = _plain(error) if isinstance(error, OSError) else unexpected(error)
    return f"prisma-assets: {said}", FAILED


def _usage(error: TyperException) -> str:
    """What is wrong with the command line, and which help explains it; the help itself when nothing was asked."""
    said = error.format_message().strip()
    if said.startswith("Usage:"):
        return said
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "prisma-assets"
    stop = " " if said.endswith("?") else "; "
    return (
        f"prisma-assets: {said[:1].lower()}{said[1:].rstrip('.')}{stop}`{command} --help` explains"
    )


def _plain(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}; make room or correct the permissions, then try again"


if __name__ == "__main__":
    main()
