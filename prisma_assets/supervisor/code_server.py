"""The process that holds the definitions and starts runs: Dagster's gRPC server, its runs forked from a warm process."""

import multiprocessing
import signal
import sys
from multiprocessing import forkserver
from pathlib import Path
from types import FrameType, ModuleType, SimpleNamespace
from typing import Any

from resources.dagster_home import LOCATION_NAME

DEFINITIONS = "prisma_assets.definitions"


def serve(socket_path: str, *, warm: bool) -> None:
    """Answer on the socket until told to stop; the runs it started are cancelled first."""
    from dagster._cli.api import grpc_command

    _cancel_runs_when_stopped()
    if warm:
        _fork_runs()
    Path(socket_path).unlink(missing_ok=True)
    options = {
        "--socket": socket_path,
        "--module-name": DEFINITIONS,
        "--location-name": LOCATION_NAME,
    }
    flags = ["--empty-working-directory", "--use-python-environment-entry-point"]
    words = [word for pair in options.items() for word in pair]
    grpc_command.main([*words, *flags], standalone_mode=False)


def _cancel_runs_when_stopped() -> None:
    """Dagster's server waits for its runs to finish; ours asks them to stop, so that Ctrl-C takes seconds."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for run in multiprocessing.active_children():
            run.terminate()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _fork_runs() -> None:
    """Give Dagster's server the fork server for its runs; it asks for "spawn" by name (dagster/_grpc/server.py)."""
    import dagster._grpc.server as grpc_server

    # Else every run would execute the command line's module again, which it never uses.
    sys.modules["__main__"] = ModuleType("__main__")
    context = multiprocessing.get_context("forkserver")
    grpc_server.multiprocessing = SimpleNamespace(get_context=lambda _method: context)  # type: ignore[attr-defined, assignment]
    # Forked from the fork server ourselves, we know its address; up to 3.13 Python would nevertheless start a second
    # one, and import everything again. From 3.14 on its key is not handed down, and a second one it is.
    server: Any = forkserver._forkserver
    if sys.version_info < (3, 14) and server._forkserver_address and server._forkserver_alive_fd:
        server.ensure_running = lambda: None
