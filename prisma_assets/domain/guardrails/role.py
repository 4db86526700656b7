"""Who may do what: the firm's roles and what each permits (domain facts §7.1)."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """Something a person may be allowed to do."""

    VIEW = "view"
    FEEDBACK = "feedback"
    LAUNCH = "launch"
    """Start work that asks for no more; templates may ask for a role above."""
    SIGN_OFF = "sign_off"
    """Decide on a step that asks for one of the person's roles."""
    OPERATE = "operate"
    """Cancel, resume, pause; look after alerts; experiments and rollouts under way; schedules and sensors."""
    APPROVE_CHANGE = "approve_change"
    """Consent to another version of an agent."""
    OVERRIDE = "override"
    """Let a budget go on beyond its limit, with a reason."""
    INGEST = "ingest"
    """Report runs and feedback by program."""
    ADMIN = "admin"
    """Accounts, tokens, and whatever has no permission of its own."""


class Role(StrEnum):
    """A role of the firm."""

    SYSTEM_ADMIN = "SYSTEM_ADMIN"
    PARTNER = "PARTNER"
    EQR = "EQR"
    """Reviews engagement quality from outside the team: a flag beside a role that carries the permissions."""
    TECHNICAL_REVIEWER = "TECHNICAL_REVIEWER"
    """Reviews tax positions: a flag likewise."""
    MANAGER = "MANAGER"
    EMPLOYEE = "EMPLOYEE"
    CLIENT = "CLIENT"
    """Own request folders only: no page of the firm."""
    READONLY = "READONLY"
    SERVICE_ACCOUNT = "SERVICE_ACCOUNT"
    """Programs: never approves, never signs in at a page."""


_VIEW = frozenset({Permission.VIEW})
_EMPLOYEE = _VIEW | {Permission.FEEDBACK, Permission.LAUNCH}
_MANAGER = _EMPLOYEE | {Permission.SIGN_OFF, Permission.OPERATE, Permission.APPROVE_CHANGE}
_PARTNER = _MANAGER | {Permission.OVERRIDE}
PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    # Runs the system; professional work is not an administrator's to approve.
    Role.SYSTEM_ADMIN: _EMPLOYEE | {Permission.OPERATE, Permission.INGEST, Permission.ADMIN},
    Role.PARTNER: _PARTNER,
    Role.EQR: _VIEW | {Permission.SIGN_OFF},
    Role.TECHNICAL_REVIEWER: _VIEW | {Permission.SIGN_OFF},
    Role.MANAGER: _MANAGER,
    Role.EMPLOYEE: _EMPLOYEE,
    Role.CLIENT: frozenset(),
    Role.READONLY: _VIEW,
    Role.SERVICE_ACCOUNT: _VIEW | {Permission.INGEST},
}
"""A higher role inherits what a lower one may."""

_RANK: Final[Mapping[Role, int]] = {
    Role.SYSTEM_ADMIN: 100,
    Role.PARTNER: 90,
    Role.MANAGER: 70,
    Role.EMPLOYEE: 50,
}
START_ROLE: Final[Mapping[str, Role]] = {
    "annual_audit": Role.MANAGER,
    "multi_jurisdiction_tax": Role.MANAGER,
}
"""Who may start which workflow (domain facts §7.1, 2026-11); any other is an employee's to start."""


def permissions(roles: Iterable[Role]) -> frozenset[Permission]:
    """What a person with these roles may do."""
    return frozenset[Permission]().union(*(PERMISSIONS[role] for role in roles))


def start_role(template: str) -> Role:
    """The lowest role that may start a workflow."""
    return START_ROLE.get(template, Role.EMPLOYEE)


def may_start(roles: Iterable[Role], template: str) -> bool:
    """Whether one of the roles is at or above the one a workflow asks for."""
    return has_role(roles, start_role(template))


def has_role(roles: Iterable[Role], asked: Role) -> bool:
    """Whether one of the roles is the one asked for, or above it; a flag such as EQR is had or not."""
    held = frozenset(roles)
    if asked in held:
        return True
    return asked in _RANK and any(_RANK.get(role, 0) >= _RANK[asked] for role in held)
