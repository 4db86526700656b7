"""From an agent's days to its opportunities: new trouble, known trouble as it is now, and trouble that is over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from prisma_assets.domain.learning.opportunity import (
    MONTH_DAYS,
    Opportunity,
    change_for,
    comparison,
    priority_of,
    risk_of,
)
from prisma_assets.domain.learning.opportunity_text import describe, title
from prisma_assets.domain.learning.shift import WATCHED_DAYS, Shift
from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.domain.learning.stream import (
    FOLLOWED,
    DayFeedback,
    DayRuns,
    Known,
    Limits,
    Metric,
    ShareStream,
    Stream,
    mean_ms,
    streams_of,
)

NEW = 0.02
"""An error type is new when it was at most a fiftieth as frequent before: a stray one in months is no acquaintance."""
WHOLE = FOLLOWED + timedelta(days=1)
"""Added to a day, it makes the trouble go on through that day."""
TREND_SILENCE = timedelta(days=14)
"""A trend nobody has seen for two weeks is over."""


@dataclass(frozen=True, kw_only=True)
class WorseTrend:
    """A significant slope for the worse, as `performance_trends` has it."""

    metric: Metric
    days: int
    level: float
    """Median of the days, in the unit of the daily figure."""
    change: float
    """For the worse over the window, > 0, same unit."""
    q: float
    """False-discovery rate at which it is called a trend."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Trouble that is over: its days are neither the usual past nor new trouble."""

    metric: Metric
    subject: str | None
    began_on: date
    closed_on: date
    """Day it was called over; the two weeks before it were as usual."""


