"""Signing in: passwords, sessions, tokens, and the development key of a laptop. Who may do what is the domain's."""

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import shlex
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.identity import Identity
from prisma_assets.domain.guardrails.role import Permission, Role
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.store.account import AccountStore, NewToken
from prisma_assets.store.database import Database

SHORTEST_PASSWORD = 15
"""Characters of a password that is the only factor (NIST SP 800-63B-4 §3.1.1.2)."""
LONGEST_PASSWORD = 1_024
"""Hashing takes time by length; nobody types more."""
MOST_FAILURES = 10
LOCKED_FOR = timedelta(minutes=15)
"""After ten wrong passwords a quarter of an hour: a thousand guesses a day, against NIST's hundred in all before rate limits, and a
person who mistyped is back after a coffee (SP 800-63B-4 §3.2.2)."""
SESSION_FOR = timedelta(hours=12)
"""A working day; then one signs in again (SP 800-63B-4 §2.2.3, AAL2)."""
LONGEST_TOKEN_DAYS = 366
TOKEN_PREFIX = "prisma_"  # noqa: S105 - what scanners for leaked secrets look for
DEVELOPMENT_NAME = "developer"
DEVELOPMENT_ROLES = (Role.SYSTEM_ADMIN, Role.PARTNER, Role.EQR, Role.TECHNICAL_REVIEWER)
"""Whoever owns the data folder owns its database too; roles keep nothing from them."""
_SWITCHED_OFF = "This account is switched off; ask whoever runs Prisma Assets."
_KEY_FILE = "sign-in.key"
_NAME = re.compile(r"^[a-z0-9][a-z0-9._@-]{0,99}$")


class SignInRefusedError(InputError):
    """The name or the password is wrong, or the account does not let anybody in."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token just made; its secret is shown this once."""

    token_id: str
    secret: str
    expires_at: datetime


def development_key(home: Path) -> str:
    """The key of this data folder, made at the first call; only its owner can read it."""
    file = home / _KEY_FILE
    if not file.exists():
        # mkstemp's files are their owner's alone; a link puts the whole key in place or none.
        handle, draft = tempfile.mkstemp(dir=home, prefix=_KEY_FILE)
        with os.fdopen(handle, "w", encoding="ascii") as new:
            new.write(secrets.token_urlsafe(32))
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(draft)
        Path(draft).unlink()
    return file.read_text(encoding="ascii").strip()


def sign_in_link(address: str, home: Path) -> str:
    """What signs whoever owns the data folder in."""
    return f"{address}/sign-in?key={development_key(home)}"


