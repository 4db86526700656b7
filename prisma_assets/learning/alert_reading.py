"""What every alert rule is to be shown now: one reading per rule and subject, from facts up to this moment."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from prisma_assets.domain.monitoring.alert import Subject
from prisma_assets.domain.monitoring.alert_figure import NOTHING, Figure, Part
from prisma_assets.domain.monitoring.alert_rule import BASELINE_DAYS, HOUR, Kind, Metric, Rule
from prisma_assets.domain.monitoring.runaway import hours_left
from prisma_assets.learning.metrics import DailyFigure, daily_series
from prisma_assets.store.alert_rule import AlertFactStore
from prisma_assets.store.budget import BudgetStore
from prisma_assets.store.database import Database

NOTIFIER = Subject(scope="system", id="notifier", title="the notifications")
WORKFLOWS = Subject(scope="system", id="workflows", title="workflow executions")

_QUANTILES = {Metric.P50_MS: 0, Metric.P95_MS: 1, Metric.P99_MS: 2}
_RATED = (Metric.SATISFACTION, Metric.DRIFT)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one rule is shown of one subject."""

    rule: Rule
    subject: Subject
    figure: Figure


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """What the readings of one look rest on."""

    at: datetime
    agents: Collection[str]
    windows: Mapping[int, Mapping[str, Mapping[str, Any]]]
    ratings: Mapping[int, Mapping[str, Mapping[str, Any]]]
    days: Mapping[str, Sequence[DailyFigure]]
    approvals: Sequence[Mapping[str, Any]]
    budgets: Sequence[Mapping[str, Any]]
    velocities: Mapping[int, Mapping[str, Mapping[str, Any]]]
    workflows: Mapping[int, Mapping[str, Any]]
    undelivered_since: datetime | None
    parts: Sequence[Part] = field(default=())


async def readings(
    database: Database,
    rules: Sequence[Rule],
    *,
    agents: Collection[str],
    at: datetime,
    parts: Sequence[Part] = (),
) -> list[Reading]:
    """What these rules are shown; anomalies are read hour by hour elsewhere.

    Args:
        database: Where the facts are.
        rules: Those in force.
        agents: Ids of the firm's agents.
        at: Now.
        parts: Sensors and schedules that ought to run.
    """
    facts = await _facts(database, rules, agents=agents, at=at, parts=parts)
    plain = [rule for rule in rules if rule.kind is not Kind.ANOMALY]
    return [
        Reading(rule=rule, subject=subject, figure=figure)
        for rule in plain
        for subject, figure in _READERS[rule.about](rule, facts)
    ]


async def _facts(
    database: Database,
    rules: Sequence[Rule],
    *,
    agents: Collection[str],
    at: datetime,
    parts: Sequence[Part],
) -> _Facts:
    store = AlertFactStore(source=database)
    counted = [r for r in rules if r.about == "agent" and r.kind is not Kind.ANOMALY]
    run_windows = _windows(r for r in counted if r.metric not in (*_RATED, Metric.SILENCE))
    rating_windows = _windows(r for r in counted if r.metric in _RATED)
    today = at.astimezone(UTC).date()
    days = await daily_series(
        database, since=today - timedelta(days=BASELINE_DAYS), until=today - timedelta(days=1)
    )
    return _Facts(
        at=at,
        agents=agents,
        windows={seconds: await store.agents(seconds, at=at) for seconds in run_windows},
        ratings={seconds: await store.ratings(seconds, at=at) for seconds in rating_windows},
        days=_by_agent(days),
        approvals=await store.approvals(),
        budgets=await BudgetStore(source=database).balances(at=at),
        velocities={
            seconds: await BudgetStore(source=database).velocities(seconds, at=at)
            for seconds in _windows(r for r in rules if r.metric is Metric.BUDGET_HOURS_LEFT)
        },
        workflows={
            seconds: await store.workflows(seconds, at=at)
            for seconds in _windows(r for r in rules if r.about == "workflows")
        },
        undelivered_since=await store.undelivered_since(),
        parts=parts,
    )


