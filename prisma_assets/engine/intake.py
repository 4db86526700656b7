"""Takes the client's books in again when work goes back: what is done again is done on the books as they stand then.

Between two such moments the books an execution rests on do not change: a provider refuses others.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from prisma_assets.store.database import Transaction
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution


async def take_in(
    store: WorkflowStore, tx: Transaction, execution: Execution, *, again: Iterable[str]
) -> Execution:
    """The execution on the books as its folder holds them now; call it where steps are opened again.

    Args:
        store: Where executions live.
        tx: The transaction that opens the steps.
        execution: Its folder may hold other books than it rests on so far; it may also have none.
        again: Ids of the steps that are done again, and so on these books.

    Raises:
        InputError: The folder does not read any more; says why.
    """
    folder = execution.context.get("engagement_folder")
    if folder is None:
        return execution
    from prisma_assets.engagement.facts import books_sha256

    found = await asyncio.to_thread(books_sha256, Path(folder))
    before = execution.context.get("books_sha256")
    if found == before:
        return execution
    earlier = [
        *execution.context.get("earlier_books", []),
        {"books_sha256": before, "replaced_for": sorted(again)},
    ]
    change = {"books_sha256": found, "earlier_books": earlier}
    await store.change_context(tx, execution.id, change)
    return replace(execution, context={**execution.context, **change})
