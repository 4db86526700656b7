"""Which arm a unit belongs to: the same answer for the same unit everywhere, without a table."""

from hashlib import sha256

_BITS = 53
"""As many as a float holds exactly."""


def is_treated(unit: str, *, salt: str, split: float) -> bool:
    """Whether a unit gets the treatment.

    Args:
        unit: What is assigned: a task, a user or an engagement.
        salt: The experiment's own, so that experiments assign independently of each other.
        split: Share of the treatment, in [0, 1]. When it rises, treated units stay treated.

    Source: hashing with a salt, Kohavi, Tang, Xu (2020), "Trustworthy Online Controlled Experiments", chapter 4.
    """
    return place(unit, salt=salt) < split


def place(unit: str, *, salt: str) -> float:
    """A number in [0, 1) that belongs to the unit, as if drawn at random: uniform over units, independent between salts."""
    digest = sha256(f"{salt}\x1f{unit}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / float(1 << _BITS)