def _windows(rules: Iterable[Rule]) -> list[int]:
    return sorted({rule.window_seconds for rule in rules})


def _by_agent(days: Sequence[DailyFigure]) -> dict[str, list[DailyFigure]]:
    found: dict[str, list[DailyFigure]] = {}
    for day in days:
        found.setdefault(day.agent_id, []).append(day)
    return found


def _agents(rule: Rule, facts: _Facts) -> Iterator[tuple[Subject, Figure]]:
    chosen = sorted(facts.agents) if rule.agent_id is None else (rule.agent_id,)
    for agent_id in chosen:
        yield Subject.agent(agent_id), _agent_figure(rule, facts, agent_id)


def _agent_figure(rule: Rule, facts: _Facts, agent_id: str) -> Figure:
    days = facts.days.get(agent_id, ())
    if rule.metric is Metric.SILENCE:
        return _silence(facts, agent_id, rule)
    if rule.metric in _RATED:
        rated = facts.ratings[rule.window_seconds].get(agent_id)
        figure = NOTHING if rated is None else _rating(rule, rated)
    else:
        counted = facts.windows[rule.window_seconds].get(agent_id)
        figure = NOTHING if counted is None else window_figure(rule, counted)
    usual = [v for day in days if (v := usual_value(rule, day)) is not None]
    return Figure(value=figure.value, n=figure.n, note=figure.note, usual=usual)


def window_figure(rule: Rule, row: Mapping[str, Any]) -> Figure:
    """A figure from the counts of a window."""
    n, metric = int(row["n"]), rule.metric
    if metric in _QUANTILES:
        quantiles = row["quantiles"]
        value = quantiles[_QUANTILES[metric]] if quantiles else None
        return Figure(value=value, n=row["timed"])
    if metric is Metric.ERROR_RATE:
        return Figure(value=row["failed"] / n, n=n)
    if metric is Metric.THROUGHPUT:
        return Figure(value=n * HOUR / rule.window_seconds, n=n)
    if metric is Metric.COST_USD:
        unpriced = int(row["unpriced"])
        note = f"{unpriced:,} runs have no price and are not in it" if unpriced else ""
        cost = row["cost_usd"]
        return Figure(value=None if cost is None else float(cost), n=n - unpriced, note=note)
    value, count = (
        (row["tokens"], row["tokens_n"])
        if metric is Metric.TOKENS
        else (row["accuracy"], row["accuracy_n"])
    )
    return Figure(value=None if value is None else float(value), n=count)


def usual_value(rule: Rule, day: DailyFigure) -> float | None:
    """The rule's figure of a whole day; None where the day holds too little."""
    metric, n = rule.metric, day.executions
    value: float | None
    if metric in _QUANTILES:
        value, n = (day.p50_ms, day.p95_ms, day.p99_ms)[_QUANTILES[metric]], day.timed
    elif metric is Metric.THROUGHPUT:
        value = day.executions / 24
    elif metric is Metric.COST_USD:
        value, n = None if day.cost_usd is None else float(day.cost_usd), n - day.unpriced
    elif metric is Metric.TOKENS:
        known = day.tokens_in is not None and day.tokens_out is not None
        value, n = (day.tokens_in or 0) + (day.tokens_out or 0) if known else None, day.tokens_n
    elif metric is Metric.ACCURACY:
        value, n = day.accuracy, day.accuracy_n
    elif metric is Metric.SATISFACTION:
        value, n = day.satisfaction, day.satisfaction_n
    else:
        value = day.error_rate
    return value if n >= rule.min_n else None


def _rating(rule: Rule, row: Mapping[str, Any]) -> Figure:
    now, n = row["satisfaction"], int(row["n"])
    if rule.metric is Metric.SATISFACTION:
        return Figure(value=None if now is None else float(now), n=n)
    before = row["before"]
    if now is None or before is None:
        return NOTHING
    note = f"{float(now):.2f} after {float(before):.2f}"
    return Figure(value=float(now - before), n=min(n, int(row["before_n"])), note=note)


