"""How the gateway learns that a call is part of an experiment. Who is assigned to what is decided elsewhere."""

from collections.abc import Coroutine
from typing import Any, Protocol

from prisma_assets.agents.contract import AgentTask, Arm


class Arms(Protocol):
    """The experiments of one run."""

    def arm_of(self, task: AgentTask) -> Arm | None:
        """The arm a call belongs to, always the same one; None: it is part of no experiment."""

    async def expose(self, arm: Arm, task: AgentTask) -> None:
        """Record that the unit met its version, before the call: what never answers was met, too."""

    def beside(self, task: AgentTask, version: str) -> Coroutine[Any, Any, None] | None:
        """What is written of an answered call, for the version that is tried in its shadow; None: nothing. Nobody waits for it."""
