"""Runs workflows in this process, recorded in Dagster like any other run."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prisma_assets.settings import Settings
from prisma_assets.store.database import DatabaseUnavailableError, address
from prisma_assets.store.server import ServerUrls

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.definitions.job_base import IJob
    from dagster._core.execution.plan.objects import StepFailureData
    from dagster._core.remote_origin import RemoteJobOrigin

DEFINITIONS = "prisma_assets.definitions"
logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What Dagster turns into the cancel of a run."""
CANCEL_POLL_SECONDS = 0.5
"""How soon a run sees that Dagster's UI asked it to stop; the product promises 2 s."""
_QUIET: Mapping[str, object] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The event log has everything; the terminal of a person who ran one command needs the outcome only."""


@dataclass(frozen=True, kw_only=True)
class EndedRun:
    """A Dagster run that has ended. Whether it did what was asked is read from the execution, which knows more."""

    run_id: str
    failure: str | None
    """Why the first op that failed did; None when none failed."""


@dataclass(frozen=True, kw_only=True)
class LocalPlatform:
    """A Dagster instance and the product's jobs, in this process."""

    instance: "dg.DagsterInstance"
    home: Path

    def run(self, job: str, *, tags: Mapping[str, str]) -> EndedRun:
        """Run a job to its end in this process; a signal to stop cancels it and is answered by its end.

        Raises:
            KeyboardInterrupt: It was told to stop before its first step.
        """
        from dagster._core.definitions.reconstruct import ReconstructableRepository
        from dagster._utils.interrupts import capture_interrupts

        found = ReconstructableRepository.for_module(DEFINITIONS, "defs")
        with capture_interrupts():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            recon = found.get_reconstructable_job(job)
            return execute(self.instance, recon, new_run(self.instance, recon, tags, self.home))


def new_run(
    instance: "dg.DagsterInstance", job: "IJob", tags: Mapping[str, str], home: Path
) -> "dg.DagsterRun":
    """Record a run of the job that is about to be done."""
    from dagster._core.execution.api import create_execution_plan

    definition = job.get_definition()
    plan = create_execution_plan(job, run_config=_QUIET)
    return instance.create_run_for_job(
        job_def=definition,
        execution_plan=plan,
        run_config=_QUIET,
        tags={**definition.tags, **tags},
        remote_job_origin=_origin(definition.name, home),
    )


def execute(instance: "dg.DagsterInstance", job: "IJob", run: "dg.DagsterRun") -> EndedRun:
    """Do a run to its end in this process; a signal or Dagster's request to stop cancels it, which is an end too.

    Raises:
        KeyboardInterrupt: It was told to stop before its first step; Dagster shows it as cancelled.
    """
    from dagster._core.errors import DagsterExecutionInterruptedError
    from dagster._core.execution.api import execute_run

    try:
        with _stopped_when_asked(instance, run.run_id):
            result = execute_run(job, run, instance)
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        left = instance.get_run_by_id(run.run_id)
        if left is not None and not left.is_finished:
            instance.report_run_canceled(left)
        raise KeyboardInterrupt from None
    failures = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    return EndedRun(run_id=run.run_id, failure=_sentence(failures[0]) if failures else None)


@contextmanager
def _stopped_when_asked(instance: "dg.DagsterInstance", run_id: str) -> Iterator[None]:
    """Interrupt this process once the run's status says that somebody asked it to stop."""
    import dagster as dg

    over = threading.Event()

    def look() -> None:
        while not over.wait(CANCEL_POLL_SECONDS):
            run = instance.get_run_by_id(run_id)
            if run is not None and run.status == dg.DagsterRunStatus.CANCELING:
                os.kill(os.getpid(), signal.SIGINT)
                return

    looking = threading.Thread(target=look, name="cancel", daemon=True)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join()


def _origin(job: str, home: Path) -> "RemoteJobOrigin":
    """Where the UI finds the job again, to show it and to run it once more."""
    from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
    from dagster._core.remote_origin import (
        GrpcServerCodeLocationOrigin,
        RemoteJobOrigin,
        RemoteRepositoryOrigin,
    )

    from resources.dagster_home import LOCATION_NAME
    from resources.run_socket import code_socket

    location = GrpcServerCodeLocationOrigin(
        host="localhost", socket=str(code_socket(home)), location_name=LOCATION_NAME
    )
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job)


def _sentence(failure: "StepFailureData") -> str:
    told = failure.user_failure_data
    if told is not None and told.description:
        return str(told.description)
    error = failure.error
    if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
        # Its first line counts them, the others name them, one asset each.
        return f"blocked by {'; '.join(error.message.strip().splitlines()[1:])}"
    return failure.error_display_string.strip().splitlines()[0]


@contextmanager
def local_platform(settings: Settings, urls: ServerUrls) -> Iterator[LocalPlatform]:
    """Open the Dagster instance of `PRISMA_HOME` on these databases; sets what the code location reads.

    Signals to stop wait until a run can answer them: raised in the middle of two seconds of imports, Python drops some.

    Raises:
        DatabaseUnavailableError: The database went away and did not come back while Dagster tried again.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    sys.unraisablehook = _log_unraisable
    try:
        import dagster as dg

        from resources.dagster_home import URL_VARIABLE, write_dagster_home

        # The same variables the supervisor hands its children.
        os.environ[URL_VARIABLE] = urls.dagster
        os.environ["DATABASE_URL"] = urls.prisma
        folder = write_dagster_home(settings.home)
        with (
            _database_errors(urls),
            dg.DagsterInstance.from_config(str(folder)) as instance,
        ):
            yield LocalPlatform(instance=instance, home=settings.home)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    """A cancelled run leaves generators of Dagster's to the collector, which complain; that is for the log, not the terminal."""
    logger.warning("%s", unraisable.err_msg, exc_info=unraisable.exc_value)


@contextmanager
def _database_errors(urls: ServerUrls) -> Iterator[None]:
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except (DagsterPostgresException, DBAPIError) as error:
        raise DatabaseUnavailableError(
            f"The database {address(urls.prisma)} went away during the run; "
            "start it, then continue the execution with `prisma-assets resume`"
        ) from error
