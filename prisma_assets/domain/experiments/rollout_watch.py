"""Watches the guardrails of a staged rollout against the version that serves the rest of the work at the same time.

Every guardrail is an e-process against "not worse than the control", so it may be looked at after every unit; the same as in an experiment.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.health import Health, Units, has_outcome
from prisma_assets.domain.experiments.rollout import STAGES, Watched
from prisma_assets.domain.experiments.track import Track
from prisma_assets.domain.experiments.verdict import Finding

STATE_VERSION = 1
"""Rises when a state stored before would be misread."""


class RolloutWatch:
    """What is remembered of one rollout; `to_state` and `from_state` carry it between processes."""

    def __init__(self, design: Design) -> None:
        """Begin with nothing seen.

        Args:
            design: Of `rollout_design`; its metrics are all guardrails.
        """
        self.design = design
        self.tracks = {m.name: Track(m, design) for m in design.metrics}
        self.health = Health()
        self.arrived = 0
        """Units of both versions that have arrived."""

    def update(self, units: Units) -> None:
        """Take in the next units. Any way of cutting the stream into updates gives the same state."""
        at = np.arange(self.arrived + 1, self.arrived + len(units) + 1)
        self.health.update(self.design.metrics, units, arrived=self.arrived)
        for track in self.tracks.values():
            values = units.values[track.metric.name]
            mine = has_outcome(track.metric, values)
            track.update(values[mine], treated=units.treated[mine], splits=units.splits[mine], at=at[mine])  # fmt: skip
        self.arrived += len(units)

    def watched(self) -> Watched:
        """What is known now. Harm that was shown before a guardrail was shown unharmed counts, whatever came later."""
        findings = [track.finding() for track in self.tracks.values()]
        harmed = sorted((f.harmed_at, f.name) for f in findings if self._is_harmed(f))
        if harmed:
            at, name = harmed[0]
            reason = f"{name} is worse than the version beside it, shown after {at} units"
            return Watched(harmed=reason)
        alarms = sorted(self.health.alarms.values(), key=lambda alarm: alarm.at)
        if alarms:
            return Watched(broken=alarms[0].reason)
        return Watched(unproven=tuple(f.name for f in findings if f.safe_at is None))

    def _is_harmed(self, finding: Finding) -> bool:
        """Shown before it was shown unharmed, and before an instrument that it rests on broke."""
        at = finding.harmed_at
        if at is None or (finding.safe_at is not None and finding.safe_at < at):
            return False
        return not any(
            alarm.at <= at and _concerns(name, finding.name)
            for name, alarm in self.health.alarms.items()
        )

    def evidence(self) -> dict[str, Any]:
        """Per guardrail: comparisons, effect with its confidence sequence, margin; None where nothing is known yet."""
        return {name: _evidence(track) for name, track in self.tracks.items()}

    def to_state(self) -> dict[str, Any]:
        """Everything remembered, as JSON values."""
        return {
            "version": STATE_VERSION, "arrived": self.arrived, "health": self.health.to_state(),
            "tracks": {name: track.to_state() for name, track in self.tracks.items()},
        }  # fmt: skip

    @classmethod
    def from_state(cls, design: Design, state: Mapping[str, Any]) -> "RolloutWatch":
        """What `to_state` wrote, under the design it was started with.

        Raises:
            PrismaError: Another version wrote it.
        """
        if state.get("version") != STATE_VERSION:
            raise PrismaError(
                f"the stored state of a rollout has version {state.get('version')}, this one reads {STATE_VERSION}; "
                "delete it and the rollout is counted anew from its units"
            )
        watch = cls(design)
        watch.arrived = state["arrived"]
        watch.health = Health.from_state(state["health"])
        watch.tracks = {
            m.name: Track.from_state(m, design, state["tracks"][m.name]) for m in design.metrics
        }
        return watch


def rollout_design(guardrails: Design) -> Design:
    """The design of a rollout: the guardrails of an experiment's design, at the shares of the stages."""
    splits = tuple(s.percent / 100 for s in STAGES[:-1])
    return Design(
        metrics=guardrails.guardrails, splits=splits, alpha=guardrails.alpha,
        alpha_rollback=guardrails.alpha_rollback,
    )  # fmt: skip


def _concerns(alarm: str, metric: str) -> bool:
    """A price nobody knows breaks the cost and nothing else; a wrong ratio of the arms breaks everything."""
    about, _, name = alarm.partition(": ")
    return about in ("sample ratio", "instrument") or name == metric


def _evidence(track: Track) -> dict[str, Any]:
    estimate = track.estimate()
    return {
        "blocks": estimate.blocks if estimate else 0,
        "effect": estimate.effect if estimate else None,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
        "margin": track.metric.margin,
        "harmed_at": track.finding().harmed_at,
        "safe_at": track.finding().safe_at,
    }
