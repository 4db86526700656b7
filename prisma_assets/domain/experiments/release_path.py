"""Which way a change of an agent may take to its work, by its risk, and whose approvals it needs (domain facts §6.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Risk = Literal["low", "medium", "high"]

ALLOWED_KEYS = frozenset({"prompt", "model", "tools", "parameters", "knowledge"})
"""What a change may be of; anything else is another agent."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a change of one risk needs before any work gets it."""

    proof: Literal["none", "experiment", "offline"]
    """experiment: adopted by a live experiment. offline: adopted on past tasks and seen in a shadow run, never tested on client files."""
    approvals: tuple[str, ...]
    """Roles, each by another person; none: it starts by itself and its owner is told."""


WAYS: Mapping[Risk, Way] = {
    "low": Way(proof="none", approvals=()),
    "medium": Way(proof="experiment", approvals=("MANAGER",)),
    "high": Way(proof="offline", approvals=("PARTNER", "MANAGER")),
}
"""A partner of the domain and somebody of quality management; roles above a named one count for it."""
_RANK = {"SYSTEM_ADMIN": 100, "PARTNER": 90, "MANAGER": 70, "EMPLOYEE": 50, "READONLY": 30}
"""Precedence of the firm's roles (domain facts §7.1)."""
_NEVER = frozenset({"SYSTEM_ADMIN", "SERVICE_ACCOUNT"})
"""Not approvers of professional work."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """One person's consent."""

    user: str
    role: str


def refusal(
    approval: Approval, given: Sequence[Approval], *, risk: Risk, author: str
) -> str | None:
    """Why an approval does not count; None: it does.

    Args:
        approval: The new one.
        given: Those that count already.
        risk: Of the change.
        author: Who proposed the change; agents and parts of the product are authors too.
    """
    if approval.user == author:
        return f"{approval.user} proposed the change; somebody else has to approve it"
    if any(a.user == approval.user for a in given):
        return f"{approval.user} has approved it already; the next approval is another person's"
    if approval.role in _NEVER or approval.role not in _RANK:
        return f"a {approval.role} does not approve changes of agents"
    if not still_needed([*given, approval], risk=risk) < still_needed(given, risk=risk):
        needed = " and ".join(sorted(still_needed(given, risk=risk))) or "nobody"
        return f"the approval of {needed} is missing, which a {approval.role} cannot give"
    return None


def still_needed(given: Sequence[Approval], *, risk: Risk) -> frozenset[str]:
    """Roles whose approval is missing. The highest approver takes the highest role first, so that everyone counts once."""
    missing = sorted(WAYS[risk].approvals, key=lambda role: -_RANK[role])
    for approval in sorted(given, key=lambda a: -_RANK[a.role]):
        fitting = next((r for r in missing if _RANK[approval.role] >= _RANK[r]), None)
        if fitting is not None:
            missing.remove(fitting)
    return frozenset(missing)
