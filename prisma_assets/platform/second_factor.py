"""Giving users a second factor, and taking its codes."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.second_factor import app_link, step_of
from prisma_assets.platform.account import LOCKED_FOR, MOST_FAILURES, SignInRefusedError
from prisma_assets.store.account import AccountStore
from prisma_assets.store.database import Database
from prisma_assets.store.second_factor import KnownFactor, SecondFactorStore

SECRET_BYTES = 20
"""160 bits: what RFC 4226 §4 recommends, and a length apps take without padding."""
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
"""80 random bits: nobody guesses one from its hash, and it can still be typed."""


@dataclass(frozen=True, kw_only=True)
class NewFactor:
    """A second factor just made; it is shown this once."""

    secret: str
    link: str
    recovery_codes: tuple[str, ...]
    """For a lost phone, each good once."""


@dataclass(frozen=True)
class SecondFactors:
    """Second factors of one firm's users."""

    database: Database
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def give(self, name: str, *, by: str) -> NewFactor:
        """Give a user a second factor, in place of the one before.

        Raises:
            InputError: Nobody has the name.
        """
        secret = _base32(SECRET_BYTES)
        codes = tuple(_base32(RECOVERY_BYTES) for _ in range(RECOVERY_CODES))
        async with self.database.transaction() as transaction:
            if await AccountStore(transaction).user_to_check(name) is None:
                raise InputError(f"nobody is called '{name}'; `prisma-assets user list`")
            hashed = [_sha256(code) for code in codes]
            await SecondFactorStore(transaction).put(name, secret=secret, recovery=hashed, by=by)
        return NewFactor(secret=secret, link=app_link(name, secret), recovery_codes=codes)

    async def remove(self, name: str) -> None:
        """Let a user have none; whoever signed with it stays on record.

        Raises:
            InputError: They have none.
        """
        if not await SecondFactorStore(self.database).remove(name):
            raise InputError(f"'{name}' has no second factor; `prisma-assets user list`")

    async def show(self, name: str, code: str, *, session: str) -> int:
        """Take a code from the browser of a session, or a recovery code; gives how many recovery codes are left.

        Raises:
            SignInRefusedError: The code is wrong or was used, there were too many wrong ones, or the user has no second factor.
        """
        at, typed = self.now(), "".join(code.split()).replace("-", "").upper()
        async with self.database.transaction() as transaction:
            store = SecondFactorStore(transaction)
            known = await store.to_check(name)
            if known is None:
                raise SignInRefusedError(
                    f"You have no second factor here; whoever runs Prisma Assets gives you one: `prisma-assets user second-factor {name}`."
                )
            if known.locked_until is not None and known.locked_until > at:
                raise SignInRefusedError(_rests(known.locked_until, at))
            after = _checked(known, typed, at=at)
            await store.keep(name, after)
            is_right = after.failed == 0 and after.locked_until is None
            if is_right:
                await store.shown(_sha256(session), at=at)
        if not is_right:
            raise SignInRefusedError("This code is wrong, over, or was used before; take the next one.")  # fmt: skip
        return len(after.recovery)


def _checked(known: KnownFactor, typed: str, *, at: datetime) -> KnownFactor:
    step = step_of(typed, known.secret, at=at, after=known.last_step)
    if step is not None:
        return replace(known, last_step=step, failed=0, locked_until=None)
    if (hashed := _sha256(typed)) in known.recovery:
        left = tuple(one for one in known.recovery if one != hashed)
        return replace(known, recovery=left, failed=0, locked_until=None)
    if known.failed + 1 >= MOST_FAILURES:
        return replace(known, failed=0, locked_until=at + LOCKED_FOR)
    return replace(known, failed=known.failed + 1, locked_until=None)


def _rests(until: datetime, at: datetime) -> str:
    minutes = int((until - at).total_seconds() // 60) + 1
    return (
        f"After {MOST_FAILURES} wrong codes your second factor rests; try again in {minutes} min."
    )


def _base32(length: int) -> str:
    return base64.b32encode(secrets.token_bytes(length)).decode()


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
