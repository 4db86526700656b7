"""A process of sixteen callers that spend from a budget until it is used up: `python spender.py DATABASE_URL NAME [hang]`.

It says when it is ready and begins at a line on its standard input. With `hang` a call never ends, until somebody kills the process.
"""

import asyncio
import sys
from dataclasses import replace
from decimal import Decimal

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentTask
from prisma_assets.agents.purse import BudgetRefusedError
from prisma_assets.engine.purse import PostgresPurse
from prisma_assets.store.database import Database

CALLERS = 16
REFUSALS = 3
"""In a row, after which a caller believes that nothing is left."""
CARD = next(iter(firm_cards())).model_copy(update={"provider": "llm", "max_call_usd": Decimal("1.00")})  # fmt: skip
TASK = AgentTask(call_id="c", agent_id=CARD.id, task="plan", step_id="s", client_id="acme")
COSTS = (Decimal(0), Decimal("0.25"), Decimal("0.75"), None)
"""Of one call after the other: failed for nothing, cheap, dear, and nobody knows."""


async def caller(purse: PostgresPurse, name: str, *, hangs: bool) -> None:
    """Call after call."""
    refusals = number = 0
    while refusals < REFUSALS or hangs:
        number += 1
        try:
            promise = await purse.reserve(CARD, replace(TASK, call_id=f"{name}-{number}"))
        except BudgetRefusedError:
            refusals += 1
            await asyncio.sleep(0.05)
            continue
        refusals = 0
        await asyncio.sleep(3600 if hangs else number % 5 / 200)
        assert promise is not None
        await purse.settle(promise, COSTS[number % len(COSTS)])


async def main(url: str, name: str, *modes: str) -> None:
    """All callers of this process at once."""
    async with Database(url, max_size=4) as database:
        purse = PostgresPurse(database)
        callers = (caller(purse, f"{name}-{n}", hangs="hang" in modes) for n in range(CALLERS))
        await asyncio.gather(*callers)


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    asyncio.run(main(*sys.argv[1:]))
