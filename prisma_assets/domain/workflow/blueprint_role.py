"""Who of the firm an actor of a blueprint is, and which signatures its state machines and judgement levels ask for."""

import re
from collections.abc import Mapping
from typing import Final

from prisma_assets.domain.workflow.blueprint import (
    Actor,
    Aggregate,
    BlueprintProcedure,
    BlueprintStep,
    Transition,
)
from prisma_assets.domain.workflow.part import Role

_ROLE_WORDS: Final[tuple[tuple[Role, re.Pattern[str]], ...]] = (
    # A quality review partner reviews from outside the team, so EQR is asked before PARTNER.
    ("EQR", re.compile(r"\b(eqr|eqcr|qrp|concurring|(engagement )?quality (control )?review)")),
    ("PARTNER", re.compile(r"partner|engagement leader|chief|\bcae\b|sign\w* the (audit )?report")),
    ("MANAGER", re.compile(r"manager|director|supervisor|head of")),
)
"""Looked for in this order in an actor's id and name, then in the responsibilities."""
_EMPLOYEE_WORDS: Final = re.compile(
    r"senior|staff|associate|analyst|assistant|auditor|accountant|trainee"
)

_ABOVE: Final[Mapping[Role, Role]] = {
    "EMPLOYEE": "MANAGER",
    "MANAGER": "PARTNER",
    "PARTNER": "PARTNER",
    "EQR": "PARTNER",
}
"""Who reviews whose work (ISA 220R 29-31: by the more experienced); nobody of the team stands above the partner."""
_RANK: Final[Mapping[Role, int]] = {"EMPLOYEE": 0, "MANAGER": 1, "PARTNER": 2, "EQR": 3}

_APPROVAL: Final = re.compile(r"approv|review|sign(ed)?_?off")
STEPS_COMPLETE: Final = "all_steps_complete"
"""The guard that the order of steps keeps by itself."""


def role_of(actor: Actor) -> tuple[Role, bool]:
    """The firm's role of an actor, and whether its words say so; EMPLOYEE, who may sign least, when they do not."""
    title = f"{actor.id} {actor.name}".replace("_", " ").casefold()
    duties = "; ".join(actor.responsibilities).casefold()
    for text in (title, duties):
        for role, words in _ROLE_WORDS:
            if words.search(text):
                return role, True
        if _EMPLOYEE_WORDS.search(text):
            return "EMPLOYEE", True
    return "EMPLOYEE", False


def approval_of(procedure: BlueprintProcedure) -> Transition | None:
    """The transition somebody must approve; the last one where several do."""
    machine = procedure.aggregate
    asked = [t for t in (machine.transitions if machine else ()) if any(map(is_approval, t.guards))]
    return asked[-1] if asked else None


def is_approval(guard: str) -> bool:
    """Whether the guard asks for a person's approval."""
    return bool(_APPROVAL.search(guard))


def reviewer_of(procedure: BlueprintProcedure, roles: Mapping[str, Role]) -> Role | None:
    """Role that approves the procedure; None: its state machine asks for no approval.

    Args:
        procedure: The procedure.
        roles: The firm's role of each actor.
    """
    approval = approval_of(procedure)
    if approval is None:
        return None
    words = " ".join(g for g in approval.guards if is_approval(g)).replace("_", " ").casefold()
    for role, pattern in _ROLE_WORDS:
        if pattern.search(words):
            return role
    performers = [roles[s.actor] for s in procedure.steps] or ["EMPLOYEE"]
    return _ABOVE[max(performers, key=lambda r: _RANK[r])]


def may_come_back(procedure: BlueprintProcedure) -> bool:
    """Whether the state machine lets the reviewer send the work back instead of approving it."""
    approval, machine = approval_of(procedure), procedure.aggregate
    if approval is None or machine is None:
        return False
    others = (t for t in machine.transitions if t.from_state == approval.from_state)
    return any(_returns(machine, t, approval) for t in others)


def _returns(machine: Aggregate, transition: Transition, approval: Transition) -> bool:
    to = transition.to_state
    return to != approval.to_state and approval.from_state in machine.reach(to)


def judge_of(step: BlueprintStep, roles: Mapping[str, Role]) -> Role | None:
    """Role that must judge the step itself; None: an agent's draft is enough until the procedure is reviewed."""
    return roles[step.actor] if step.judgment_level == "human_required" else None
