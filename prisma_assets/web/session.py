"""Who is there: what a page or an endpoint asks about the person behind a request."""

from typing import Any

from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from prisma_assets.domain.guardrails.role import Permission, Role, has_role, may_start, start_role
from prisma_assets.domain.guardrails.visitor import Visitor

SCOPE_KEY = "prisma.visitor"
"""Where the sign-in leaves the visitor in an ASGI scope; a client cannot write there."""


def visitor(connection: HTTPConnection) -> Visitor:
    """Who asks.

    Raises:
        HTTPException: Nobody has signed in (401).
    """
    found = connection.scope.get(SCOPE_KEY)
    if not isinstance(found, Visitor):
        raise HTTPException(401, "Sign in first.")
    return found


def require(connection: HTTPConnection, permission: Permission) -> Visitor:
    """Who asks, given that they may do this.

    Raises:
        HTTPException: They may not (403), or nobody has signed in (401).
    """
    found = visitor(connection)
    if not found.may(permission):
        if found.via == "token" and permission is Permission.SIGN_OFF:
            raise HTTPException(403, f"{found.name} is a program's token; a person signs, after signing in.")  # fmt: skip
        held = ", ".join(found.roles) or "no role"
        words = permission.value.replace("_", " ")
        raise HTTPException(
            403, f"{found.name} ({held}) may not do this: it needs the permission to {words}."
        )
    return found


def allowed(permission: Permission) -> Any:
    """A dependency of an endpoint: the visitor, who may do this."""

    def check(request: Request) -> Visitor:
        return require(request, permission)

    return Depends(check)


def allowed_role(found: Visitor, role: str | None) -> None:
    """Let a person act in a role only when it is theirs.

    Raises:
        HTTPException: It is not (403).
    """
    if role is None or found.via == "development":
        return
    if role not in Role.__members__ or not has_role(found.roles, Role(role)):
        raise HTTPException(403, f"{found.name} does not hold the role {role}.")


def allowed_start(found: Visitor, template: str) -> None:
    """Let a person start a workflow only when their role reaches.

    Raises:
        HTTPException: It does not (403).
    """
    if not may_start(found.roles, template):
        needed = start_role(template)
        raise HTTPException(403, f"{template} is started by the role {needed} or one above it.")
