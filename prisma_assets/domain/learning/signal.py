"""What an act on the work says about the agent that did it: rejected, sent back or done again. Storing does not belong here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from prisma_assets.domain.learning.feedback import LONGEST_TEXT
from prisma_assets.domain.workflow.sign_off import CLOCK

Act = Literal["reject", "changes", "redo"]

_TYPES: Mapping[Act, str] = {"reject": "complaint", "changes": "suggestion", "redo": "complaint"}
"""Who asks for changes says what would be better; who rejects, or has it done again, found it wanting."""


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One act on one step's result."""

    signal_key: str
    act: Act
    step_id: str
    by_whom: str
    comment: str
    happened_at: datetime
    step_execution_id: str | None
    """The result; None: there was none."""
    agent_id: str | None
    """Who did it; None: no agent."""


def silence(signal: Signal) -> str | None:
    """Why the act says nothing about an agent; None: it does."""
    if signal.agent_id is None:
        return "no agent did the step"
    if signal.by_whom == CLOCK:
        return "nobody had decided in time, which says nothing about the work"
    return None


def said_by(signal: Signal, *, product: frozenset[str]) -> dict[str, Any]:
    """The act as a row of feedback.

    Args:
        signal: One that is about an agent.
        product: Names in which parts of the product act.
    """
    return {
        "agent_id": signal.agent_id,
        "source": "system" if signal.by_whom in product else "manager",
        "feedback_type": _TYPES[signal.act],
        "step_execution_id": signal.step_execution_id,
        "comment": signal.comment[:LONGEST_TEXT],
        "submitted_by": signal.by_whom,
        "dedupe_key": signal.signal_key,
        "created_at": signal.happened_at,
    }
