"""When a sign-off is given: who may sign, what the decisions given so far add up to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Decision = Literal["approve", "reject", "changes"]

_AGENT_ID = re.compile(r"[a-z]+(-[a-z]+)+-[0-9]{3}")
CLOCK = "the clock"
"""In whose name a rejection stands when nobody decided in time."""
SERVICE_ACCOUNT = "SERVICE_ACCOUNT"
"""Role of programs that use the product; whoever holds it never signs, whatever other roles they hold."""


def is_agent(user: str) -> bool:
    """Whether a user name is an agent's id: the firm's own, or any of that form."""
    return _AGENT_ID.fullmatch(user) is not None


@dataclass(frozen=True, kw_only=True)
class GivenDecision:
    """One person's decision on one step."""

    user: str
    roles: frozenset[str]
    """Roles the person holds on the engagement."""
    decision: Decision
    comment: str = ""
    role: str | None = None
    """Role the person signs in; None: whichever open role fits."""
    may_stand_in: bool = False
    """Given after the sign-off was escalated to a role this person holds: it may fill any role that is missing."""
    is_clock: bool = False
    """The clock's: nobody had decided in time, and the template counts that as a rejection."""


@dataclass(frozen=True, kw_only=True)
class Approved:
    """Every required role has signed."""

    by: tuple[tuple[str, str], ...]
    """(role, user) pairs."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Signatures are missing."""

    roles: tuple[str, ...]
    """Roles that may sign now."""


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """Somebody who may sign said no."""

    user: str
    comment: str


@dataclass(frozen=True, kw_only=True)
class ChangesRequested:
    """Somebody who may sign sends the work back."""

    user: str
    comment: str


SignOffState = Approved | Waiting | Rejected | ChangesRequested


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The decision does not count, and why."""

    reason: str


def replaceable(roles: Sequence[str]) -> tuple[str, ...]:
    """Roles in whose place another may sign once a sign-off is escalated.

    Never the quality reviewer's: whoever reviews is eligible and outside the team (ISQM 2 paragraphs 18-19).
    """
    return tuple(role for role in roles if role != "EQR")


def add_up(
    required: Sequence[str],
    decisions: Sequence[GivenDecision],
    *,
    in_turn: bool,
    preparer: str = "",
) -> SignOffState:
    """Say what the decisions given so far mean for a sign-off.

    Args:
        required: Roles asked, one signature each; the same role twice needs two people.
        decisions: In the order they were given; those of people who may not sign are passed over.
        in_turn: True when roles sign in the order listed.
        preparer: User who prepared the work and so cannot approve it (four-eyes principle).

    Returns:
        The state; a rejection or a request for changes by anybody who may sign ends it.
    """
    open_roles = list(required)
    signed: list[tuple[str, str]] = []
    for given in decisions:
        if given.is_clock:
            return Rejected(user=given.user, comment=given.comment)
        role = role_to_sign(
            open_roles, given, in_turn=in_turn, preparer=preparer, signed=[u for _, u in signed]
        )
        if isinstance(role, Refused):
            continue
        if given.decision == "reject":
            return Rejected(user=given.user, comment=given.comment)
        if given.decision == "changes":
            return ChangesRequested(user=given.user, comment=given.comment)
        open_roles.remove(role)
        signed.append((role, given.user))
        if not open_roles:
            break
    if open_roles:
        return Waiting(roles=tuple(open_roles[:1] if in_turn else open_roles))
    return Approved(by=tuple(signed))


def role_to_sign(
    open_roles: Sequence[str],
    given: GivenDecision,
    *,
    in_turn: bool,
    preparer: str,
    signed: Sequence[str],
) -> str | Refused:
    """The role this decision would fill, or why it does not count."""
    if not open_roles:
        return Refused(
            reason="every signature the step asks for is given; it goes on with the next run"
        )
    barred = _barred(given, preparer=preparer, signed=signed)
    if barred is not None:
        return Refused(reason=barred)
    offered = [given.role] if given.role is not None else sorted(given.roles)
    turn = open_roles[:1] if in_turn else open_roles
    for role in turn:
        if role in offered:
            return role
    if given.may_stand_in and replaceable(turn):
        return replaceable(turn)[0]
    wanted = open_roles[0] if in_turn else " or ".join(dict.fromkeys(open_roles))
    return Refused(
        reason=f"the sign-off now needs {wanted}; {given.user} is {', '.join(sorted(given.roles))}"
    )


def _barred(given: GivenDecision, *, preparer: str, signed: Sequence[str]) -> str | None:
    """Why this person may not sign in whatever role; None when they may."""
    user = given.user
    if not given.roles:
        return f"{user} is not on the engagement's team"
    if is_agent(user) or SERVICE_ACCOUNT in given.roles:
        return f"{user} is no person; agents and service accounts never sign"
    if user == preparer:
        return f"{user} prepared this file; somebody else must sign"
    if user in signed:
        return f"{user} has signed already; each signature needs its own person"
    if given.role is not None and given.role not in given.roles:
        return f"{user} does not hold the role {given.role}"
    return None
