"""Which strange values a person is told of: rare ones, large ones, and only when they are news."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prisma_assets.domain.monitoring.anomaly_judgement import Finding

THRESHOLD = 0.985
"""Score from which a value is an anomaly: stranger than 98.5 % of the series' own past. One for all series."""
WARM_UP = 100
"""Values before anything is an anomaly: a p-value of 1.5 % needs 66 of them, and the first are the least typical."""
COOLDOWN = 100
"""Values after an anomaly in which more of the same is no news: half of what the longest measure looks back on."""
ALERT_PRICE = 10**0.25
"""How many times rarer the next anomaly of the series must be; after four in a row, ten times."""
FORGIVEN_DAYS = 5.0
"""Days until the price of one alert is forgiven: however noisy a series, in the long run it alerts no oftener."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What one series has reported; immutable."""

    row: int | None = None
    """Number of the value that alerted last."""
    at: datetime | None = None
    """When that was."""
    owed: float = 0.0
    """Alerts not yet forgiven at that time, that one included."""

    def decide(
        self, p_value: float, *, is_large: bool, row: int, at: datetime
    ) -> "tuple[Finding, Gate]":
        """Judge a value and remember what was reported.

        Args:
            p_value: Share of the past at least as strange, in (0, 1].
            is_large: Whether it is far from the past in the series' own measure, and not merely the farthest.
            row: Number of the value, counted from 1 and rising.
            at: When it was measured; a time before the last alert counts as the time of that alert.
        """
        if row <= WARM_UP:
            return Finding.LEARNING, self
        owed = self._owed(at)
        is_rare = p_value <= (1 - THRESHOLD) / ALERT_PRICE**owed
        is_news = self.row is None or row - self.row > COOLDOWN
        if is_rare and is_news and is_large:
            return Finding.ANOMALY, Gate(row=row, at=at, owed=owed + 1)
        return Finding.USUAL, self

    def _owed(self, at: datetime) -> float:
        if self.at is None:
            return 0.0
        days = max(0.0, (at - self.at).total_seconds() / 86_400)
        return max(0.0, self.owed - days / FORGIVEN_DAYS)

    def to_state(self) -> dict[str, Any]:
        """As JSON values."""
        return {"row": self.row, "at": self.at.isoformat() if self.at else None, "owed": self.owed}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Gate":
        """The gate that `to_state` wrote."""
        at = datetime.fromisoformat(state["at"]) if state["at"] else None
        return cls(row=state["row"], at=at, owed=state["owed"])
