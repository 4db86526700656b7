"""Whether units reach the arms in the promised proportion; a ratio that is off means that units are lost or chosen."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

Numbers = NDArray[np.float64]

PRIOR = 100.0
"""Weight of the alternatives, in units: Beta(50, 50) at an even split, which expects a ratio off by some 5 points; 55:45 is found
after a median of 1,660 units."""
ALARM = 1000.0
"""Evidence that raises the alarm: false once in 1,000 experiments at most, however often it is looked at."""


@dataclass
class RatioEvidence:
    """Evidence against a promised proportion; one count per proportion promised."""

    counts: dict[float, list[int]] = field(default_factory=dict)
    """Treated and control units by promised share of the treatment."""

    def add(self, *, treated: NDArray[np.bool_], splits: Numbers) -> Numbers:
        """Count units and tell the log evidence after each.

        The e-values of different proportions multiply, so a ramp is one experiment.

        Args:
            treated: Arm of each unit, in order of arrival.
            splits: Share of the treatment promised to each, in (0, 1).

        Source: Lindon and Malek (2022), "Anytime-valid inference for multinomial count data", NeurIPS 35, equation 8.
        """
        steps = np.zeros(len(treated))
        if not len(treated):
            return steps
        before = self.log_evidence()
        for split in sorted(set(splits.tolist())):
            mine = np.flatnonzero(splits == split)
            t0, c0 = self.counts.get(split, [0, 0])
            t = np.cumsum(np.concatenate([[t0], treated[mine]]))
            c = np.cumsum(np.concatenate([[c0], ~treated[mine]]))
            steps[mine] = np.diff(log_ratio_evidence(t, c, split))
            self.counts[split] = [int(t[-1]), int(c[-1])]
        evidence: Numbers = before + np.cumsum(steps)
        return evidence

    def log_evidence(self) -> float:
        """As it stands."""
        return sum(
            float(log_ratio_evidence(np.array([t]), np.array([c]), split)[0])
            for split, (t, c) in self.counts.items()
        )

    @property
    def treated(self) -> int:
        """Treated units so far."""
        return sum(t for t, _ in self.counts.values())

    @property
    def control(self) -> int:
        """Control units so far."""
        return sum(c for _, c in self.counts.values())

    def to_state(self) -> list[list[float]]:
        """As JSON values."""
        return [[split, *counts] for split, counts in self.counts.items()]

    @classmethod
    def from_state(cls, state: list[list[float]]) -> "RatioEvidence":
        """What `to_state` wrote."""
        return cls({split: [int(t), int(c)] for split, t, c in state})


def log_ratio_evidence(
    treated: NDArray[np.int64], control: NDArray[np.int64], split: float
) -> Numbers:
    """Log e-value of counts against a share of the treatment in (0, 1): a beta mixture of shares over the promised one."""
    a, b = PRIOR * split, PRIOR * (1 - split)
    mixture = betaln(a + treated, b + control) - betaln(a, b)
    promised = treated * math.log(split) + control * math.log1p(-split)
    evidence: Numbers = mixture - promised
    return evidence
