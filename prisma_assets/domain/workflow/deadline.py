"""When people are reminded of a sign-off, and when the time for it is over. All times count from the moment it was asked for."""

from dataclasses import dataclass

from prisma_assets.domain.workflow.part import SignOff

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"))


@dataclass(frozen=True, kw_only=True)
class Remind:
    """Those whose signature is missing are to be reminded."""

    number: int
    """Of the reminder; greater by more than one than the last when nobody looked at the clock for a while."""


@dataclass(frozen=True, kw_only=True)
class Expire:
    """Nobody has decided in time."""


def due_now(
    sign_off: SignOff, *, waited_seconds: float, reminders: int, is_expired: bool
) -> Remind | Expire | None:
    """What the clock is to do about a sign-off that waits.

    Args:
        sign_off: The template's.
        waited_seconds: Time since it was asked for.
        reminders: Number of the last reminder; 0 before the first.
        is_expired: Whether the expiry has happened already.
    """
    if sign_off.expires is not None and not is_expired and waited_seconds >= sign_off.expires.after:
        return Expire()
    if sign_off.remind is not None and waited_seconds // sign_off.remind > reminders:
        return Remind(number=int(waited_seconds // sign_off.remind))
    return None


def next_due_seconds(
    sign_off: SignOff, *, reminders: int = 0, is_expired: bool = False
) -> float | None:
    """Time from the asking to the next thing the clock does; None when nothing is to come."""
    times: list[float] = []
    if sign_off.remind is not None:
        times.append((reminders + 1) * sign_off.remind)
    if sign_off.expires is not None and not is_expired:
        times.append(sign_off.expires.after)
    return min(times, default=None)


def span(seconds: float) -> str:
    """A duration for a person: `5 d`, `90 s`."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds / size)} {unit}"
    return f"{seconds:g} s"