@dataclass(frozen=True)
class Accounts:
    """Users, sessions and tokens of one firm."""

    database: Database
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def add_user(self, name: str, password: str, roles: Iterable[str], *, by: str) -> None:
        """Let somebody sign in.

        Raises:
            InputError: The name is taken or cannot be one, the password is too short, or a role is unknown.
        """
        if not _NAME.match(name):
            raise InputError(
                f"'{name}' cannot be a user's name; use small letters, digits and . _ @ -, for example ana.marku"
            )
        hashed = await _hashed(password)
        added = await AccountStore(self.database).add_user(
            name, password_hash=hashed, roles=known_roles(roles), by=by
        )
        if not added:
            raise InputError(f"there is a user '{name}' already; `prisma-assets user list`")

    async def change_user(
        self,
        name: str,
        *,
        password: str | None = None,
        roles: Iterable[str] | None = None,
        is_disabled: bool | None = None,
    ) -> None:
        """Change what is given, and end the user's sessions: what they may do has changed.

        Raises:
            InputError: Nobody has the name, the password is too short, or a role is unknown.
        """
        hashed = None if password is None else await _hashed(password)
        held = None if roles is None else known_roles(roles)
        async with self.database.transaction() as transaction:
            store = AccountStore(transaction)
            if not await store.change_user(
                name, roles=held, password_hash=hashed, is_disabled=is_disabled
            ):
                raise InputError(f"nobody is called '{name}'; `prisma-assets user list`")
            await store.end_sessions(user_name=name)

    async def sign_in(self, name: str, password: str) -> str:
        """Open a session; gives its token.

        Raises:
            SignInRefusedError: They may not come in; the sentence does not tell a wrong name from a wrong password.
        """
        at = self.now()
        async with self.database.transaction() as transaction:
            store = AccountStore(transaction)
            user = await store.user_to_check(name)
            hashed = user["password_hash"] if user else None
            is_right = await _matches(hashed or _nobody(), password)
            refusal = _refusal(user, is_right=is_right, at=at)
            if user and not _is_locked(user, at):
                failed = 0 if is_right else user["failed_attempts"] + 1
                locked = at + LOCKED_FOR if failed >= MOST_FAILURES else None
                await store.count_attempts(name, 0 if locked else failed, locked)
        if refusal is not None:
            raise SignInRefusedError(refusal)
        return await self._open(name, user_name=name)

    async def sign_in_outside(self, person: Identity) -> str:
        """Open a session for somebody whom the identity provider has signed in; gives its token.

        The first time makes the account. Roles are those the provider's groups give now; when they differ from
        the last, older sessions end.

        Raises:
            SignInRefusedError: No group gives a role, the account is switched off, or the name is somebody else's here.
        """
        async with self.database.transaction() as transaction:
            name, refusal = await _known_outsider(AccountStore(transaction), person)
        if refusal is not None:
            raise SignInRefusedError(refusal)
        shown = person.second_factor_at
        # The provider's clock may be ahead of ours; a code shown in the future would stay fresh.
        at = None if shown is None else min(shown, self.now())
        return await self._open(name, user_name=name, second_factor_at=at)

    async def bind_user(self, name: str, *, issuer: str, subject: str) -> None:
        """Let a user sign in by the identity provider from now on, under the name there is.

        Raises:
            InputError: Nobody has the name, or the subject is another user already.
        """
        async with self.database.transaction() as transaction:
            store = AccountStore(transaction)
            known = await store.user_of_subject(issuer, subject)
            if known is not None and known["user_name"] != name:
                raise InputError(f"the subject '{subject}' is the user '{known['user_name']}' already; nobody is two")  # fmt: skip
            if not await store.bind_user(name, issuer=issuer, subject=subject):
                raise InputError(f"nobody is called '{name}'; `prisma-assets user list`")
            await store.end_sessions(user_name=name)

    async def open_development(self, key: str, home: Path) -> str | None:
        """A session for whoever holds the key of the data folder; None when it is another."""
        if not hmac.compare_digest(key.encode(), development_key(home).encode()):
            return None
        return await self._open(DEVELOPMENT_NAME, user_name=None)

    async def session(self, token: str) -> Visitor | None:
        """Who a browser belongs to; None when nobody is signed in with it."""
        row = await AccountStore(self.database).session(_sha256(token), at=self.now())
        if row is None:
            return None
        if row["user_name"] is None:
            return development_visitor()
        return Visitor(
            row["name"],
            tuple(Role(role) for role in row["roles"]),
            "session",
            second_factor_at=row["second_factor_at"],
        )

    async def end_session(self, token: str) -> None:
        """Sign a browser out."""
        await AccountStore(self.database).end_sessions(token_sha256=_sha256(token))

    async def add_token(
        self, name: str, roles: Iterable[str], *, scopes: Sequence[str] | None, days: int, by: str
    ) -> Token:
        """Let a program in.

        Raises:
            InputError: A token of that name is in force, a role or scope is unknown, or the time is too long.
        """
        if not 1 <= days <= LONGEST_TOKEN_DAYS:
            raise InputError(f"a token is good for 1 to {LONGEST_TOKEN_DAYS} days, not {days}")
        if not name.strip():
            raise InputError("a token needs a name: what uses it")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        new = NewToken(
            token_sha256=_sha256(secret),
            name=name.strip(),
            roles=known_roles(roles),
            scopes=None if scopes is None else _known_scopes(scopes),
            by=by,
            expires_at=self.now() + timedelta(days=days),
        )
        token_id = await AccountStore(self.database).add_token(new)
        if token_id is None:
            raise InputError(
                f"a token '{name}' is in force already; revoke it first: `prisma-assets token revoke {name}`"
            )
        return Token(token_id=token_id, secret=secret, expires_at=new.expires_at)

    async def token(self, secret: str) -> Visitor | None:
        """Who a token stands for; None when it is none, or over."""
        row = await AccountStore(self.database).token(_sha256(secret), at=self.now())
        if row is None:
            return None
        scopes = None if row["scopes"] is None else frozenset(map(Permission, row["scopes"]))
        return Visitor(row["name"], tuple(Role(role) for role in row["roles"]), "token", scopes)

    async def _open(
        self, name: str, *, user_name: str | None, second_factor_at: datetime | None = None
    ) -> str:
        token, at = secrets.token_urlsafe(32), self.now()
        store = AccountStore(self.database)
        await store.end_sessions(over_at=at)
        await store.open_session(
            _sha256(token),
            name=name,
            user_name=user_name,
            expires_at=at + SESSION_FOR,
            second_factor_at=second_factor_at,
        )
        return token