@dataclass(frozen=True, kw_only=True)
class AgentRecord:
    """What is known of one agent at the end of a day."""

    agent_id: str
    agent_version: str
    risk: str
    """Of its card."""
    through: date
    runs: tuple[DayRuns, ...]
    """In order, none after `through`; enough for the watched weeks and the past before them."""
    feedback: tuple[DayFeedback, ...]
    trends: tuple[WorseTrend, ...] = ()
    theme_names: dict[str, str] = field(default_factory=dict)
    """Names of themes by id."""


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What a look brought."""

    opportunities: tuple[Opportunity, ...]
    """New trouble, and known trouble that goes on, the most pressing first."""
    resolved: tuple[Known, ...]
    """Known trouble that is over."""


def search(
    record: AgentRecord,
    *,
    known: Sequence[Known] = (),
    settled: Sequence[Settled] = (),
    limits: Limits | None = None,
) -> Searched:
    """Look at one agent at the end of one day.

    Args:
        record: What is known of the agent.
        known: Its trouble that is open.
        settled: Its trouble that ended within the time compared.
        limits: What the firm accepts; None: the usual limits.
    """
    by_key = {(k.metric, k.subject): k for k in known}
    streams = _streams(record, known, limits or Limits())
    over = [
        before
        for stream in streams
        if (before := by_key.get((stream.metric, stream.subject))) is not None
        and before.shift is not None
        and stream.is_over(before.shift, record.through)
    ]
    told = [*settled, *_told_already(known, over, through=record.through)]
    found: list[Opportunity] = []
    for stream in streams:
        before = by_key.get((stream.metric, stream.subject))
        if before in over:
            continue
        if before is None or before.shift is None:
            shift = _if_new(stream, _unsettled(stream, told).find(record.through))
        else:
            shift = stream.followed(before.shift, record.through)
        if shift is not None:
            found.append(_opportunity(record, stream, shift))
    found = _without_repetition(found)
    found += _from_trends(record, found, over)
    over += _silent_trends(record, found, by_key.values())
    return Searched(opportunities=tuple(sorted(found, key=lambda o: o.rank)), resolved=tuple(over))


def _told_already(known: Sequence[Known], over: Sequence[Known], *, through: date) -> list[Settled]:
    """Trouble that is over at this look; and error types, whose days are no second trouble of all errors."""
    return [
        Settled(
            metric=k.metric,
            subject=k.subject,
            began_on=k.shift.since,
            closed_on=through if k in over else through + WHOLE,
        )
        for k in known
        if k.shift is not None and (k in over or k.metric is Metric.ERROR_TYPE)
    ]


def _unsettled(stream: Stream, settled: Sequence[Settled]) -> Stream:
    """The stream without the days of trouble that was told of."""
    over = [
        (s.began_on, s.closed_on - FOLLOWED)
        for s in settled
        if (s.metric, s.subject) == (stream.metric, stream.subject)
        or (s.metric is Metric.ERROR_TYPE and stream.metric is Metric.ERRORS)
    ]
    return stream.without(over) if over else stream


def _if_new(stream: Stream, found: Shift | None) -> Shift | None:
    """Leave an error type that was common before to "more runs fail"."""
    if found is None or stream.metric is not Metric.ERROR_TYPE:
        return found
    return found if found.before <= NEW * found.now else None


def _streams(record: AgentRecord, known: Sequence[Known], limits: Limits) -> list[Stream]:
    return list(
        streams_of(record.runs, record.feedback, through=record.through, limits=limits, known=known)
    )


def _without_repetition(found: list[Opportunity]) -> list[Opportunity]:
    """Leave out "more runs fail" where new error types explain most of it: that is one trouble, told precisely."""
    explained = sum(o.size for o in found if o.metric is Metric.ERROR_TYPE)
    return [o for o in found if o.metric is not Metric.ERRORS or explained < o.size / 2]


def _opportunity(record: AgentRecord, stream: Stream, shift: Shift) -> Opportunity:
    slow_ms = stream.slow_ms if isinstance(stream, ShareStream) else None
    basis = "shift" if shift.before_n else "limit"
    size = shift.now - shift.before
    impact = min(1.0, max(0.0, size / shift.now if stream.metric is Metric.COST else size))
    change = change_for(stream.metric, stream.subject)
    subject = record.theme_names.get(stream.subject or "", stream.subject)
    return Opportunity(
        agent_id=record.agent_id,
        agent_version=record.agent_version,
        metric=stream.metric,
        subject=stream.subject,
        basis=basis,
        title=title(stream.metric, subject),
        description=describe(stream.metric, shift, basis=basis, slow_ms=slow_ms),
        improvement_type=change,
        risk_level=risk_of(change, agent_risk=record.risk),
        priority=priority_of(impact, agent_risk=record.risk),
        began_on=shift.since,
        last_seen_on=max(d.day for d in stream.days if d.n > 0),
        size=size,
        impact=impact,
        confidence=shift.confidence,
        sample_size=round(shift.now_n),
        usd_per_month=_usd(record, stream.metric, size),
        hours_per_month=_hours(record, shift) if stream.metric is Metric.LATENCY else None,
        evidence=(
            comparison(stream.metric, shift, basis=basis, slow_ms=slow_ms),
            _days(stream, shift),
        ),
    )


def _days(stream: Stream, shift: Shift) -> dict[str, Any]:
    """Four weeks of the stream, day by day, so that a person sees it with their own eyes."""
    shown = [d for d in stream.days if d.n > 0][-WATCHED_DAYS:]
    values = [[d.day.isoformat(), d.level, d.n] for d in shown]
    return {"kind": "days", "since": shift.since.isoformat(), "values": values}


def _usd(record: AgentRecord, metric: Metric, size: float) -> float | None:
    """What the trouble costs a month: dearer runs, or runs paid for that failed. None: unpriced, or not a matter of money."""
    lately = _lately(record)
    priced = sum(d.priced for d in lately)
    if metric not in (Metric.COST, Metric.ERRORS, Metric.ERROR_TYPE) or not priced:
        return None
    each = size if metric is Metric.COST else size * sum(d.cost_usd for d in lately) / priced
    runs = priced if metric is Metric.COST else sum(d.executions for d in lately)
    return max(0.0, each * runs * MONTH_DAYS / WATCHED_DAYS)


def _hours(record: AgentRecord, shift: Shift) -> float | None:
    """Hours a month that runs take longer than before; None where nothing was timed."""
    before = _mean_ms(record, shift.before_from, shift.since)
    now = _mean_ms(record, shift.since, record.through + timedelta(days=1))
    if before is None or now is None:
        return None
    runs = sum(d.executions for d in _lately(record))
    return max(0.0, (now - before) * runs * MONTH_DAYS / WATCHED_DAYS / 3_600_000)


def _mean_ms(record: AgentRecord, start: date | None, end: date) -> float | None:
    return mean_ms(
        Sketch.merged(
            d.latency
            for d in record.runs
            if d.latency is not None and (start is None or start <= d.day) and d.day < end
        )
    )


def _lately(record: AgentRecord) -> list[DayRuns]:
    first = record.through - timedelta(days=WATCHED_DAYS - 1)
    return [d for d in record.runs if d.day >= first]


def _from_trends(
    record: AgentRecord, found: Sequence[Opportunity], over: Sequence[Known]
) -> list[Opportunity]:
    """Slow drifts that no change within four weeks shows."""
    told = {o.metric for o in found} | {k.metric for k in over}
    return [_drift(record, trend) for trend in record.trends if trend.metric not in told]


def _silent_trends(
    record: AgentRecord, found: Sequence[Opportunity], known: Iterable[Known]
) -> list[Known]:
    seen = {o.metric for o in found}
    return [
        k
        for k in known
        if k.shift is None
        and k.metric not in seen
        and record.through - k.last_seen_on > TREND_SILENCE
    ]


def _drift(record: AgentRecord, trend: WorseTrend) -> Opportunity:
    change = change_for(trend.metric, None)
    worst = trend.level + trend.change / 2
    impact = {
        Metric.COST: trend.change / worst,
        Metric.LATENCY: trend.change / worst,
        Metric.SATISFACTION: trend.change / 4,
    }.get(trend.metric, trend.change)
    impact = min(1.0, max(0.0, impact))
    sizes = {
        Metric.LATENCY: trend.change / trend.level if trend.level else trend.change,
        Metric.SATISFACTION: trend.change / 4,
    }
    size = sizes.get(trend.metric, trend.change)
    row = {"kind": "trend", "metric": str(trend.metric), "basis": "trend", "days": trend.days}
    row |= {"level": trend.level, "change": trend.change, "q": trend.q}
    return Opportunity(
        agent_id=record.agent_id,
        agent_version=record.agent_version,
        metric=trend.metric,
        subject=None,
        basis="trend",
        title=title(trend.metric, None),
        description=(
            f"Over {trend.days} days it drifted by {trend.change:.3g} for the worse, around {trend.level:.3g}; "
            f"of such trends at most {trend.q:.0%} are chance."
        ),
        improvement_type=change,
        risk_level=risk_of(change, agent_risk=record.risk),
        priority=priority_of(impact, agent_risk=record.risk),
        began_on=record.through - timedelta(days=trend.days - 1),
        last_seen_on=record.through,
        size=size,
        impact=impact,
        confidence=1 - trend.q,
        sample_size=sum(d.executions for d in _lately(record)),
        usd_per_month=_usd(record, trend.metric, trend.change),
        hours_per_month=None,
        evidence=(row,),
    )
