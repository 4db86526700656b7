"""What a detector says of one value; nothing here decides."""

from dataclasses import dataclass
from enum import StrEnum


class Finding(StrEnum):
    """What is known about one value."""

    NO_DATA = "NO_DATA"
    """There was no value: nothing is concluded, and nothing learnt. Absence has alert rules of its own."""
    LEARNING = "LEARNING"
    """The past is too short to call anything unusual."""
    USUAL = "USUAL"
    """Like the past, or more of an event that was reported already."""
    ANOMALY = "ANOMALY"
    """Unlike the past, and news."""


class Sign(StrEnum):
    """What is strange about a value."""

    RECORD_HIGH = "record_high"
    """Higher than every value before it."""
    RECORD_LOW = "record_low"
    """Lower than every value before it."""
    COURSE = "course"
    """The last dozen values run unlike any dozen before."""
    LONG_COURSE = "long_course"
    """The same of the last half hundred values, smoothed."""
    LEVEL = "level"
    """The mean of the last values is far from that of the values before them."""


@dataclass(frozen=True, kw_only=True)
class Usual:
    """Between what nine of ten past values lay."""

    low: float
    high: float
    at_this_hour: bool
    """True: values of the same hour of the day on several days; False: all values remembered."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Why a value is an anomaly, for people to check."""

    signs: tuple[Sign, ...]
    """What is strange, a record first."""
    usual: Usual
    levels: tuple[float, float]
    """Means of the last values and of as many before them."""
    seen: int
    """Values so far, this one included."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the detector makes of one value."""

    finding: Finding
    score: float | None = None
    """In [0, 1): share of the past that was less strange, halved where it is no anomaly for another reason: too small,
    too early, or no news. None: no data."""
    evidence: Evidence | None = None
    """Of an anomaly; None otherwise."""

    @property
    def is_anomaly(self) -> bool:
        """True when a person should be told."""
        return self.finding is Finding.ANOMALY
