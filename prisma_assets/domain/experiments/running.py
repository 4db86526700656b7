"""An experiment on an agent while it runs: outcomes in, as they ripen; a judgement with all its numbers out, at any moment."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from prisma_assets.domain.experiments.experiment import Experiment
from prisma_assets.domain.experiments.health import Units
from prisma_assets.domain.experiments.metric import Kind, Metric, Role
from prisma_assets.domain.experiments.plan import Plan
from prisma_assets.domain.experiments.replay import needed_of
from prisma_assets.domain.experiments.track import Track
from prisma_assets.domain.experiments.verdict import Alarm, Decision, Hold, Inconclusive, Verdict

NOTHING = hashlib.sha256(b"").hexdigest()
"""Hash of no data."""
ARMS = ("A", "B")
_BETWEEN = "\x1f"
"""Between values: JSON escapes it inside of strings, so one text of many units can be cut into that of each."""
_MANY = json.JSONEncoder(sort_keys=True, separators=(_BETWEEN, ": "))


@dataclass(frozen=True, kw_only=True)
class Started:
    """A declaration that runs."""

    plan: Plan
    started_at: datetime
    control_version: str
    treatment_version: str
    min_samples: int
    """Units of each arm before one of them is chosen."""

    def version(self, variant: str) -> str:
        """What an arm is served."""
        return self.treatment_version if variant == "B" else self.control_version

    @property
    def may_choose_from(self) -> datetime:
        """End of the least duration, by the clock of exposures."""
        return self.started_at + timedelta(hours=self.plan.min_hours)

    @property
    def ends_at(self) -> datetime:
        """By then the last unit of the longest duration has been read."""
        return self.started_at + timedelta(days=self.plan.max_days, hours=self.plan.outcome_hours)


@dataclass(frozen=True, kw_only=True)
class UnitOutcome:
    """One unit when its time is over."""

    unit: str
    variant: str
    split: float
    exposed_at: datetime
    values: Mapping[str, float | None]
    """By metric; None: it has none."""
    versions: frozenset[str] = frozenset()
    """Versions of the agent that worked for it."""
    is_crossed: bool = False
    """It met the other arm, too."""
    price_version: str | None = None


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What may be concluded now."""

    verdict: Verdict
    decided_at: int | None
    """Units that had been read; None: nothing is decided."""
    units: int
    is_over: bool
    """Nothing further can change it."""
    numbers: Mapping[str, Any]
    """Every number it rests on, as JSON values."""

    @property
    def word(self) -> str:
        """The verdict without its reason."""
        return "hold" if isinstance(self.verdict, Hold) else self.verdict.word


