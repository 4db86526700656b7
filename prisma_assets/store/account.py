"""Users, their browsers' sessions and programs' tokens. What a role permits is the domain's; only hashes of secrets are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prisma_assets.store.database import Database, Transaction

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """A token to be stored."""

    token_sha256: str
    name: str
    roles: Sequence[str]
    scopes: Sequence[str] | None
    by: str
    expires_at: datetime


@dataclass(frozen=True)
class AccountStore:
    """Who may come in."""

    source: Database | Transaction

    async def add_user(self, name: str, *, password_hash: str, roles: Sequence[str], by: str) -> bool:  # fmt: skip
        """Store a user; False when the name is taken."""
        params = {"name": name, "password_hash": password_hash, "roles": list(roles), "by": by}
        return await self.source.execute("insert_user", params) == 1

    async def user_of_subject(self, issuer: str, subject: str) -> Row | None:
        """Whom an identity provider's subject is here, held until the transaction ends."""
        params = {"issuer": issuer, "subject": subject}
        rows = await self.source.fetch("user_of_subject", params)
        return rows[0] if rows else None

    async def add_user_of_subject(
        self, name: str, *, issuer: str, subject: str, roles: Sequence[str]
    ) -> bool:
        """Store somebody whom an identity provider signs in; False when the name is taken."""
        params = {"name": name, "issuer": issuer, "subject": subject, "roles": list(roles)}
        return await self.source.execute("insert_user_of_subject", params) == 1

    async def bind_user(self, name: str, *, issuer: str, subject: str) -> bool:
        """Let a user be this subject; False when nobody has the name."""
        params = {"name": name, "issuer": issuer, "subject": subject}
        return await self.source.execute("bind_user", params) == 1

    async def users(self) -> list[Row]:
        """Everybody, by name."""
        return await self.source.fetch("users")

    async def user_to_check(self, name: str) -> Row | None:
        """A user, held until the transaction ends: two sign-ins at once count as two."""
        rows = await self.source.fetch("user_to_check", {"name": name})
        return rows[0] if rows else None

    async def count_attempts(self, name: str, failed: int, locked_until: datetime | None) -> None:
        """Keep how a sign-in went."""
        params = {"name": name, "failed": failed, "locked_until": locked_until}
        await self.source.execute("update_user_attempts", params)

    async def change_user(
        self,
        name: str,
        *,
        roles: Sequence[str] | None = None,
        password_hash: str | None = None,
        is_disabled: bool | None = None,
    ) -> bool:
        """Change what is given; False when nobody has the name."""
        params = {
            "name": name,
            "roles": None if roles is None else list(roles),
            "password_hash": password_hash,
            "is_disabled": is_disabled,
        }
        return await self.source.execute("update_user", params) == 1

    async def open_session(
        self,
        token_sha256: str,
        *,
        name: str,
        user_name: str | None,
        expires_at: datetime,
        second_factor_at: datetime | None = None,
    ) -> None:
        """A browser signs in; a `user_name` of None is the development sign-in."""
        params = {
            "token_sha256": token_sha256, "name": name, "user_name": user_name, "expires_at": expires_at,
            "second_factor_at": second_factor_at,
        }  # fmt: skip
        await self.source.execute("insert_web_session", params)

    async def session(self, token_sha256: str, *, at: datetime) -> Row | None:
        """Who a browser belongs to; None once that is over."""
        rows = await self.source.fetch("web_session", {"token_sha256": token_sha256, "at": at})
        return rows[0] if rows else None

    async def end_sessions(
        self,
        *,
        token_sha256: str | None = None,
        user_name: str | None = None,
        over_at: datetime | None = None,
    ) -> int:
        """End one browser's session, all of a user's, or clear away those that are over."""
        params = {"token_sha256": token_sha256, "user_name": user_name, "at": over_at}
        return await self.source.execute("delete_web_sessions", params)

    async def add_token(self, new: NewToken) -> str | None:
        """Store a token; None when one of that name is in force."""
        params = {**vars(new), "roles": list(new.roles), "scopes": new.scopes and list(new.scopes)}
        rows = await self.source.fetch("insert_api_token", params)
        return rows[0]["token_id"] if rows else None

    async def token(self, token_sha256: str, *, at: datetime) -> Row | None:
        """What a token stands for; None once it has ended."""
        rows = await self.source.fetch("api_token", {"token_sha256": token_sha256, "at": at})
        return rows[0] if rows else None

    async def tokens(self) -> list[Row]:
        """Every token, the latest first."""
        return await self.source.fetch("api_tokens")

    async def revoke_token(self, name: str) -> bool:
        """End a token; False when none of that name is in force."""
        return await self.source.execute("revoke_api_token", {"name": name}) == 1
