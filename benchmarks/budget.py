"""How long it takes to promise a call its money, at one caller and at many at once.

    python -P benchmarks/budget.py [--calls 2000]

Each call belongs to three budgets (firm, client, agent), as most do. Times are of one promise, committed, as a caller waits for it, on the
embedded server with its usual settings. All callers share one run's purse and want the same three rows.
"""

import argparse
import asyncio
import random
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import numpy as np

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentTask
from prisma_assets.engine.purse import PostgresPurse
from prisma_assets.settings import Settings
from prisma_assets.store.budget import BudgetStore, NewBudget
from prisma_assets.store.database import Database
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server

CARD = next(iter(firm_cards())).model_copy(update={"provider": "llm", "max_call_usd": Decimal("0.01")})  # fmt: skip
TASK = AgentTask(call_id="c", agent_id=CARD.id, task="plan", step_id="s", client_id="acme")
SCOPES = (("firm", None), ("client", "acme"), ("agent", CARD.id))
THINKS = 0.2
"""Seconds of a call between its promise and its settlement where callers are spread out, half as long to half as long again: short answers of a model."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=2000)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="prisma-bench-") as home,
        running_server(Settings(home=Path(home))) as urls,
    ):
        migrate(urls.prisma)
        asyncio.run(measure(urls.prisma, asked.calls))


async def measure(url: str, calls: int) -> None:
    """Each way in turn, on the same budgets."""
    async with Database(url) as database:
        for level, scope in SCOPES:
            new = NewBudget(
                level=level, scope=scope, period="month", limit_usd=Decimal(10**6), by="bench", reason="measured",
            )  # fmt: skip
            await BudgetStore(source=database).set(new)
        print(
            "| callers | between promise and settlement | promises a second | median, ms | P95, ms |"
        )
        print("|---|---|---|---|---|")
        for callers, thinks in ((1, 0.0), (64, THINKS), (64, 0.0)):
            await row(database, callers, calls, thinks)


async def row(database: Database, callers: int, calls: int, thinks: float) -> None:
    """One row of the table."""
    purse = PostgresPurse(database)
    await purse.settle(str(await purse.reserve(CARD, TASK)), Decimal(0))  # knows its budgets
    began = perf_counter()
    waits = await asyncio.gather(*(caller(purse, calls // callers, thinks) for _ in range(callers)))  # fmt: skip
    spent = perf_counter() - began
    times = 1000 * np.concatenate(waits)
    pause = f"{thinks / 2:g} to {thinks * 1.5:g} s" if thinks else "none"
    print(
        f"| {callers} | {pause} | {len(times) / spent:,.0f} | {np.median(times):.2f} | {np.percentile(times, 95):.2f} |"
    )


async def caller(purse: PostgresPurse, calls: int, thinks: float) -> list[float]:
    """Call after call; nobody waits for a settlement, as in the gateway."""
    waits = []
    async with asyncio.TaskGroup() as settlements:
        for n in range(calls):
            began = perf_counter()
            promise = await purse.reserve(CARD, replace(TASK, call_id=f"c{n}"))
            waits.append(perf_counter() - began)
            await asyncio.sleep(thinks * random.uniform(0.5, 1.5))
            settlements.create_task(purse.settle(str(promise), Decimal("0.005")))
    return waits


if __name__ == "__main__":
    main()
