"""Puts a step's result before those who sign, or puts it before them again."""

from prisma_assets.engine.question import Question
from prisma_assets.store.database import Transaction
from prisma_assets.store.sign_off import SignOffStore


async def ask(tx: Transaction, asked: Question) -> None:
    """Record what is shown; from now on sign-offs, reminders and expiry count."""
    await SignOffStore(source=tx).ask(asked.sheet.execution.id, asked.request, due_in_seconds=None)
