"""Somebody who has signed in."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from prisma_assets.domain.guardrails.role import Permission, Role, permissions


@dataclass(frozen=True)
class Visitor:
    """A person or program that has signed in."""

    name: str
    roles: tuple[Role, ...]
    via: Literal["session", "token", "development"]
    """development: whoever owns the data folder; on this machine they speak for anybody."""
    scopes: frozenset[Permission] | None = None
    """What a token is limited to; None: all that the roles permit."""
    second_factor_at: datetime | None = None
    """When a person last showed a second factor in this session; None: never."""

    @cached_property
    def permissions(self) -> frozenset[Permission]:
        """What the visitor may do."""
        given = permissions(self.roles)
        if self.via == "token":
            # A program signs for nobody, whatever it is called and whichever roles it has.
            given -= {Permission.SIGN_OFF}
        return given if self.scopes is None else given & self.scopes

    def may(self, permission: Permission) -> bool:
        """Whether the visitor may do this."""
        return permission in self.permissions

    def speaks_as(self, said: str | None) -> str:
        """Whose name is recorded, whatever a request says; only the owner of the data folder may name somebody else."""
        return said if said and self.via == "development" else self.name
