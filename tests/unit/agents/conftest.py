"""A small firm for the gateway's tests: one agent, a provider that follows a script, and a ledger in a list."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from prisma_assets.agents.contract import AgentCard, AgentResult, AgentTask, Usage
from prisma_assets.agents.gateway import AgentGateway, Conclude
from prisma_assets.agents.ledger import Along, RecordedCall
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.retry import Backoff

Work = Callable[["ScriptedProvider", AgentTask], Awaitable[Any]]


class ListLedger:
    """Keeps entries in a list and follows the protocol's rule on second results."""

    def __init__(self):
        self.entries: list[RecordedCall] = []
        self.asked: list[str] = []
        self.along: list[Along | None] = []
        self.error: Exception | None = None

    async def record(self, call: RecordedCall, along: Along | None = None) -> None:
        if self.error:
            raise self.error
        self.along.append(along)
        if call.outcome != "ok" or self._result(call.call_id) is None:
            self.entries.append(call)

    async def recorded(self, call_id: str) -> AgentResult | None:
        self.asked.append(call_id)
        return self._result(call_id)

    def _result(self, call_id: str) -> AgentResult | None:
        return next((e.result for e in self.entries if e.call_id == call_id and e.result), None)

    def outcomes(self) -> list[str]:
        return [entry.outcome for entry in self.entries]


class ScriptedProvider:
    """Numbers its instances, notes which one served each call, and does whatever the script says."""

    name = "embedded"

    def __init__(self, work: Work):
        self.work = work
        self.started = 0
        self.stopped: list[int] = []
        self.served: list[int] = []
        self.under_way = 0
        self.peak = 0
        self.usage = Usage(provider="embedded", tokens_in=3, tokens_out=5)

    async def start(self, _card: AgentCard) -> int:
        self.started += 1
        return self.started

    async def call(self, instance: int, _card: AgentCard, task: AgentTask) -> AgentResult:
        self.served.append(instance)
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            outputs = await self.work(self, task)
        finally:
            self.under_way -= 1
        return AgentResult(outputs=outputs or {}, usage=self.usage)

    async def stop(self, instance: int) -> None:
        self.stopped.append(instance)


class Firm:
    """One agent `doc-test-001` behind a gateway; pauses are noted and end at once, or when `resumed` is set."""

    def __init__(self, work: Work, **card: Any):
        self.provider = ScriptedProvider(work)
        self.ledger = ListLedger()
        self.pauses: list[float] = []
        self.resumed: asyncio.Event | None = None
        values = {
            "id": "doc-test-001",
            "name": "Test",
            "domain": "operations",
            "does": "Follows a script.",
            "autonomy": "L1",
            "risk": "low",
            "tier": 4,
            "tools": (),
            "standards": (),
            "version": "1.2.3",
        }
        self.gateway = AgentGateway(
            AgentRegistry([AgentCard.model_validate(values | card)]),
            {"embedded": self.provider},
            self.ledger,
            backoff=Backoff(sleep=self._pause, random=lambda: 0.5),
        )
        self._calls = 0

    async def call(
        self, *, is_new: bool = False, conclude: Conclude | None = None, **task: Any
    ) -> AgentResult:
        self._calls += 1
        values = {
            "call_id": f"call-{self._calls}",
            "agent_id": "doc-test-001",
            "task": "follow_script",
            "step_id": "a01",
        }
        return await self.gateway.call(
            AgentTask(**(values | task)), is_new=is_new, conclude=conclude
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if self.resumed:
            await self.resumed.wait()


@pytest.fixture(scope="session")
def firm() -> type[Firm]:
    return Firm
