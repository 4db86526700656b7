"""Instruments: whether what was measured can carry a verdict. Each check says what it looked at; an alarm says since when it is broken."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from prisma_assets.domain.experiments.metric import Kind, Metric, Role
from prisma_assets.domain.experiments.sample_ratio import ALARM, RatioEvidence
from prisma_assets.domain.experiments.verdict import Alarm

Numbers = NDArray[np.float64]
Labels = NDArray[np.object_]
LATE_P = 0.001
"""As rare as a false alarm of the sample ratio."""


@dataclass(frozen=True, kw_only=True)
class Units:
    """Units in order of arrival."""

    treated: NDArray[np.bool_]
    splits: Numbers
    """Share of the treatment promised to each, in (0, 1)."""
    values: Mapping[str, Numbers]
    """Outcomes by metric; NaN is none."""
    instruments: Mapping[str, Labels] = field(default_factory=dict)
    """With what each was measured: version of the judge, of the price table."""

    def __len__(self) -> int:
        return len(self.treated)

    def part(self, start: int, stop: int) -> "Units":
        """Units from start up to stop."""
        cut = slice(start, stop)
        return Units(
            treated=self.treated[cut], splits=self.splits[cut],
            values={name: v[cut] for name, v in self.values.items()},
            instruments={name: v[cut] for name, v in self.instruments.items()},
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Check:
    """One instrument, as it stands."""

    name: str
    is_healthy: bool
    said: str


@dataclass
class Health:
    """What is remembered of the instruments."""

    ratio: RatioEvidence = field(default_factory=RatioEvidence)
    losses: dict[str, RatioEvidence] = field(default_factory=dict)
    """Units without an outcome, by metric."""
    unpriced: dict[str, list[int]] = field(default_factory=dict)
    """Treated and control units without a price, by metric."""
    labels: dict[str, str] = field(default_factory=dict)
    """What each instrument was at first."""
    alarms: dict[str, Alarm] = field(default_factory=dict)
    """The first of each kind."""

    def update(self, metrics: tuple[Metric, ...], units: Units, *, arrived: int) -> None:
        """Look at units as they come.

        Args:
            metrics: What is measured.
            units: New units.
            arrived: Units that had arrived before.
        """
        path = self.ratio.add(treated=units.treated, splits=units.splits)
        self._raise("sample ratio", path >= math.log(ALARM), arrived, "units do not reach the arms in the promised ratio")  # fmt: skip
        for metric in metrics:
            missing = ~has_outcome(metric, units.values[metric.name])
            if metric.kind is Kind.COST:
                self._count_unpriced(metric, units, missing, arrived)
            else:
                self._count_lost(metric, units, missing, arrived)
        for name, labels in units.instruments.items():
            self._compare_labels(name, labels, arrived)

    def _count_lost(self, metric: Metric, units: Units, missing: NDArray[np.bool_], arrived: int) -> None:  # fmt: skip
        """A unit without an outcome is as likely treated as any unit, unless the treatment is why it has none."""
        evidence = self.losses.setdefault(metric.name, RatioEvidence())
        where = np.flatnonzero(missing)
        path = evidence.add(treated=units.treated[where], splits=units.splits[where])
        reached = np.zeros(len(units), dtype=bool)
        reached[where] = path >= math.log(ALARM)
        if metric.role is not Role.SECONDARY:
            self._raise(f"exposure loss: {metric.name}", reached, arrived, f"the arms lose outcomes of {metric.name} unequally")  # fmt: skip

    def _count_unpriced(self, metric: Metric, units: Units, missing: NDArray[np.bool_], arrived: int) -> None:  # fmt: skip
        counts = self.unpriced.setdefault(metric.name, [0, 0])
        counts[0] += int((missing & units.treated).sum())
        counts[1] += int((missing & ~units.treated).sum())
        if metric.role is not Role.SECONDARY:
            self._raise(f"price: {metric.name}", missing, arrived, f"units have no price, so {metric.name} is unknown, not 0")  # fmt: skip

    def _compare_labels(self, name: str, labels: Labels, arrived: int) -> None:
        if not len(labels):
            return
        first = self.labels.setdefault(name, str(labels[0]))
        changed = np.array([str(label) != first for label in labels])
        if changed.any():
            other = labels[int(changed.argmax())]
            self._raise(f"instrument: {name}", changed, arrived, f"{name} changed from {first} to {other} on the way")  # fmt: skip

    def _raise(self, name: str, broken: NDArray[np.bool_], arrived: int, reason: str) -> None:
        if broken.any() and name not in self.alarms:
            self.alarms[name] = Alarm(at=arrived + int(broken.argmax()) + 1, reason=reason)

    def checks(self) -> list[Check]:
        """Every instrument looked at."""
        said = {"sample ratio": _ratio_said(self.ratio)}
        for name, lost in self.losses.items():
            said[f"exposure loss: {name}"] = f"{lost.treated} treated and {lost.control} control units without an outcome"  # fmt: skip
        for name, (t, c) in self.unpriced.items():
            said[f"price: {name}"] = f"{t} treated and {c} control units without a price"
        for name, label in self.labels.items():
            alarm = self.alarms.get(f"instrument: {name}")
            said[f"instrument: {name}"] = alarm.reason if alarm else f"{label} throughout"
        return [Check(name=n, is_healthy=n not in self.alarms, said=s) for n, s in said.items()]

    def to_state(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "ratio": self.ratio.to_state(),
            "losses": {name: lost.to_state() for name, lost in self.losses.items()},
            "unpriced": self.unpriced, "labels": self.labels,
            "alarms": {name: [alarm.at, alarm.reason] for name, alarm in self.alarms.items()},
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Health":
        """What `to_state` wrote."""
        return cls(
            ratio=RatioEvidence.from_state(state["ratio"]),
            losses={n: RatioEvidence.from_state(s) for n, s in state["losses"].items()},
            unpriced={n: list(c) for n, c in state["unpriced"].items()}, labels=dict(state["labels"]),
            alarms={n: Alarm(at=at, reason=reason) for n, (at, reason) in state["alarms"].items()},
        )  # fmt: skip


def has_outcome(metric: Metric, values: Numbers) -> NDArray[np.bool_]:
    """Whether each unit can be compared: it has a value, and a cost has a price."""
    known: NDArray[np.bool_] = ~np.isnan(values)
    return known & (values > 0) if metric.kind is Kind.COST else known


def late_outcomes(missing: NDArray[np.bool_]) -> str | None:
    """Why outcomes seem to be still under way; None where they do not.

    Outcomes that come early are no sample of all: a failure is told sooner than a success. The last tenth of the units lacking outcomes
    far more often than those before is the sign of it.

    Args:
        missing: Whether each unit, in order of arrival, lacks its outcome.

    Source: Fisher's exact test, one-sided, at 0.001; looked at once.
    """
    last = len(missing) // 10
    late, all_missing = int(missing[len(missing) - last :].sum()), int(missing.sum())
    if not late or hypergeom.sf(late - 1, len(missing), all_missing, last) >= LATE_P:
        return None
    return f"{late} of the last {last} units have no outcome yet, {all_missing - late} of the {len(missing) - last} before"


def _ratio_said(ratio: RatioEvidence) -> str:
    promised = " and ".join(f"{split:g}" for split in ratio.counts)
    return f"{ratio.treated} treated, {ratio.control} control, promised {promised or 'nothing'}"
