"""What the gateway promises and settles: every attempt by itself, and no promise is forgotten."""

import asyncio
from decimal import Decimal

import pytest

from prisma_assets.agents.contract import Usage
from prisma_assets.agents.gateway import AgentGateway
from prisma_assets.agents.purse import BudgetRefusedError
from prisma_assets.domain.errors import PermanentError, RetryableError


class ListPurse:
    """Numbers its promises and keeps how each was settled."""

    def __init__(self, refused_from: int | None = None):
        self.refused_from = refused_from
        self.promised = 0
        self.settled: dict[str, Decimal | None] = {}

    async def reserve(self, _card, _task) -> str:
        if self.promised == self.refused_from:
            raise BudgetRefusedError("used up")
        self.promised += 1
        return str(self.promised)

    async def settle(self, reservation: str, cost_usd: Decimal | None) -> None:
        assert reservation not in self.settled
        self.settled[reservation] = cost_usd


def served(firm, work, purse: ListPurse, **task):
    """One call through a gateway with that purse."""
    small = firm(work)
    small.provider.usage = Usage(provider="embedded", tokens_in=3, tokens_out=5, cost_usd=Decimal("0.30"))  # fmt: skip
    old = small.gateway
    small.gateway = AgentGateway(old._registry, old._providers, old._ledger, backoff=old._backoff, purse=purse)  # fmt: skip

    async def run():
        try:
            return await small.call(**task)
        finally:
            await small.gateway.aclose()

    return asyncio.run(run())


def script(*steps):
    """Fails with these, one after the other, then succeeds; None hangs."""
    left = list(steps)

    async def work(_provider, _task):
        if not left:
            return {"ok": True}
        error = left.pop(0)
        if error is None:
            await asyncio.Event().wait()
        raise error

    return work


@pytest.mark.parametrize(
    ("failures", "settled"),
    [
        ((), [Decimal("0.30")]),
        ((RetryableError("busy"), RetryableError("busy")), [0, 0, Decimal("0.30")]),
        ((None,), [None, Decimal("0.30")]),
    ],
    ids=["at once", "after two failures", "after a timeout"],
)
def test_each_attempt_is_promised_and_settled(firm, failures, settled):
    """A failure gives its promise back; of a timeout nobody knows what it cost, so all that was promised counts."""
    purse = ListPurse()
    served(firm, script(*failures), purse, max_retries=3, timeout_seconds=0.2)

    assert list(purse.settled.values()) == settled
    assert purse.promised == len(settled)


def test_a_permanent_failure_gives_its_promise_back(firm):
    """Nothing is tried again and nothing stays held."""
    purse = ListPurse()
    with pytest.raises(PermanentError):
        served(firm, script(PermanentError("never")), purse, max_retries=3)
    assert purse.settled == {"1": 0}


def test_a_refusal_ends_the_call_even_between_attempts(firm):
    """The first attempt failed; for the second there is no money left, and nothing is tried again."""
    purse = ListPurse(refused_from=1)
    with pytest.raises(BudgetRefusedError):
        served(firm, script(RetryableError("busy")), purse, max_retries=3)
    assert purse.settled == {"1": 0}
