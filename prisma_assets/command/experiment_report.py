"""What is said of a judged experiment: one JSON object, or a page of text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prisma_assets.command.output import say, table

if TYPE_CHECKING:
    from prisma_assets.domain.experiments.metric import Metric
    from prisma_assets.domain.experiments.replay import Reading, Replay
    from prisma_assets.domain.experiments.track import Estimate

SHOWN_STEPS = 5
"""Lines of a confidence sequence on a page; JSON has all."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A replay and what its counts mean in the file."""

    name: str
    """Experiment and variant; empty where the file holds one."""
    replay: "Replay"
    arrivals: Callable[[int], dict[str, Any]]
    """Time, treated and control units after so many units or looks."""
    pairs_per_second: float | None
    """Traffic; None: no times."""
    alpha: float


def as_object(judged: Judged) -> dict[str, Any]:
    """The judgement as JSON values."""
    replay = judged.replay
    return {
        "experiment": judged.name or None,
        "verdict": replay.decision.verdict.word.split(" (")[0],
        "shown": replay.decision.verdict.word,
        "reason": replay.decision.verdict.reason,
        "fell_at": None if replay.decision.at is None else judged.arrivals(replay.decision.at),
        "judged_to": judged.arrivals(replay.seen),
        "metrics": [_metric_object(judged, reading) for reading in replay.readings],
        "health": [
            {"check": c.name, "is_healthy": c.is_healthy, "said": c.said} for c in replay.checks
        ],
        "power": _power(judged),
    }


def _metric_object(judged: Judged, reading: "Reading") -> dict[str, Any]:
    metric = reading.metric
    return {
        "name": metric.name,
        "role": str(metric.role),
        "kind": str(metric.kind),
        "direction": str(metric.direction),
        "margin": metric.margin,
        "unit": "relative change" if metric.is_relative else "difference",
        **_estimate_object(reading.estimate),
        "established": {event: judged.arrivals(at) for event, at in reading.events.items()},
        "log_e_value": reading.log_e_value,
        "is_discovery": reading.is_discovery,
        "sequence": [{**judged.arrivals(at), **_estimate_object(e)} for at, e in reading.sequence],
    }


def _estimate_object(estimate: "Estimate | None") -> dict[str, Any]:
    if estimate is None:
        return {"compared": 0, "effect": None, "low": None, "high": None}
    return {
        "compared": estimate.blocks,
        "effect": estimate.effect,
        "low": estimate.low,
        "high": estimate.high,
    }


def _power(judged: Judged) -> dict[str, Any] | None:
    """What 80 % power at the primary's margin takes; None: the spread of the primary is not known."""
    from prisma_assets.domain.experiments.power import Underpowered, power_statement
    from prisma_assets.domain.experiments.verdict import Adopt, RollBack

    needed = judged.replay.needed
    if needed is None:
        return None
    primary = next(r for r in judged.replay.readings if r.metric.role == "primary")
    available = primary.estimate.blocks if primary.estimate else 0
    statement = power_statement(
        needed, available=available, blocks_per_second=judged.pairs_per_second
    )
    is_open = not isinstance(judged.replay.decision.verdict, Adopt | RollBack)
    return {
        "needed": needed,
        "compared": available,
        "weeks": None if statement.weeks is None else round(statement.weeks, 1),
        "is_underpowered": isinstance(statement, Underpowered) and is_open,
    }


def tell(judged: Judged) -> None:
    """Print the judgement as a page."""
    from prisma_assets.domain.experiments.verdict import Hold

    replay = judged.replay
    heading = f"{judged.name}: " if judged.name else ""
    say(f"{heading}{replay.decision.verdict.word}")
    is_held = isinstance(replay.decision.verdict, Hold)
    if not is_held:
        say(f"  {replay.decision.verdict.reason}")
    word = "judged to" if is_held else "fell" if replay.decision.at is not None else "not fallen by"
    say(f"  {word} {_place(judged.arrivals(replay.seen))}")
    for reading in replay.readings:
        _tell_metric(judged, reading)
    say("", "instruments")
    table(
        ("check", "state", ""),
        [(f"  {c.name}", "healthy" if c.is_healthy else "BROKEN", c.said) for c in replay.checks],
    )
    _tell_power(_power(judged))


def _tell_metric(judged: Judged, reading: "Reading") -> None:
    metric = reading.metric
    margin = _amount(metric, metric.margin).lstrip("+")
    say(
        "",
        f"{metric.name} ({metric.role}, {metric.kind}, {metric.direction} is better, margin {margin})",
    )
    if reading.estimate is None:
        say("  no data: nothing could be compared")
        return
    for event, at in reading.events.items():
        say(f"  {_EVENTS[event]} {_place(judged.arrivals(at))}")
    if reading.is_discovery:
        say("  changed, with at most one in ten such findings false")
    rows = _thinned(reading.sequence)
    columns = (
        "  when",
        "units",
        "compared",
        "effect",
        f"{1 - judged.alpha:.0%} at all looks together",
    )
    table(columns, [_step(judged, metric, at, e) for at, e in rows])


_EVENTS = {
    "better": "shown better", "worse": "shown worse", "futile": "futile to go on",
    "ended": "declared maximum reached", "harmed": "shown harmed", "safe": "shown unharmed by its margin",
}  # fmt: skip


def _step(judged: Judged, metric: "Metric", at: int, estimate: "Estimate") -> tuple[str, ...]:
    place = judged.arrivals(at)
    ends = ["?" if e is None else _amount(metric, e) for e in (estimate.low, estimate.high)]
    units = f"{place['treated'] + place['control']:,}"
    interval = f"{ends[0]} to {ends[1]}" if ends != ["?", "?"] else "no bound yet"
    return (
        f"  {place['time'] or ''}",
        units,
        f"{estimate.blocks:,}",
        _amount(metric, estimate.effect),
        interval,
    )


def _thinned(sequence: "Sequence[tuple[int, Estimate]]") -> "list[tuple[int, Estimate]]":
    step = max(1, -(-len(sequence) // SHOWN_STEPS))
    return list(reversed(list(reversed(sequence))[::step]))


def _amount(metric: "Metric", value: float) -> str:
    return f"{value:+.2%}" if metric.is_relative else f"{value:+.4f}"


def _place(place: dict[str, Any]) -> str:
    when = f"at {place['time']}, " if place["time"] else ""
    return f"{when}after {place['treated']:,} treated and {place['control']:,} control units"


def _tell_power(power: dict[str, Any] | None) -> None:
    if power is None:
        return
    weeks = (
        f", about {power['weeks']:g} weeks of this traffic" if power["weeks"] is not None else ""
    )
    say(
        "",
        f"power: 80 % at the margin takes {power['needed']:,} comparisons{weeks}; there were {power['compared']:,}",
    )
    if power["is_underpowered"]:
        say(
            "  underpowered: a difference of the margin would more likely be missed than the design promises"
        )