class RunningExperiment:
    """What is remembered of a running experiment."""

    def __init__(self, started: Started) -> None:
        self.started = started
        self.experiment = Experiment(started.plan.design)
        self.sums: dict[str, dict[str, list[float]]] = {
            m.name: {arm: [0, 0.0, 0.0, 0] for arm in ARMS} for m in started.plan.metrics
        }
        """By metric and arm: n, sum, sum of squares, count of ones."""
        self.exposed = dict.fromkeys(ARMS, 0)
        self.early = 0
        """Units exposed before the least duration was over."""
        self.enough_at: int | None = None
        """Units read when each arm had its least number."""
        self.alarms: dict[str, Alarm] = {}
        self.price_version: str | None = None
        self.data_sha256 = NOTHING
        """Chained over every unit that was read."""
        self._told: Mapping[str, Any] | None = None
        """The numbers as they were told last; None: something has come since. Intervals are most of what a look costs."""

    # ---- outcomes in

    def take(self, outcomes: Sequence[UnitOutcome]) -> None:
        """Read the next units, in the order of their exposures. Any way of cutting the stream gives the same state."""
        if not outcomes:
            return
        self._told = None
        self._chain(outcomes)
        for number, one in enumerate(outcomes, start=self.experiment.arrived + 1):
            self._count(one)
            self._look_for_mixture(one, number)
            if self.enough_at is None and min(self.exposed.values()) >= self.started.min_samples:
                self.enough_at = number
        self.experiment.update(self._units(outcomes))

    def _units(self, outcomes: Sequence[UnitOutcome]) -> Units:
        columns = {
            m.name: np.array([_number(o.values.get(m.name)) for o in outcomes])
            for m in self.started.plan.metrics
        }
        return Units(
            treated=np.array([o.variant == "B" for o in outcomes]),
            splits=np.array([o.split for o in outcomes]), values=columns,
            instruments={"price table": self._prices(outcomes)} if self._pays else {},
        )  # fmt: skip

    @property
    def _pays(self) -> bool:
        metrics = self.started.plan.metrics
        return any(m.kind is Kind.COST and m.role is not Role.SECONDARY for m in metrics)

    def _prices(self, outcomes: Sequence[UnitOutcome]) -> Any:
        labels = []
        for one in outcomes:
            self.price_version = one.price_version or self.price_version
            labels.append(self.price_version or "none")
        return np.array(labels, dtype=object)

    def _count(self, one: UnitOutcome) -> None:
        self.exposed[one.variant] += 1
        self.early += one.exposed_at < self.started.may_choose_from
        for metric in self.started.plan.metrics:
            value = one.values.get(metric.name)
            if value is not None:
                sums = self.sums[metric.name][one.variant]
                self.sums[metric.name][one.variant] = [
                    sums[0] + 1, sums[1] + value, sums[2] + value * value, sums[3] + (value == 1),
                ]  # fmt: skip

    def _chain(self, outcomes: Sequence[UnitOutcome]) -> None:
        """Each hash is that of `[hash before, unit, arm, share, moment, values, price table]` as JSON; all are written at once, in a fifth of the time."""
        rows = [
            [o.unit, o.variant, o.split, o.exposed_at.isoformat(), dict(o.values), o.price_version]
            for o in outcomes
        ]
        for row in _MANY.encode(rows)[2:-2].split(f"]{_BETWEEN}["):
            said = f'["{self.data_sha256}", {row.replace(_BETWEEN, ", ")}]'
            self.data_sha256 = hashlib.sha256(said.encode()).hexdigest()

    def _look_for_mixture(self, one: UnitOutcome, number: int) -> None:
        due = self.started.version(one.variant)
        if one.is_crossed:
            self._raise("both arms", number, f"{one.unit} met both versions")
        elif one.versions - {due}:
            other = ", ".join(sorted(one.versions - {due}))
            self._raise(
                "versions",
                number,
                f"{one.unit} of arm {one.variant} was served {other} instead of {due}",
            )

    def _raise(self, name: str, at: int, reason: str) -> None:
        if name not in self.alarms:
            self.alarms[name] = Alarm(at=at, reason=reason)
            self._told = None

    # ---- judgement out

    def judge(self, *, now: datetime, version_at_work: str) -> Judgement:
        """What may be concluded.

        Args:
            now: Moment of the look.
            version_at_work: Of the agent; another one than the control's means that somebody changed or rolled it back.
        """
        arrived = self.experiment.arrived
        if version_at_work != self.started.control_version:
            self._raise("version at work", arrived, f"the agent was changed or rolled back meanwhile: {version_at_work} is at work, the control is {self.started.control_version}")  # fmt: skip
        decision = self.experiment.decision(
            earliest=self._earliest(now), others=tuple(self.alarms.values())
        )
        is_over = now >= self.started.ends_at
        verdict = self._softened(decision, is_over=is_over)
        decided_at = None if isinstance(verdict, Inconclusive) else decision.at
        ends = decided_at is not None and not isinstance(verdict, Hold)
        return Judgement(
            verdict=verdict, decided_at=decided_at, units=arrived, is_over=ends or is_over, numbers=self.numbers(),
        )  # fmt: skip

    def _earliest(self, now: datetime) -> int:
        """Units read before which neither arm is chosen; one more than all while that may still grow."""
        if now < self.started.may_choose_from or self.enough_at is None:
            return self.experiment.arrived + 1
        return max(self.early, self.enough_at)

    def _softened(self, decision: Decision, *, is_over: bool) -> Verdict:
        """Too little data is no broken instrument while more is to come, and no reason to choose once nothing is."""
        verdict = decision.verdict
        alarms = {a.reason for a in (*self.alarms.values(), *self.experiment.health.alarms.values())}  # fmt: skip
        if isinstance(verdict, Hold) and verdict.reason not in alarms and not is_over:
            return Inconclusive(reason=f"too early: {verdict.reason}")
        if isinstance(verdict, Inconclusive) and is_over:
            return Inconclusive(reason=f"the longest duration is over, and {verdict.reason}; the control stays")  # fmt: skip
        return verdict

    @property
    def is_told(self) -> bool:
        """Whether nothing has come since the numbers were told last."""
        return self._told is not None

    def numbers(self) -> Mapping[str, Any]:
        """Every number, as JSON values; null where there is none."""
        if self._told is None:
            self._told = self._tell()
        return self._told

    def _tell(self) -> dict[str, Any]:
        primary = self.experiment.tracks[self.started.plan.design.primary.name]
        return {
            "exposed": dict(self.exposed),
            "needed_blocks": needed_of(primary),
            "metrics": [self._metric(track) for track in self.experiment.tracks.values()],
            "checks": [
                *({"name": c.name, "is_healthy": c.is_healthy, "said": c.said} for c in self.experiment.health.checks()),
                *({"name": name, "is_healthy": False, "said": a.reason} for name, a in self.alarms.items()),
            ],
        }  # fmt: skip

    def _metric(self, track: Track) -> dict[str, Any]:
        metric, estimate = track.metric, track.estimate()
        arms = self.sums[metric.name]
        return {
            **metric_json(metric),
            "n": {arm: int(s[0]) for arm, s in arms.items()},
            "mean": {arm: s[1] / s[0] if s[0] else None for arm, s in arms.items()},
            "blocks": estimate.blocks if estimate else 0,
            "effect": estimate.effect if estimate else None,
            "low": estimate.low if estimate else None,
            "high": estimate.high if estimate else None,
            "events": dict(track.events),
        }

    # ---- between processes

    def to_state(self) -> dict[str, Any]:
        """Everything remembered but the hash, as JSON values."""
        return {
            "experiment": self.experiment.to_state(), "sums": self.sums, "exposed": self.exposed, "early": self.early,
            "enough_at": self.enough_at, "price_version": self.price_version,
            "alarms": {name: [a.at, a.reason] for name, a in self.alarms.items()}, "told": self._told,
        }  # fmt: skip

    @classmethod
    def from_state(
        cls, started: Started, state: Mapping[str, Any], *, data_sha256: str
    ) -> "RunningExperiment":
        """What `to_state` wrote.

        Raises:
            PrismaError: Another version wrote it.
        """
        made = cls(started)
        made.experiment = Experiment.from_state(started.plan.design, state["experiment"])
        made.sums = {m: {a: list(s) for a, s in arms.items()} for m, arms in state["sums"].items()}
        made.exposed = dict(state["exposed"])
        made.early, made.enough_at = state["early"], state["enough_at"]
        made.price_version = state["price_version"]
        made.alarms = {n: Alarm(at=at, reason=r) for n, (at, r) in state["alarms"].items()}
        made.data_sha256, made._told = data_sha256, state["told"]
        return made


def metric_json(metric: Metric) -> dict[str, Any]:
    """A metric's definition as JSON values."""
    return {
        "name": metric.name, "kind": metric.kind.value, "direction": metric.direction.value,
        "margin": metric.margin, "role": metric.role.value,
    }  # fmt: skip


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
