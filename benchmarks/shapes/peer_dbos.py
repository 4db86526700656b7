"""The two shapes on DBOS: asynchronous steps of one workflow, each result in PostgreSQL. Arguments: the database's URL."""

import asyncio
import sys

from answering import CHAIN, WAIT_SECONDS, WIDTH, answer
from dbos import DBOS

DBOS(config={"name": "bench", "system_database_url": sys.argv[1], "log_level": "ERROR"})


@DBOS.step()
async def step(seconds: float) -> float:
    """Wait."""
    await asyncio.sleep(seconds)
    return seconds


@DBOS.workflow()
async def dag() -> None:
    """One, twelve at once, one."""
    await step(0)
    await asyncio.gather(*(step(WAIT_SECONDS) for _ in range(WIDTH)))
    await step(0)


@DBOS.workflow()
async def chain() -> None:
    """One after the other."""
    for _ in range(CHAIN):
        await step(0)


DBOS.launch()
loop = asyncio.new_event_loop()
answer({s.__name__: lambda s=s: loop.run_until_complete(s()) for s in (dag, chain)})
DBOS.destroy()
