"""A record of counts, means and variances judged as the running experiment would have been."""

import math
from collections.abc import Sequence

import numpy as np

from prisma_assets.domain.experiments.health import Check
from prisma_assets.domain.experiments.metric import Role
from prisma_assets.domain.experiments.replay import (
    Reading,
    Replay,
    needed_blocks,
    steps,
    with_discoveries,
)
from prisma_assets.domain.experiments.sample_ratio import ALARM, log_ratio_evidence
from prisma_assets.domain.experiments.summary import Looks, SummaryTrack
from prisma_assets.domain.experiments.verdict import Alarm, Decision, Hold, decide


def replay_summaries(tracks: Sequence[SummaryTrack], *, earliest: int = 0) -> Replay:
    """Judge look by look; what a `Replay` counts in units is counted in looks here.

    Args:
        tracks: One per metric of a design, all with the same looks.
        earliest: First look at which the minimum duration was over.
    """
    primary = next(t for t in tracks if t.metric.role is Role.PRIMARY)
    guardrails = [t for t in tracks if t.metric.role is Role.GUARDRAIL]
    alarms = _alarms(primary, guardrails)
    length = len(primary.looks.splits)
    decision = decide(
        primary.finding(),
        tuple(t.finding() for t in guardrails),
        tuple(alarms.values()),
        arrived=length,
        earliest=earliest,
    )
    if decision.at is None and not len(primary.judged):
        reason = f"no look at {primary.metric.name} has enough units and a variance"
        decision = Decision(verdict=Hold(reason=reason), at=length)
    is_held = isinstance(decision.verdict, Hold)
    seen = length if is_held or decision.at is None else decision.at
    return Replay(
        decision=decision,
        seen=seen,
        readings=with_discoveries([_reading(t, seen) for t in tracks]),
        checks=tuple(_checks(primary, alarms)),
        needed=_needed(primary),
    )


def _alarms(primary: SummaryTrack, guardrails: Sequence[SummaryTrack]) -> dict[str, Alarm]:
    found = {
        f"figures: {t.metric.name}": Alarm(at=1, reason=t.fault)
        for t in (primary, *guardrails)
        if t.fault
    }
    ratio = np.flatnonzero(ratio_path(primary.looks) >= math.log(ALARM))
    if len(ratio):
        reason = "units do not reach the arms in the promised ratio"
        found["sample ratio"] = Alarm(at=int(ratio[0]) + 1, reason=reason)
    return found


def ratio_path(looks: Looks) -> np.ndarray:
    """Log evidence against the promised ratio at every look, over all allocations."""
    counts = [np.diff(arm.count, prepend=0.0) for arm in (looks.treated, looks.control)]
    total = np.zeros(len(looks.splits))
    for split in np.unique(looks.splits):
        t, c = (np.cumsum(np.where(looks.splits == split, n, 0.0)) for n in counts)
        total += log_ratio_evidence(t, c, float(split))
    return total


def _reading(track: SummaryTrack, seen: int) -> Reading:
    ends = [stop for _, stop in steps(seen)]
    told = [(stop, track.estimate(stop)) for stop in ends]
    events = {
        name.removesuffix("_at"): at
        for name, at in vars(track.finding()).items()
        if name.endswith("_at") and at is not None and at <= seen
    }
    return Reading(
        metric=track.metric,
        estimate=track.estimate(seen),
        sequence=tuple((stop, e) for stop, e in told if e is not None),
        log_e_value=track.log_e_value(seen) if track.metric.role is Role.SECONDARY else None,
        events=events,
    )


def _checks(primary: SummaryTrack, alarms: dict[str, Alarm]) -> list[Check]:
    looks = primary.looks
    promised = " and ".join(f"{s:g}" for s in dict.fromkeys(looks.splits.tolist()))
    said = f"{looks.treated.count[-1]:.0f} treated, {looks.control.count[-1]:.0f} control, promised {promised}"
    judged = f"{len(primary.judged)} of {len(looks.splits)} looks have enough units and a variance"
    checks = [Check(name="sample ratio", is_healthy="sample ratio" not in alarms, said=said)]
    checks.append(Check(name="looks", is_healthy=len(primary.judged) > 0, said=judged))
    broken = [(n, a) for n, a in alarms.items() if n != "sample ratio"]
    return checks + [Check(name=n, is_healthy=False, said=a.reason) for n, a in broken]


def _needed(primary: SummaryTrack) -> int | None:
    if not len(primary.judged) or not primary.margin:
        return None
    last = primary.judged[-1]
    # Half the variance of a pair of one and one, per unit of weight.
    deviation = math.sqrt(2 * primary.spread[last] / primary.weight[last])
    return needed_blocks(primary.margin, deviation, primary.design)
