"""Who a firm's identity provider says somebody is, read from the claims of a checked ID token (OpenID Connect Core 1.0 §2, §5.1)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Role

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A person, as their provider knows them."""

    issuer: str
    subject: str
    """With the issuer the only thing about a person that never changes and is nobody else's (§5.7)."""
    name: str
    """What the firm's work calls them: sign-offs stand under it."""
    groups: tuple[str, ...]
    roles: tuple[Role, ...]
    """What the groups give here; empty: nothing."""
    second_factor_at: datetime | None = None
    """When they showed the provider a second factor; None: the provider does not say that they did, or not when."""


@dataclass(frozen=True, kw_only=True)
class ClaimRules:
    """How a firm's claims are read."""

    name_claim: str
    roles_claim: str
    """A name as it stands, else a path with dots: `realm_access.roles`."""
    roles: Mapping[str, tuple[Role, ...]]
    """Roles by group."""

    def identity(self, claims: Mapping[str, Any]) -> Identity:
        """Read the claims of a token whose signature, issuer and audience have been checked.

        Raises:
            InputError: They name nobody our work could be recorded under.
        """
        groups = _texts(_claim(claims, self.roles_claim))
        held = {role for group in groups for role in self.roles.get(group, ())}
        return Identity(
            issuer=claims["iss"],
            subject=claims["sub"],
            name=self._name(claims),
            groups=groups,
            roles=tuple(sorted(held)),
            second_factor_at=_second_factor_at(claims),
        )

    def _name(self, claims: Mapping[str, Any]) -> str:
        said = _claim(claims, self.name_claim)
        name = said.strip().lower() if isinstance(said, str) else ""
        if not _NAME.fullmatch(name):
            found = f"says {said!r}" if said else "is missing"
            raise InputError(
                f"your provider's claim '{self.name_claim}' {found}, which cannot be a user's name here; "
                "PRISMA_OIDC_NAME_CLAIM names another claim"
            )
        if self.name_claim == "email" and claims.get("email_verified") is not True:
            raise InputError("your provider does not say that your e-mail address was verified")
        return name


def _second_factor_at(claims: Mapping[str, Any]) -> datetime | None:
    """Of `amr` (RFC 8176 §2) or a context class named after it; `iat` would not do: a provider signs tokens for old sessions anew."""
    at = claims.get("auth_time")
    said = (*_texts(claims.get("amr")), *_texts(claims.get("acr")))
    is_shown = any(one == "mfa" or one.endswith((":mfa", "/mfa")) for one in said)
    if not is_shown or isinstance(at, bool) or not isinstance(at, int | float):
        return None
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    is_list = isinstance(value, Sequence) and not isinstance(value, bytes)
    return tuple(one for one in value if isinstance(one, str)) if is_list else ()
