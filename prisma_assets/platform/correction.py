"""Corrections people make to an execution: finished work done again, and what was to be undone."""

from dataclasses import dataclass

from prisma_assets.engine.compensation import ByHand, is_due, settle_by_hand, unfinished
from prisma_assets.engine.redo import RedoRequest, redo
from prisma_assets.engine.sign_off import check_member
from prisma_assets.platform.workflow import NoSuchExecutionError, WorkflowEngine
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution


@dataclass(frozen=True)
class Corrections:
    """What may be corrected, on one engine."""

    engine: WorkflowEngine

    async def redo(self, workflow_id: str, asked: RedoRequest) -> None:
        """Have finished steps done again, with everything behind them; `start_workflow` then does them.

        Raises:
            InputError: Somebody outside the team, no reason, or a step that is not done.
            AlreadyRunningError: A run works on the execution.
        """
        store, execution = await self._known(workflow_id)
        check_member(execution, asked.requested_by)
        await redo(store, execution, await self.engine.template_of(execution.id), asked)

    async def undone_by_hand(self, workflow_id: str, said: ByHand) -> None:
        """Record that a person has undone a step's work, and go on with what is left to undo.

        Raises:
            InputError: Unknown step or person, no reason, or no compensation of the step is open.
        """
        store, execution = await self._known(workflow_id)
        template = await self.engine.template_of(execution.id)
        await settle_by_hand(store, execution, template, said)
        if await is_due(store, execution, template):
            await self.engine.start_undoing(execution.id)

    async def undo_again(self, workflow_id: str) -> bool:
        """Try once more to undo what could not be undone; False when nothing is left to undo."""
        store, execution = await self._known(workflow_id)
        if not await unfinished(store, execution.id):
            return False
        await self.engine.start_undoing(execution.id)
        return True

    async def _known(self, workflow_id: str) -> tuple[WorkflowStore, Execution]:
        store = WorkflowStore(database=await self.engine.database())
        execution = await store.execution(workflow_id)
        if execution is None:
            raise NoSuchExecutionError(f"no execution has the id {workflow_id}")
        return store, execution
