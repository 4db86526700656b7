"""Has finished steps done again, with everything behind them: what was done stays, and nothing signed on it counts any more.

A completed execution may be opened again: an audit file takes further work after the report, with the reason, the person
and the time on record (ISA 230 paragraphs 13 and 16), and an agent's version that is taken back leaves work to be done
again. A declined one may not: that is a decision of the firm.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.execution import StepRecord
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.engine.intake import take_in
from prisma_assets.engine.sign_off import known_step
from prisma_assets.store.run_lock import RunLock
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, Redo


@dataclass(frozen=True, kw_only=True)
class RedoRequest:
    """What somebody wants done again."""

    steps: tuple[str, ...]
    """Ids or names; at least one."""
    requested_by: str
    """A person, or the part of the product that acts by a rule."""
    reason: str


async def redo(
    store: WorkflowStore, execution: Execution, template: Template, asked: RedoRequest
) -> Redo:
    """Open a new iteration of the steps and of everything behind them that had begun; the next run does them.

    Raises:
        InputError: No reason, an unknown step, a step that is not done, or an execution that was declined.
        AlreadyRunningError: A run works on the execution.
    """
    if not asked.reason.strip() or not asked.requested_by.strip():
        raise InputError("work is done again for a reason and by somebody's wish; give both")
    lock = RunLock(store.database.url, execution.id)
    await lock.acquire()
    try:
        async with store.database.transaction() as tx:
            if await store.lock(tx, execution.id) == "DECLINED":
                raise InputError(
                    f"execution {execution.id} was declined, which is a decision of the firm; start a new one"
                )
            records = await store.steps(execution.id, tx)
            done = _checked(template, records, asked)
            await store.reopen_steps(tx, execution.id, done.opened_step_ids)
            await take_in(store, tx, execution, again=done.opened_step_ids)
            await store.add_redo(tx, execution.id, done)
            await store.settle(tx, execution.id, "PENDING")
            return done
    finally:
        await lock.release()


def _checked(template: Template, records: Mapping[str, StepRecord], asked: RedoRequest) -> Redo:
    steps = [known_step(template, name) for name in asked.steps]
    for step in steps:
        _check_done(step, records)
    step_ids = tuple(dict.fromkeys(s.id for s in steps))
    again = template.downstream(step_ids)
    return Redo(
        step_ids=step_ids,
        opened_step_ids=tuple(s.id for s in template.steps if s.id in again and s.id in records),
        requested_by=asked.requested_by.strip(),
        reason=asked.reason.strip(),
    )


def _check_done(step: Step, records: Mapping[str, StepRecord]) -> None:
    """Refuse what a resume does anyway, and what has no result to be replaced."""
    record = records.get(step.id)
    if record is None or record.status not in ("COMPLETED", "WAITING_APPROVAL"):
        state = record.status if record is not None else "PENDING"
        raise InputError(
            f"step '{step.id}' is {state}; only work that is done can be done again "
            "(`prisma-assets resume` does what is left)"
        )
