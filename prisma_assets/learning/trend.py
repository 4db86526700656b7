"""Judging how agents change from day to day, and what the next weeks bring: from counted days to rows people read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

from prisma_assets.domain.learning.change_point import (
    HISTORY_DAYS,
    ChangePoint,
    find_change_points,
)
from prisma_assets.domain.learning.forecast import Foreseen, forecast
from prisma_assets.domain.learning.tracked import DailySeries, Tracked
from prisma_assets.domain.learning.trend import WINDOW_DAYS, Trend, find_trends
from prisma_assets.learning.metrics import DailyFigure, daily_series
from prisma_assets.store.database import Database
from prisma_assets.store.trend import Row, TrendStore

History = Mapping[str, Mapping[date, DailyFigure]]
"""Figures by agent and day."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was said of one day."""

    as_of: date
    window: list[DailySeries]
    """Figures of agents with any data in the eight weeks."""
    trends: list[Row]


@dataclass(frozen=True, kw_only=True)
class Forecasts:
    """What was forecast on one day."""

    as_of: date
    agents: int
    """Agents with any data in the history."""
    rows: list[Row]


async def judge_trends(database: Database, days: Sequence[date], *, today: date) -> list[Judged]:
    """Find and keep the trends as of each of these days, in place of what was kept before.

    Args:
        database: Where counted days are read and trends kept.
        days: Last days of the windows, oldest first; not empty.
        today: Its figures, not complete yet, are left out.
    """
    history = await _history(database, days[0], days[-1], length=WINDOW_DAYS, today=today)
    judged = [_judge(history, day) for day in days]
    for one in judged:
        async with database.transaction() as transaction:
            await TrendStore(source=transaction).replace_trends(one.as_of, one.trends)
    return judged


async def date_changes(database: Database, as_of: date, *, today: date) -> list[Row]:
    """Find and keep the change points of the 26 weeks to a day, in place of those found on it before."""
    history = await _history(database, as_of, as_of, length=HISTORY_DAYS, today=today)
    days = _days(as_of, HISTORY_DAYS)
    rows = [_change_row(point, days) for point in find_change_points(_series(history, days))]
    async with database.transaction() as transaction:
        await TrendStore(source=transaction).replace_change_points(as_of, rows)
    return rows


async def make_forecasts(database: Database, as_of: date, *, today: date) -> Forecasts:
    """Forecast and keep the four weeks after a day, in place of what was forecast on it before."""
    history = await _history(database, as_of, as_of, length=HISTORY_DAYS, today=today)
    made = _foresee(history, as_of)
    async with database.transaction() as transaction:
        await TrendStore(source=transaction).replace_forecasts(as_of, made.rows)
    return made


async def _history(
    database: Database, first: date, last: date, *, length: int, today: date
) -> History:
    """Figures of that many days before each day from `first` to `last`."""
    since = first - timedelta(days=length - 1)
    until = min(last, today - timedelta(days=1))
    found: dict[str, dict[date, DailyFigure]] = {}
    for figure in await daily_series(database, since=since, until=until):
        found.setdefault(figure.agent_id, {})[figure.day] = figure
    return found


def _judge(history: History, as_of: date) -> Judged:
    window = _series(history, _days(as_of, WINDOW_DAYS))
    trends = [_trend_row(trend) for trend in find_trends(window)]
    return Judged(as_of=as_of, window=window, trends=trends)


def _days(as_of: date, count: int) -> list[date]:
    return [as_of - timedelta(days=ago) for ago in range(count - 1, -1, -1)]


def _series(history: History, days: Sequence[date]) -> list[DailySeries]:
    """Every figure of every agent that has data on one of the days."""
    made = (
        DailySeries(agent_id=agent, metric=metric, values=_values(figures, days, read))
        for agent, figures in sorted(history.items())
        for metric, read in _READ.items()
    )
    return [one for one in made if any(value is not None for value in one.values)]


def _values(
    figures: Mapping[date, DailyFigure],
    days: Iterable[date],
    read: Callable[[DailyFigure], float | None],
) -> tuple[float | None, ...]:
    return tuple(read(figures[day]) if day in figures else None for day in days)


def _tokens_per_run(figure: DailyFigure) -> float | None:
    if figure.tokens_in is None or figure.tokens_out is None or not figure.tokens_n:
        return None
    return (figure.tokens_in + figure.tokens_out) / figure.tokens_n


_READ: Mapping[Tracked, Callable[[DailyFigure], float | None]] = {
    Tracked.LATENCY: lambda figure: figure.p95_ms,
    Tracked.ERROR_RATE: lambda figure: figure.error_rate,
    Tracked.COST: lambda figure: figure.cost_per_run,
    Tracked.TOKENS: _tokens_per_run,
    Tracked.ACCURACY: lambda figure: figure.accuracy,
    Tracked.SATISFACTION: lambda figure: figure.satisfaction,
}


def _trend_row(trend: Trend) -> Row:
    return {
        **asdict(trend),
        "relative_slope": trend.relative_slope,
        "is_significant": trend.is_significant,
    }


def _change_row(point: ChangePoint, days: Sequence[date]) -> Row:
    return {**asdict(point), "at": days[point.day], "direction": point.direction}


def _runs(figure: DailyFigure) -> float | None:
    """Days with feedback alone have a figure of no runs: nothing is known of their load."""
    return float(figure.executions) if figure.executions else None


def _cost(figure: DailyFigure) -> float | None:
    return None if figure.cost_usd is None else float(figure.cost_usd)


_FORESEEN: Mapping[Foreseen, Callable[[DailyFigure], float | None]] = {
    Foreseen.LOAD: _runs,
    Foreseen.COST: _cost,
    Foreseen.QUALITY: lambda figure: figure.accuracy,
}


def _foresee(history: History, as_of: date) -> Forecasts:
    days = _days(as_of, HISTORY_DAYS)
    alive = {agent: f for agent, f in sorted(history.items()) if not f.keys().isdisjoint(days)}
    rows = [
        row
        for agent, figures in alive.items()
        for figure, read in _FORESEEN.items()
        for row in _forecast_rows(agent, figure, _values(figures, days, read), as_of=as_of)
    ]
    return Forecasts(as_of=as_of, agents=len(alive), rows=rows)


def _forecast_rows(
    agent: str, figure: Foreseen, history: Sequence[float | None], *, as_of: date
) -> list[Row]:
    return [
        {
            "agent_id": agent,
            "metric": figure,
            "day": as_of + timedelta(days=expected.ahead),
            "value": expected.value,
            "low": expected.low,
            "high": expected.high,
        }
        for expected in forecast(figure, history)
    ]
