"""What is signed with a second factor, and the codes an authenticator app shows (RFC 6238 on RFC 4226)."""

import base64
import hmac
import struct
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

STEP_SECONDS = 30
"""RFC 6238 §5.2, and what every app assumes."""
DIGITS = 6
SKEW_STEPS = 1
"""A code is good one step early or late: clocks differ, and people type (RFC 6238 §6)."""
FRESH_FOR = timedelta(minutes=10)
"""The firm's rule allows a day (domain facts §7.2: 86,400 s); a code this fresh also shows that the person who signed in is the
one who signs now, and several signatures still go with one code."""
SIGNED_WITH_IT: Final = frozenset(
    {"AUDIT_PLAN_FREEZE", "AUDIT_REPORT_RELEASE", "EQR_SIGNOFF", "CLOSE_LOCK_APPROVAL", "TAX_RETURN_SUBMIT"}
)  # fmt: skip
"""Kinds of approval (domain facts §7.2 and, for returns, step t07 of §4.3; 2026-11)."""


def needs_second_factor(kind: str) -> bool:
    """Whether this kind of approval is given with a second factor alone."""
    return kind in SIGNED_WITH_IT


def is_fresh(proved_at: datetime | None, *, now: datetime) -> bool:
    """Whether a second factor shown then counts now; None: none was shown."""
    return proved_at is not None and now - proved_at <= FRESH_FOR


def code_of(secret: str, step: int, *, digits: int = DIGITS) -> str:
    """The code of a step (RFC 4226 §5.3, with HMAC-SHA-1 as apps have it).

    Args:
        secret: In base32, as apps take it.
        step: Steps since 1970.
        digits: How long the code is.
    """
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), "sha1")
    offset = mac[-1] & 0xF
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_of(code: str, secret: str, *, at: datetime, after: int) -> int | None:
    """The step a code belongs to; None when it is wrong, over, or its step or a later one has been used.

    Args:
        code: As typed, without blanks.
        secret: In base32.
        at: Now.
        after: The last step a code of which was taken: each is good once (RFC 6238 §5.2).
    """
    now = int(at.timestamp()) // STEP_SECONDS
    steps = range(max(now - SKEW_STEPS, after + 1), now + SKEW_STEPS + 1)
    return next((n for n in steps if hmac.compare_digest(code_of(secret, n).encode(), code.encode())), None)  # fmt: skip


def app_link(name: str, secret: str) -> str:
    """What an authenticator app opens (Key URI Format of Google Authenticator)."""
    return f"otpauth://totp/Prisma%20Assets:{quote(name)}?secret={secret}&issuer=Prisma%20Assets"