def development_visitor() -> Visitor:
    """Whoever owns the data folder."""
    return Visitor(DEVELOPMENT_NAME, DEVELOPMENT_ROLES, "development")


def known_roles(roles: Iterable[str]) -> list[str]:
    """The roles as the firm writes them.

    Raises:
        InputError: One is unknown, or none is given.
    """
    given = [role.strip().upper() for role in roles]
    unknown = [role for role in given if role not in Role.__members__]
    if unknown or not given:
        said = f"no role is called '{unknown[0]}'" if unknown else "at least one role is needed"
        raise InputError(f"{said}; roles are {', '.join(Role)}")
    return sorted(set(given))


def _known_scopes(scopes: Sequence[str]) -> list[str]:
    unknown = [scope for scope in scopes if scope not in {*Permission}]
    if unknown:
        raise InputError(f"no scope is called '{unknown[0]}'; scopes are {', '.join(Permission)}")
    return sorted(set(scopes))


async def _known_outsider(store: AccountStore, person: Identity) -> tuple[str, str | None]:
    """The person's name here, and why they may not come in; what ends with a refusal ends for good."""
    known = await store.user_of_subject(person.issuer, person.subject)
    name = known["user_name"] if known else person.name
    refusal = _refusal_outside(known, person)
    if known is None:
        if refusal is None and not await store.add_user_of_subject(
            name, issuer=person.issuer, subject=person.subject, roles=person.roles
        ):
            refusal = _taken(person)
    elif refusal is not None:
        await store.end_sessions(user_name=name)
    elif known["roles"] != list(person.roles):
        await store.change_user(name, roles=person.roles)
        await store.end_sessions(user_name=name)
    return name, refusal


def _refusal_outside(known: dict[str, Any] | None, person: Identity) -> str | None:
    if known is not None and known["disabled_at"] is not None:
        return _SWITCHED_OFF
    if not person.roles:
        groups = ", ".join(person.groups) or "none"
        return (
            f"You are signed in as {person.name}, but none of your groups gives a role here (yours: {groups}). "
            "Ask whoever runs Prisma Assets to put you into one of PRISMA_OIDC_ROLES."
        )
    return None


def _taken(person: Identity) -> str:
    return (
        f"There is a user '{person.name}' here already, who has not been bound to you. If that is you, ask whoever runs "
        f"Prisma Assets for `prisma-assets user bind {person.name} {shlex.quote(person.subject)}`."
    )


def _is_locked(user: dict[str, Any], at: datetime) -> bool:
    return user["locked_until"] is not None and user["locked_until"] > at


def _refusal(user: dict[str, Any] | None, *, is_right: bool, at: datetime) -> str | None:
    wrong = "The name or the password is wrong."
    if user is None:
        return wrong
    if _is_locked(user, at):
        minutes = int((user["locked_until"] - at).total_seconds() // 60) + 1
        return (
            f"After {MOST_FAILURES} wrong passwords this account rests; try again in {minutes} min."
        )
    if not is_right:
        return wrong
    if user["disabled_at"] is not None:
        return _SWITCHED_OFF
    return None


def _sha256(secret: str) -> str:
    """Tokens are 256 random bits: nobody can guess one from its hash, so it needs no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def _hashed(password: str) -> str:
    from argon2 import PasswordHasher

    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InputError(
            f"a password has at least {SHORTEST_PASSWORD} characters; a few words are easy to remember"
        )
    return await asyncio.to_thread(PasswordHasher().hash, password)


async def _matches(hashed: str, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import VerificationError

    try:
        return await asyncio.to_thread(PasswordHasher().verify, hashed, password[:LONGEST_PASSWORD])
    except VerificationError:
        return False


def _nobody() -> str:
    """A hash no password has; checking it takes as long as checking a user's."""
    return "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
