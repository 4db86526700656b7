"""The work of one step: one call of its agent, a turn after the other, a branch per item, or values computed without an agent.

Every turn and every branch is a durable row of its own; what an earlier run has done is answered by the ledger of calls.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from prisma_assets.agents.contract import AgentResult, AgentTask, Usage
from prisma_assets.agents.gateway import AgentGateway
from prisma_assets.domain.errors import PermanentError
from prisma_assets.domain.workflow.part import Repeat
from prisma_assets.domain.workflow.template import Step
from prisma_assets.engine.branches import Branch, add_up, failure, plan, run_all, total
from prisma_assets.engine.cache import ResultCache, cache_key
from prisma_assets.engine.record import (
    Conclusion,
    OverdueError,
    ending_of,
    finish_of,
    input_sha256,
    start_of,
)
from prisma_assets.engine.shield import to_the_end
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, StartedStep, StepStart

Context = Mapping[str, Any]
"""What expressions read, as from `condition_context`."""


class NotMetError(PermanentError):
    """A repeated step reached its last turn without meeting its condition."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One step to be worked on in one iteration."""

    step: Step
    task: AgentTask
    iteration: int
    context: Context


@dataclass(frozen=True, kw_only=True)
class StepWorker:
    """Works on the steps of one execution."""

    execution: Execution
    store: WorkflowStore
    gateway: AgentGateway

    async def do(
        self, given: Assignment, started: StartedStep, conclusion: Conclusion
    ) -> AgentResult:
        """The step's result; `conclusion` then says whether it is stored already.

        Raises:
            OverdueError: Its schedule-to-close has passed.
            PrismaError: As the agent's call, or the branches or turns, fail.
        """
        step = given.step
        if step.compute:
            return _computed(step, given.context)
        async with _until_due(step, started):
            if step.for_each is not None:
                return await self._branches(given)
            if step.repeat is not None:
                return await self._turns(given, step.repeat)
            # A step that comes too late must not have been stored as done.
            along = conclusion if step.schedule_to_close is None else None
            return await self._call(step, given.task, is_new=started.attempt == 1, along=along)

    async def begin(self, start: StepStart) -> StartedStep:
        """Record that a step, a branch or a turn begins.

        Raises:
            PermanentError: Another run has finished it.
        """
        started = await self.store.start_step(start)
        if started is None:
            raise PermanentError(
                f"step '{start.step_id}' of execution {start.execution_id} was finished by another run; "
                "resume the execution"
            )
        return started

    async def _call(
        self, step: Step, task: AgentTask, *, is_new: bool, along: Conclusion | None = None
    ) -> AgentResult:
        if step.cache is None:
            conclude = along.along if along is not None else None
            return await self.gateway.call(task, is_new=is_new, conclude=conclude)
        cache = ResultCache(self.store.database)
        card = self.gateway.card(task)
        key = cache_key(task, card)
        found = await cache.find(key, max_age_seconds=step.cache)
        if found is not None and found.cached_from != task.call_id:
            return found
        result = await self.gateway.call(task, is_new=is_new)
        await cache.keep(key, task, card)
        return result

    async def _branches(self, given: Assignment) -> AgentResult:
        step = given.step
        branches = plan(step, given.task, given.context)
        do = await self._durably(given)
        concurrent = step.for_each.max_concurrent if step.for_each is not None else 1
        results, errors = await run_all(branches, do, max_concurrent=concurrent)
        if errors:
            raise failure(step, branches, errors)
        return add_up(step, branches, results)

    async def _turns(self, given: Assignment, repeat: Repeat) -> AgentResult:
        do = await self._durably(given)
        results: list[AgentResult] = []
        met = False
        while not met and len(results) < repeat.max:
            if results and repeat.delay is not None:
                await asyncio.sleep(repeat.delay)
            results.append(await do(_turn(given.task, results)))
            met = repeat.until.holds({**given.context, "output": dict(results[-1].outputs)})
        if not met and repeat.otherwise == "fail":
            raise NotMetError(
                f"step '{given.step.id}': `{repeat.until}` was not met after {repeat.max} turns"
            )
        outputs = {**results[-1].outputs, "repeat": {"turns": len(results), "met": met}}
        return replace(total(results), outputs=outputs, workpaper=results[-1].workpaper)

    async def _durably(self, given: Assignment) -> Callable[[Branch], Awaitable[AgentResult]]:
        step, iteration = given.step, given.iteration
        earlier = await self.store.branches(self.execution.id, step.id, iteration)
        done = {key for key, row in earlier.items() if row.status == "COMPLETED"}

        async def do(branch: Branch) -> AgentResult:
            # A resumed step pays for its missing branches or turns only: the ledger, or the cache, answers for the others.
            if branch.key in done:
                return await self._call(step, branch.task, is_new=False)
            return await self._do_branch(step, branch, iteration)

        return do

    async def _do_branch(self, step: Step, branch: Branch, iteration: int) -> AgentResult:
        started = await self.begin(
            start_of(
                self.execution,
                step,
                iteration,
                branch=branch,
                input_sha256=input_sha256(branch.task),
            )
        )
        conclusion = Conclusion(partial(finish_of, started.id, status="COMPLETED"))
        try:
            result = await self._call(
                step, branch.task, is_new=started.attempt == 1, along=conclusion
            )
            await conclusion.stored(self.store, result)
        except (Exception, asyncio.CancelledError) as error:
            await to_the_end(self.end(step, started, error))
            raise
        return result

    async def end(self, step: Step, started: StartedStep, error: BaseException) -> None:
        """Record that a step, a branch or a turn failed, timed out or was cancelled."""
        status, details = ending_of(step, error)
        await self.store.end_step(started.id, status, details)


def _computed(step: Step, context: Context) -> AgentResult:
    outputs = {name: expression.value(context) for name, expression in step.compute.items()}
    return AgentResult(outputs=outputs, usage=Usage(provider="none"))


def _turn(task: AgentTask, before: list[AgentResult]) -> Branch:
    number = len(before) + 1
    return Branch(
        path=(f"turn {number}",),
        task=replace(
            task,
            call_id=f"{task.call_id}:turn-{number}",
            turn=number,
            previous=before[-1].outputs if before else task.previous,
        ),
    )


@asynccontextmanager
async def _until_due(step: Step, started: StartedStep) -> AsyncIterator[None]:
    """End what is done inside once the step's schedule-to-close has passed."""
    limit = step.schedule_to_close
    left = None if limit is None else max(limit - started.waited_seconds, 0.0)
    try:
        async with asyncio.timeout(left) as due:
            yield
    except TimeoutError as error:
        if not due.expired():
            raise
        raise OverdueError(
            f"step '{step.id}' was not done within {limit:g} s of its first start"
        ) from error