def _silence(facts: _Facts, agent_id: str, rule: Rule) -> Figure:
    """Time since the end of the last day an agent worked, of one that works regularly."""
    days = facts.days.get(agent_id, ())
    n = sum(day.executions for day in days) // BASELINE_DAYS
    is_awake = any(agent_id in agents for agents in facts.windows.values())
    if not days or n < rule.min_n:
        return NOTHING
    last_end = datetime.combine(max(d.day for d in days), datetime.min.time(), tzinfo=UTC)
    hours = (facts.at - last_end - timedelta(days=1)).total_seconds() / HOUR
    return Figure(value=0.0 if is_awake else max(0.0, hours), n=n)


def _approvals(_rule: Rule, facts: _Facts) -> Iterator[tuple[Subject, Figure]]:
    for row in facts.approvals:
        execution, step = row["execution_id"], row["step_id"]
        hours = (facts.at - row["asked_at"]).total_seconds() / HOUR
        yield (
            Subject(
                scope="workflow",
                id=f"{execution}:{step}",
                title=f"{row['about']}, step {step}",
                execution_id=execution,
            ),
            Figure(value=hours, n=1, note=f"prisma-assets status {execution}"),
        )


def _budgets(rule: Rule, facts: _Facts) -> Iterator[tuple[Subject, Figure]]:
    for row in facts.budgets:
        used = row["spent_usd"] + row["reserved_usd"]
        scope = f" of {row['level']} {row['scope']}" if row["scope"] else " of the firm"
        note = f"{used:.2f} of {row['limit_usd']:.2f} USD"
        subject = Subject(scope="system", id=f"budget:{row['budget_id']}", title=f"budget{scope}")
        if rule.metric is Metric.BUDGET_HOURS_LEFT:
            yield subject, _hours_left(rule, facts, row)
        else:
            yield subject, Figure(value=float(used / row["limit_usd"]), n=1, note=note)


def _hours_left(rule: Rule, facts: _Facts, row: Mapping[str, Any]) -> Figure:
    """How long a budget lasts at the rate of late."""
    late = facts.velocities[rule.window_seconds].get(row["budget_id"])
    spent, calls = (late["spent_usd"], late["calls"]) if late else (Decimal(0), 0)
    left = row["limit_usd"] - row["spent_usd"] - row["reserved_usd"]
    hours = rule.window_seconds / HOUR
    value = hours_left(left, spent_usd=spent, calls=calls, hours=hours)
    note = f"{left:.2f} USD are left, {calls:,} calls of the last {hours:g} h took {spent:.2f}"
    return Figure(value=value, n=calls, note=note)


def _workflows(rule: Rule, facts: _Facts) -> Iterator[tuple[Subject, Figure]]:
    row = facts.workflows[rule.window_seconds]
    if rule.metric is Metric.QUEUE_DEPTH:
        yield WORKFLOWS, Figure(value=float(row["queued"]), n=1)
    else:
        ended = int(row["ended"])
        yield WORKFLOWS, Figure(value=row["failed"] / ended if ended else None, n=ended)


def _parts(_rule: Rule, facts: _Facts) -> Iterator[tuple[Subject, Figure]]:
    for part in facts.parts:
        subject = Subject(scope="system", id=f"part:{part.name}", title=part.name)
        yield subject, Figure(value=part.silent_hours, n=1, note=part.note)


def _notifier(_rule: Rule, facts: _Facts) -> Iterator[tuple[Subject, Figure]]:
    since = facts.undelivered_since
    hours = 0.0 if since is None else (facts.at - since).total_seconds() / HOUR
    yield NOTIFIER, Figure(value=hours, n=1)


_READERS: Mapping[str, Callable[[Rule, _Facts], Iterator[tuple[Subject, Figure]]]] = {
    "agent": _agents, "approval": _approvals, "budget": _budgets, "workflows": _workflows,
    "part": _parts, "notifier": _notifier,
}  # fmt: skip
