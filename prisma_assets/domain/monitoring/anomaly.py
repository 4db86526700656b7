"""Streaming detector of anomalies in one series: each value is judged once, by what came before it and nothing else.

Distances belong to `anomaly_novelty`, what is news to `anomaly_gate`, words to `anomaly_explanation`.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.monitoring.anomaly_gate import THRESHOLD, Gate
from prisma_assets.domain.monitoring.anomaly_judgement import (
    Evidence,
    Finding,
    Judgement,
    Sign,
    Usual,
)
from prisma_assets.domain.monitoring.anomaly_memory import Memory, RankMemory
from prisma_assets.domain.monitoring.anomaly_novelty import (
    LONGEST,
    PAST,
    coarse_novelty,
    fine_novelty,
    level_shift,
)

RECORD_BONUS = 1.0
"""Evidence of a value never seen so high or so low, as much as a factor of ten in every p-value: the measures dilute a
single value by its neighbours, and people ask about records."""
RANKED = 4000
"""Surprises each new one is ranked among, so that the smallest p-value is 1 in 4,001."""
HOUR_DAYS, HOUR_VALUES = 3, 12
"""Days and values before people are told what is usual at this hour: fewer are a coincidence, not a habit."""
USUAL_QUANTILES = (0.05, 0.95)
"""Nine of ten values: a range that single outliers of the past do not stretch."""
STATE_VERSION = 1
"""Rises when a state stored before would be misread."""

_MEASURES = {Sign.COURSE: 2.25, Sign.LONG_COURSE: 2.25, Sign.LEVEL: 5.0}
"""How many times its usual size one of the measures must be: in pure noise too 1.5 % are the strangest, but few are so
far out. Distances of courses gather around their median; a shift of level is half a normal curve, where five medians
are 3.4 standard deviations."""
_OVERALL = "overall"
_KEPT = PAST + LONGEST


class AnomalyDetector:
    """What is remembered of one series, at most 0.2 MB; `to_state` and `from_state` carry it between processes."""

    def __init__(self) -> None:
        self._values = Memory(_KEPT)
        self._hours = Memory(_KEPT, dtype="<i4")
        self._ranks = {name: RankMemory.of(RANKED) for name in (*_MEASURES, _OVERALL)}
        self._low, self._high = math.inf, -math.inf
        self._seen = 0
        self._gate = Gate()

    def update(self, at: datetime, value: float | None) -> Judgement:
        """Judge the next value, then learn it.

        Args:
            at: When it was measured, in the firm's time of day. Only the hour and the time since the last alert are
                used, so gaps and irregular steps do no harm.
            value: Any unit; None, NaN and infinities are no data and change nothing.
        """
        if value is None or not math.isfinite(value):
            return Judgement(finding=Finding.NO_DATA)
        record = self._learn(at, value)
        with np.errstate(over="ignore"):  # a distance beyond the floats ranks first, as it should
            p_values = self._p_values()
            p_value = self._overall(p_values, bonus=RECORD_BONUS if record else 0.0)
        is_candidate = p_value <= 1 - THRESHOLD
        is_large = is_candidate and self._is_large(p_values)
        finding, self._gate = self._gate.decide(p_value, is_large=is_large, row=self._seen, at=at)
        score = 1 - p_value
        if finding is Finding.ANOMALY:
            evidence = self._evidence(record, p_values)
            return Judgement(finding=finding, score=score, evidence=evidence)
        return Judgement(finding=finding, score=score / 2 if is_candidate else score)

    def _learn(self, at: datetime, value: float) -> Sign | None:
        """Remember the value; say whether it is a new extreme."""
        record = None
        if self._seen and value > self._high:
            record = Sign.RECORD_HIGH
        elif self._seen and value < self._low:
            record = Sign.RECORD_LOW
        self._low, self._high = min(value, self._low), max(value, self._high)
        self._values.append(value)
        self._hours.append(at.toordinal() * 24 + at.hour)
        self._seen += 1
        return record

    def _p_values(self) -> dict[Sign, float]:
        """How rare each measure of the newest value is among its own past, without those it is too early for."""
        values = self._values.values
        now, before = level_shift(values)
        distances = (fine_novelty(values), coarse_novelty(values), abs(now - before))
        measured = zip(_MEASURES, distances, strict=True)
        return {sign: self._ranks[sign].p_value(d) for sign, d in measured if d is not None}

    def _overall(self, p_values: Mapping[Sign, float], *, bonus: float) -> float:
        """One p-value from several, by rank among the past's.

        Fisher's statistic (1932) but for a factor; the rank calibrates it, so the measures may depend on each other.
        """
        evidence = sum(-math.log10(p) for p in p_values.values()) / len(p_values)
        return self._ranks[_OVERALL].p_value(evidence + bonus)

    def _is_large(self, measured: Iterable[Sign]) -> bool:
        return any(self._ranks[sign].size() >= _MEASURES[sign] for sign in measured)

    def _evidence(self, record: Sign | None, p_values: Mapping[Sign, float]) -> Evidence:
        rarest = min(p_values, key=p_values.__getitem__)
        return Evidence(
            signs=(record, rarest) if record else (rarest,),
            usual=self._usual(),
            levels=level_shift(self._values.values),
            seen=self._seen,
        )

    def _usual(self) -> Usual:
        """Where most values before the newest lay, at its hour of the day where enough of them are known."""
        values, hours = self._values.values[:-1], self._hours.values
        same_hour = hours[:-1] % 24 == hours[-1] % 24
        days = len(np.unique(hours[:-1][same_hour]))
        at_this_hour = days >= HOUR_DAYS and int(same_hour.sum()) >= HOUR_VALUES
        low, high = np.quantile(values[same_hour] if at_this_hour else values, USUAL_QUANTILES)
        return Usual(low=float(low), high=float(high), at_this_hour=at_this_hour)

    def to_state(self) -> dict[str, Any]:
        """Everything remembered, as JSON values."""
        return {
            "version": STATE_VERSION,
            "values": self._values.to_text(),
            "hours": self._hours.to_text(),
            "ranks": {name: rank.memory.to_text() for name, rank in self._ranks.items()},
            "range": [self._low, self._high] if self._seen else None,
            "seen": self._seen,
            "gate": self._gate.to_state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "AnomalyDetector":
        """The detector that `to_state` wrote.

        Raises:
            PrismaError: Another version wrote it.
        """
        if state.get("version") != STATE_VERSION:
            raise PrismaError(
                f"the stored state of an anomaly detector has version {state.get('version')}, this one reads {STATE_VERSION}; "
                "delete it and the detector learns the series anew"
            )
        detector = cls()
        detector._values = Memory.from_text(state["values"], capacity=_KEPT)
        detector._hours = Memory.from_text(state["hours"], capacity=_KEPT, dtype="<i4")
        detector._ranks = {
            name: RankMemory.from_text(state["ranks"][name], capacity=RANKED)
            for name in detector._ranks
        }
        if state["range"]:
            detector._low, detector._high = state["range"]
        detector._seen = state["seen"]
        detector._gate = Gate.from_state(state["gate"])
        return detector
