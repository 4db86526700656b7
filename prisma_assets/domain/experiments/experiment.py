"""A running experiment: units in, verdict out, at any moment, from a state of counts.

Reading units from a file or a table does not belong here, nor does telling people.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.health import Health, Units, has_outcome
from prisma_assets.domain.experiments.look import FEWEST
from prisma_assets.domain.experiments.metric import Role
from prisma_assets.domain.experiments.track import Track
from prisma_assets.domain.experiments.verdict import Alarm, Decision, Hold, decide

STATE_VERSION = 1
"""Rises when a state stored before would be misread."""


class Experiment:
    """What is remembered of one experiment; `to_state` and `from_state` carry it between processes."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.tracks = {m.name: Track(m, design) for m in design.metrics}
        self.health = Health()
        self.arrived = 0
        """Units that have arrived."""

    def update(self, units: Units) -> None:
        """Take in the next units. Any way of cutting the stream into updates gives the same state."""
        at = np.arange(self.arrived + 1, self.arrived + len(units) + 1)
        self.health.update(self.design.metrics, units, arrived=self.arrived)
        for track in self.tracks.values():
            values = units.values[track.metric.name]
            mine = has_outcome(track.metric, values)
            track.update(values[mine], treated=units.treated[mine], splits=units.splits[mine], at=at[mine])  # fmt: skip
        self.arrived += len(units)

    def decision(self, *, earliest: int = 0, others: tuple[Alarm, ...] = ()) -> Decision:
        """The verdict as it stands.

        Args:
            earliest: Units that had arrived when the minimum duration was over.
            others: Alarms of whoever fed the units: late labels, pairs without a partner.
        """
        primary = self.tracks[self.design.primary.name].finding()
        guardrails = tuple(self.tracks[m.name].finding() for m in self.design.guardrails)
        alarms = (*self.health.alarms.values(), *others)
        decided = decide(primary, guardrails, alarms, arrived=self.arrived, earliest=earliest)
        blind = None if decided.at is not None else self._blind()
        return Decision(verdict=Hold(reason=blind), at=self.arrived) if blind else decided

    def _blind(self) -> str | None:
        """Why nothing can be seen, where nothing can."""
        if not self.health.ratio.treated or not self.health.ratio.control:
            arm = "control" if self.health.ratio.treated else "treatment"
            return f"the {arm} was never exposed"
        for track in self.tracks.values():
            counts = track.tally.summary()
            if track.metric.role is Role.SECONDARY:
                continue
            if counts.n < FEWEST:
                return f"{counts.n} comparisons of {track.metric.name} after the warm-up, of at least {FEWEST}"
            if not counts.squares:
                return f"{track.metric.name} never differs between the arms"
        return None

    def to_state(self) -> dict[str, Any]:
        """Everything remembered, as JSON values."""
        return {
            "version": STATE_VERSION, "arrived": self.arrived, "health": self.health.to_state(),
            "tracks": {name: track.to_state() for name, track in self.tracks.items()},
        }  # fmt: skip

    @classmethod
    def from_state(cls, design: Design, state: Mapping[str, Any]) -> "Experiment":
        """The experiment that `to_state` wrote, under the design it was started with.

        Raises:
            PrismaError: Another version wrote it.
        """
        if state.get("version") != STATE_VERSION:
            raise PrismaError(
                f"the stored state of an experiment has version {state.get('version')}, this one reads {STATE_VERSION}; "
                "delete it and the experiment is counted anew from its units"
            )
        experiment = cls(design)
        experiment.arrived = state["arrived"]
        experiment.health = Health.from_state(state["health"])
        experiment.tracks = {
            m.name: Track.from_state(m, design, state["tracks"][m.name]) for m in design.metrics
        }
        return experiment
