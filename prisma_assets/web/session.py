"""Who is there: what a page or an endpoint asks about the person behind a request."""

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from prisma_assets.domain.guardrails.role import Permission
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
        held = ", ".join(found.roles) or "no role"
        words = permission.value.replace("_", " ")
        raise HTTPException(
            403, f"{found.name} ({held}) may not do this: it needs the permission to {words}."
        )
    return found
