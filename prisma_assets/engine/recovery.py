"""Executions nobody finishes by themselves: those whose process died, and those whose process does nothing any more."""

from collections.abc import Callable
from dataclasses import dataclass

from prisma_assets.domain.errors import PermanentError
from prisma_assets.domain.workflow.silence import allowed_silence
from prisma_assets.domain.workflow.template import Template
from prisma_assets.store.run_lock import is_worked_on
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, SilentExecution

MOST_DEATHS = 5
"""A machine that restarts, or runs short of memory once, kills a run or two. A step that kills its process every time is a
fault that further runs, each paid for, do not mend."""

SHORTEST_SILENCE_SECONDS = 60.0
"""Nobody looks into an execution that was heard of in the last minute."""


class DiedTooOftenError(PermanentError):
    """The process of this execution keeps dying; find out why, then resume it."""


@dataclass(frozen=True, kw_only=True)
class StuckExecution:
    """An execution whose process lives and does nothing any more."""

    id: str
    step_ids: tuple[str, ...]
    silent_seconds: float
    allowed_seconds: float

    @property
    def sentence(self) -> str:
        """For people: what is wrong and what to do."""
        where = f"step {', '.join(self.step_ids)}" if self.step_ids else "between two steps"
        return (
            f"execution {self.id} is stuck: its process lives, but nothing was heard of {where} for "
            f"{self.silent_seconds:,.0f} s, and {self.allowed_seconds:,.0f} s are the longest that takes; "
            "end that process, and the execution goes on"
        )


async def give_up(store: WorkflowStore, execution: Execution) -> None:
    """Leave an execution FAILED whose runs have died too often in a row; call under its lock, before a run takes it up.

    Raises:
        DiedTooOftenError: It was left.
    """
    deaths = await store.deaths_in_a_row(execution.id, kind="work")
    if execution.status != "RUNNING" or deaths < MOST_DEATHS:
        return
    rows = await store.steps(execution.id)
    running = [i for i, row in rows.items() if row.status == "RUNNING"]
    where = f" in step {', '.join(running)}" if running else ""
    sentence = f"its process died {deaths} times in a row{where}; find out why, then `prisma-assets resume {execution.id}`"
    error = {
        "step_id": running[0] if running else None,
        "class": DiedTooOftenError.__name__,
        "message": sentence,
    }
    async with store.database.transaction() as tx:
        await store.lock(tx, execution.id)
        await store.settle(tx, execution.id, "FAILED", error)
    raise DiedTooOftenError(f"execution {execution.id}: {sentence}")


async def stuck_executions(
    store: WorkflowStore,
    template_of: Callable[[SilentExecution], Template | None],
    *,
    execution_id: str | None = None,
) -> list[StuckExecution]:
    """Executions whose process lives and does nothing any more.

    Args:
        store: Where they are stored.
        template_of: What an execution works by; None leaves it out.
        execution_id: Only this one.
    """
    stuck = []
    for silent in await store.silent(
        longer_than_seconds=SHORTEST_SILENCE_SECONDS, execution_id=execution_id
    ):
        template = template_of(silent)
        if template is None:
            continue
        allowed = allowed_silence(template, silent.step_ids)
        if silent.silent_seconds > allowed and await is_worked_on(store.database, silent.id):
            stuck.append(
                StuckExecution(
                    id=silent.id,
                    step_ids=silent.step_ids,
                    silent_seconds=silent.silent_seconds,
                    allowed_seconds=allowed,
                )
            )
    return stuck
