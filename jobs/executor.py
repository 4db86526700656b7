"""The executor of every workflow job: all steps of a run as tasks of one process, cancellable and with working pools.

Subclasses dagster-async-executor 0.0.4, which as published ignores cancellation and hangs on op pools; contract tests stand in
tests/orchestration/test_executor.py.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Set
from typing import cast

import dagster as dg
from anyio.from_thread import start_blocking_portal
from dagster._core.definitions.scoped_resources_builder import (
    Resources,
    ScopedResourcesBuilder,
)
from dagster._core.errors import DagsterExecutionInterruptedError, raise_execution_interrupts
from dagster._core.events import DagsterEvent
from dagster._core.execution.context.system import PlanExecutionContext
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster_async_executor.executor import AsyncExecutor

from prisma_assets.engine.shield import to_the_end
from resources.workflow import close_session, stop_by

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
"""Longest time between looks at pool claims and delayed retries; upstream waits for ever when a claim is due at once."""

_INTERRUPT_POLL_SECONDS = 0.25
"""How soon a cancel is seen while no step has news; the product promises 2 s."""


class _RememberingResources(ScopedResourcesBuilder):
    """Resources as steps see them, each set of them made once per run.

    Upstream compiles a new class three times per step, 0.24 ms each.
    """

    def build(self, required_resource_keys: Set[str] | None) -> Resources:
        """The resources of these keys; they are the same objects all through the run."""
        keys = frozenset(required_resource_keys or ())
        made = self.__dict__.setdefault("_made", {})
        if keys not in made:
            made[keys] = super().build(keys)
        return cast(Resources, made[keys])


class _Handover:
    """Events on their way from the loop's thread to Dagster's.

    Steps log their events themselves; Dagster's thread only counts them, so it is woken when all is over and not for
    each: changing threads 45 times cost a chain of 14 steps a tenth of its time.
    """

    def __init__(self) -> None:
        self._events: deque[DagsterEvent] = deque()
        self._error: BaseException | None = None
        self._is_stopped = False
        self._ended = threading.Event()

    def put(self, event: DagsterEvent) -> None:
        self._events.append(event)

    def fail(self, error: BaseException) -> None:
        self._error = error

    def end(self) -> None:
        self._ended.set()

    def stop(self) -> None:
        """Interrupt whoever receives, as a signal would."""
        self._is_stopped = True
        self._ended.set()

    def received(self) -> Iterator[DagsterEvent]:
        """Every event in order, then the error if there was one."""
        is_ended = False
        while not is_ended:
            with raise_execution_interrupts():
                is_ended = self._ended.wait(_INTERRUPT_POLL_SECONDS)
            if self._is_stopped:
                raise DagsterExecutionInterruptedError
            while self._events:
                yield self._events.popleft()
        if self._error is not None:
            raise self._error


class StepTaskExecutor(AsyncExecutor):  # type: ignore[misc]  # upstream ships no types
    """Runs steps as tasks; cancelling the run cancels the tasks."""

    def _execution_iterator_wrapper(
        self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        events = _Handover()
        _remember_resources(job_context)
        with (
            InstanceConcurrencyContext(
                job_context.instance, job_context.dagster_run
            ) as concurrency,
            execution_plan.start(
                retry_mode=self.retries,
                max_concurrent=self._max_concurrent,
                tag_concurrency_limits=self._tag_concurrency_limits,
                instance_concurrency_context=concurrency,
                step_dependency_config=self.step_dependency_config,
            ) as active,
            start_blocking_portal() as portal,
        ):
            _bound_waiting(active)

            async def produce() -> None:
                try:
                    async for event in self._async_execution_iterator(job_context, active):
                        events.put(event)
                except BaseException as error:
                    events.fail(error)
                    raise
                finally:
                    await _close(job_context.run_id)
                    events.end()

            stop_by(job_context.run_id, events.stop)
            task = portal.start_task_soon(produce)
            try:
                yield from events.received()
            except BaseException as error:
                task.cancel()
                if isinstance(error, DagsterExecutionInterruptedError):
                    _say_cancelling(job_context)
                raise


async def _close(run_id: str) -> None:
    try:
        await to_the_end(close_session(run_id))
    except Exception:
        # The steps' results are stored, and the process ends soon; but who waits for the end must hear of it.
        logger.exception("what run %s held open could not be closed", run_id)


def _say_cancelling(job_context: PlanExecutionContext) -> None:
    """Have the run end as cancelled: one that is interrupted in any other status Dagster takes for failed."""
    run = job_context.instance.get_run_by_id(job_context.run_id)
    if run is not None and run.status == dg.DagsterRunStatus.STARTED:
        job_context.instance.report_run_canceling(run, "The run was interrupted.")


def _remember_resources(job_context: PlanExecutionContext) -> None:
    # Upstream makes the builder and offers no place to name another.
    data = job_context._execution_data
    builder = _RememberingResources(*data.scoped_resources_builder)
    job_context._execution_data = data._replace(scoped_resources_builder=builder)


def _bound_waiting(active: ActiveExecution) -> None:
    upstream: Callable[[], float] = active.sleep_interval
    active.sleep_interval = lambda: max(upstream(), _POLL_SECONDS)  # type: ignore[method-assign]


@dg.executor(
    name="step_tasks",
    config_schema={"max_concurrent": dg.Field(dg.Noneable(int), default_value=None)},
)
def step_tasks(init_context: dg.InitExecutorContext) -> StepTaskExecutor:
    """All steps of a run in one process, as many at a time as `max_concurrent` (default: no limit)."""
    return StepTaskExecutor(
        retries=RetryMode.DISABLED,  # The agent gateway owns the one retry policy.
        max_concurrent=init_context.executor_config["max_concurrent"],
    )
