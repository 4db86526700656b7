"""A process that is ready for one run: everything imported, the database connected, the definitions built. It does that run and ends.

One run per process: several in the threads of one deadlock on Dagster's logging locks.
"""

import json
import logging
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prisma_assets.domain.errors import PrismaError
from prisma_assets.platform.code import loaded_code
from prisma_assets.platform.lifetime import show_as
from prisma_assets.platform.local import EndedRun, execute, new_run
from prisma_assets.settings import Settings
from resources.run_socket import MOST_BYTES

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun
    from dagster._core.definitions.job_base import IJob

logger = logging.getLogger(__name__)

SERVER_TAG = "prisma/run_server"
"""The socket of the process that keeps runs ready: what it left behind when it was killed is told by this."""


def stand_by(channel: socket.socket, server: str) -> None:
    """Get ready, wait to be handed a connection, do the run it orders; a closed channel means that none will come."""
    import dagster as dg
    from dagster._utils.interrupts import capture_interrupts

    with dg.DagsterInstance.get() as instance:
        instance.get_run_ids(limit=1)
        loaded_code()
        connection = _handed(channel)
        if connection is None:
            return
        show_as("prisma run")
        with connection, capture_interrupts():
            _serve(connection, instance, server)


def _handed(channel: socket.socket) -> socket.socket | None:
    _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
    channel.close()
    return socket.socket(fileno=descriptors[0]) if descriptors else None


def _serve(connection: socket.socket, instance: "DagsterInstance", server: str) -> None:
    with connection.makefile("rb") as lines:
        line = lines.readline(MOST_BYTES)
    if not line.endswith(b"\n"):
        return  # It went away before it had asked for anything.
    try:
        job, run = _ordered(json.loads(line), instance)
    except Exception as error:
        logger.exception("a run could not be begun")
        _say(connection, {"error": _plain(error)})
        return
    instance.add_run_tags(run.run_id, {SERVER_TAG: server})
    _say(connection, {"run_id": run.run_id})
    ended = _done(instance, job, run)
    _say(connection, {"failure": ended.failure})


def _ordered(order: dict[str, Any], instance: "DagsterInstance") -> "tuple[IJob, DagsterRun]":
    if order["run_id"] is None:
        job = loaded_code(job=order["job"]).job(order["job"])
        return job, new_run(instance, job, order["tags"], Settings.from_environ().home)
    run = instance.get_run_by_id(order["run_id"])
    if run is None:
        raise PrismaError(f"there is no run {order['run_id']}")
    return loaded_code(job=run.job_name).job(run.job_name), run


def _done(instance: "DagsterInstance", job: "IJob", run: "DagsterRun") -> EndedRun:
    try:
        return execute(instance, job, run)
    except KeyboardInterrupt:
        return EndedRun(run_id=run.run_id, failure="it was cancelled")
    except Exception as error:
        logger.exception("run %s broke off", run.run_id)
        left = instance.get_run_by_id(run.run_id)
        if left is not None and not left.is_finished:
            instance.report_run_failed(left, f"The run broke off: {_plain(error)}")
        return EndedRun(run_id=run.run_id, failure=_plain(error))


def _say(connection: socket.socket, what: dict[str, Any]) -> None:
    with suppress(OSError):  # Who asked may have gone; the run is done all the same.
        connection.sendall(json.dumps(what).encode() + b"\n")


def _plain(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":  # A fresh Python, where forking a warm process is switched off.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stand_by(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
