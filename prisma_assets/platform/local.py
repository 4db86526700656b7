"""Runs workflows in this process, recorded in Dagster like any other run."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prisma_assets.settings import Settings
from prisma_assets.store.database import DatabaseUnavailableError, address
from prisma_assets.store.server import ServerUrls

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.definitions.reconstruct import ReconstructableJob
    from dagster._core.execution.plan.objects import StepFailureData

_MODULE = "prisma_assets.definitions"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What Dagster turns into the cancel of a run."""
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

    def run(self, job: str, *, tags: Mapping[str, str]) -> EndedRun:
        """Run a job to its end in this process; a signal to stop cancels it and is answered by its end.

        Raises:
            KeyboardInterrupt: It was told to stop before the run had begun.
        """
        from dagster._core.errors import DagsterExecutionInterruptedError
        from dagster._utils.interrupts import capture_interrupts

        with capture_interrupts():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            try:
                return self._run(job, tags)
            except DagsterExecutionInterruptedError:
                raise KeyboardInterrupt from None

    def _run(self, job: str, tags: Mapping[str, str]) -> EndedRun:
        from dagster._core.errors import DagsterExecutionInterruptedError
        from dagster._core.execution.api import create_execution_plan, execute_run

        recon = _reconstructable(job)
        plan = create_execution_plan(recon, run_config=_QUIET)
        run = self.instance.create_run_for_job(
            job_def=recon.get_definition(),
            execution_plan=plan,
            run_config=_QUIET,
            tags={**recon.get_definition().tags, **tags},
            job_code_origin=recon.get_python_origin(),
        )
        try:
            result = execute_run(recon, run, self.instance)
        except (KeyboardInterrupt, DagsterExecutionInterruptedError):
            left = self.instance.get_run_by_id(run.run_id)
            if left is not None and not left.is_finished:
                self.instance.report_run_canceled(left)
            raise
        failures = [e.step_failure_data for e in result.all_events if e.is_step_failure]
        return EndedRun(run_id=run.run_id, failure=_sentence(failures[0]) if failures else None)


def _sentence(failure: "StepFailureData") -> str:
    told = failure.user_failure_data
    if told is not None and told.description:
        return str(told.description)
    return failure.error_display_string.strip().splitlines()[0]


@contextmanager
def local_platform(settings: Settings, urls: ServerUrls) -> Iterator[LocalPlatform]:
    """Open the Dagster instance of `PRISMA_HOME` on these databases; sets what the code location reads.

    Signals to stop wait until a run can answer them: raised in the middle of two seconds of imports, Python drops some.

    Raises:
        DatabaseUnavailableError: The database went away and did not come back while Dagster tried again.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
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
            yield LocalPlatform(instance=instance)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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


def _reconstructable(job: str) -> "ReconstructableJob":
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    return ReconstructableRepository.for_module(_MODULE, "defs").get_reconstructable_job(job)
