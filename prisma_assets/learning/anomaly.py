"""Feeds each agent's hours to its detectors, once, and says which of the newest are unlike the past."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from prisma_assets.domain.monitoring.alert import Subject
from prisma_assets.domain.monitoring.alert_figure import Figure
from prisma_assets.domain.monitoring.alert_rule import BASELINE_DAYS, MIN_N, Kind, Metric, Rule
from prisma_assets.learning.alert_reading import Reading
from prisma_assets.learning.metrics import HourlyFigure, hourly_series
from prisma_assets.store.alert_rule import AlertFactStore
from prisma_assets.store.database import Database

if TYPE_CHECKING:
    from prisma_assets.domain.monitoring.anomaly import AnomalyDetector
    from prisma_assets.domain.monitoring.anomaly_judgement import Judgement

SETTLED = timedelta(minutes=15)
"""Time after an hour until it is judged: facts of agents outside arrive in batches of minutes, and a value is judged once."""

STILL_NEWS = timedelta(days=1)
"""Hours heard late, after the product stood still, are told of when they are of the last day; older ones are history."""

Series = tuple[str, str]
"""Agent and metric."""


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """How an hour becomes a value people read."""

    value: Callable[[HourlyFigure], float | None]
    n: Callable[[HourlyFigure], int]
    name: str
    unit: str
    scale: float
    """What the metric's own unit is divided by."""


def _cost(hour: HourlyFigure) -> float | None:
    return None if hour.cost_usd is None else float(hour.cost_usd)


_MEASURES: Mapping[Metric, _Measure] = {
    Metric.P95_MS: _Measure(
        value=lambda h: h.p95_ms, n=lambda h: h.timed, name="P95", unit="s", scale=1000.0
    ),
    Metric.ERROR_RATE: _Measure(
        value=lambda h: h.error_rate, n=lambda h: h.executions, name="error rate", unit="%", scale=0.01
    ),
    Metric.COST_USD: _Measure(
        value=_cost, n=lambda h: h.executions - h.unpriced, name="cost", unit="USD", scale=1.0
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a series' detector made of the hours it had not seen."""

    series: Series
    last_bucket: datetime
    state: dict[str, Any]
    figure: Figure
    """Of the newest hour, or of an unusual one shortly before it."""


async def newest_unheard(database: Database, *, at: datetime) -> datetime | None:
    """The newest hour the detectors have yet to hear; asked each minute, so it reads no hour."""
    return await AlertFactStore(source=database).newest_unheard(
        oldest=at - timedelta(days=BASELINE_DAYS), until=at - SETTLED - timedelta(hours=1)
    )


async def new_hours(database: Database, *, at: datetime) -> list[HourlyFigure]:
    """Hours some detector has not seen; the oldest a month old, which is what a detector begins with."""
    heard = await AlertFactStore(source=database).heard_until()
    until = at - SETTLED - timedelta(hours=1)
    oldest = at - timedelta(days=BASELINE_DAYS)
    # A series that pauses keeps an old last hour: days before the newest hour anybody has seen are judged already.
    since = max([oldest, *heard.values()])
    hours = await hourly_series(database, since=since.date(), until=at.date())
    return [
        hour
        for hour in hours
        if hour.hour <= until
        and any(hour.hour > heard.get((hour.agent_id, m), oldest) for m in _MEASURES)
    ]


async def listen(database: Database, hours: Sequence[HourlyFigure]) -> list[Heard]:
    """Let detectors judge these hours, oldest first; nothing is stored."""
    by_agent: dict[str, list[HourlyFigure]] = defaultdict(list)
    for hour in sorted(hours, key=lambda h: h.hour):
        by_agent[hour.agent_id].append(hour)
    if not by_agent:
        return []
    states = await AlertFactStore(source=database).detectors(list(by_agent))
    return [
        _heard((agent, metric), measure, of_agent, states.get((agent, metric)))
        for agent, of_agent in by_agent.items()
        for metric, measure in _MEASURES.items()
    ]


def anomaly_readings(rules: Sequence[Rule], heard: Sequence[Heard]) -> Iterator[Reading]:
    """What rules of anomalies are shown of the newest hours."""
    for rule in rules:
        for each in heard if rule.kind is Kind.ANOMALY else ():
            agent_id, metric = each.series
            if metric == rule.metric and rule.agent_id in (None, agent_id):
                yield Reading(rule=rule, subject=Subject.agent(agent_id), figure=each.figure)


def _heard(
    series: Series, measure: _Measure, hours: Sequence[HourlyFigure], state: Mapping[str, Any] | None
) -> Heard:  # fmt: skip
    from prisma_assets.domain.monitoring.anomaly import AnomalyDetector

    detector = AnomalyDetector() if state is None else AnomalyDetector.from_state(state)
    judged = [(hour.hour, _judged(detector, measure, hour)) for hour in hours]
    newest, figure = judged[-1]
    recent = [f for at, f in judged if f.is_unusual and at > newest - STILL_NEWS]
    figure = recent[-1] if recent else figure
    return Heard(
        series=series, last_bucket=hours[-1].hour, state=detector.to_state(), figure=figure
    )


def _judged(detector: "AnomalyDetector", measure: _Measure, hour: HourlyFigure) -> Figure:
    """One hour's figure; with fewer than twenty runs there is none, and the detector learns nothing."""
    n, value = measure.n(hour), measure.value(hour)
    if value is None or n < MIN_N:
        return Figure(value=None, n=n)
    shown = value / measure.scale
    judgement = detector.update(hour.hour, shown)
    note = _note(judgement, shown, measure, hour)
    return Figure(value=value, n=n, is_unusual=judgement.is_anomaly, note=note)


def _note(judgement: "Judgement", shown: float, measure: _Measure, hour: HourlyFigure) -> str:
    from prisma_assets.domain.monitoring.anomaly_explanation import explain

    if judgement.evidence is None:
        return ""
    words = explain(judgement.evidence, shown, name=measure.name, unit=measure.unit)
    return f"{words} (hour from {hour.hour:%Y-%m-%d %H:%M} UTC)"
