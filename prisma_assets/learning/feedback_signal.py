"""Listens to acts on the work: rejections, changes asked for, work done again become feedback, after the act and each once."""

from dataclasses import dataclass

from prisma_assets.domain.learning.signal import said_by, silence
from prisma_assets.learning.feedback_intake import FeedbackIntake
from prisma_assets.store.database import Database
from prisma_assets.store.deployment import ROLLBACK
from prisma_assets.store.feedback import FeedbackStore
from prisma_assets.store.feedback_signal import FeedbackSignalStore

BATCH = 500
"""Acts of one transaction: people give some dozens a day; only the first look at an old database has more."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What listening came to."""

    feedback: int
    """Acts that became feedback."""
    silent: int
    """Acts that say nothing about an agent, noted with the reason."""


async def hear_signals(database: Database, intake: FeedbackIntake) -> Heard:
    """Turn every act not heard yet into feedback. Broken off at any point, nothing is lost and nothing there twice."""
    feedback = silent = 0
    while heard := await _hear_batch(database, intake):
        feedback += heard.feedback
        silent += heard.silent
    return Heard(feedback=feedback, silent=silent)


async def _hear_batch(database: Database, intake: FeedbackIntake) -> Heard | None:
    """None: nothing is left."""
    async with database.transaction() as tx:
        store = FeedbackSignalStore(source=tx)
        signals = await store.unheard(BATCH)
        if not signals:
            return None
        reasons = {s.signal_key: silence(s) for s in signals}
        telling = [s for s in signals if reasons[s.signal_key] is None]
        rows = [(n, said_by(s, product=frozenset({ROLLBACK}))) for n, s in enumerate(telling)]
        taken = await intake.store(intake.check(rows), FeedbackStore(source=tx))
        reasons |= {telling[number].signal_key: reason for number, reason in taken.rejected}
        await store.hear(reasons)
    silent = sum(reason is not None for reason in reasons.values())
    return Heard(feedback=len(reasons) - silent, silent=silent)
