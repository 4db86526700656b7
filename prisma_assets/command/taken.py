"""How commands that import rows say what became of them."""

from prisma_assets.command.output import answer, say
from prisma_assets.learning.taken import Taken

WRONG_INPUT = 2


def tell(taken: Taken, *, as_json: bool) -> int:
    """Say it and give the exit status: 2 when a row was rejected, though the good ones are stored."""
    if as_json:
        answer(taken.answer())
    else:
        say(*(f"row {number}: {reason}" for number, reason in sorted(taken.rejected)))
        say(
            f"{taken.accepted} accepted, {taken.duplicates} known before, {len(taken.rejected)} rejected"
        )
    return WRONG_INPUT if taken.rejected else 0
