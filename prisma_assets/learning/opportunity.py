"""Looks at every agent's day for what could be better, and keeps what is found. What counts as trouble belongs to the domain."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from itertools import groupby
from typing import Any

from prisma_assets.agents.cards import firm_cards
from prisma_assets.domain.learning.opportunity import Opportunity, read_comparison
from prisma_assets.domain.learning.opportunity_search import (
    AgentRecord,
    Searched,
    Settled,
    WorseTrend,
    search,
)
from prisma_assets.domain.learning.shift import PAST_DAYS, WATCHED_DAYS
from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.domain.learning.stream import DayFeedback, DayRuns, Known, Metric
from prisma_assets.domain.learning.tracked import Tracked
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.opportunity import OpportunityStore, Row
from prisma_assets.store.roll_up import RollUpStore
from prisma_assets.store.theme import ThemeStore

IMPROVEMENT_OPPORTUNITIES = "improvement_opportunities"
"""Name, as in Dagster and in the table `roll_ups`."""
READ = timedelta(days=PAST_DAYS + WATCHED_DAYS)
TELLING = (Metric.SATISFACTION, Metric.ISSUE, Metric.THEME)
"""What people's own words are evidence of."""

TRENDS: Mapping[Tracked, Metric] = {
    Tracked.LATENCY: Metric.LATENCY,
    Tracked.ERROR_RATE: Metric.ERRORS,
    Tracked.COST: Metric.COST,
    Tracked.ACCURACY: Metric.ACCURACY,
    Tracked.SATISFACTION: Metric.SATISFACTION,
}
"""What a trend is trouble of. More tokens are trouble when they cost more, which the cost tells."""


@dataclass(frozen=True, kw_only=True)
class Agent:
    """What the search must know of an agent's card."""

    version: str
    risk: str


Agents = Mapping[str, Agent]
"""The firm's agents by id."""


def firm_agents() -> Agents:
    """The firm's agents as their cards describe them."""
    return {card.id: Agent(version=card.version, risk=card.risk) for card in firm_cards()}


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What the look of a day changed."""

    day: date
    found: int = 0
    followed: int = 0
    silent: int = 0
    """Trouble somebody dismissed, or whose mending was just released."""
    resolved: int = 0
    is_past: bool = False
    """A later day was looked at before; nothing changed."""
    opportunities: tuple[Opportunity, ...] = ()
    """What is wrong now, the most pressing first."""


@dataclass(frozen=True, kw_only=True)
class _Open:
    """A row of open trouble, and what the search calls it."""

    opportunity_id: str
    known: Known


async def look(database: Database, day: date, *, agents: Agents) -> Looked:
    """Look at all agents at the end of a day; the same trouble is one opportunity however often it is seen."""
    async with database.transaction() as transaction:
        store = OpportunityStore(source=transaction)
        await store.lock()
        last = await store.last_look()
        if last is not None and last > day:
            return Looked(day=day, is_past=True)
        trouble = await _open(store)
        searched = await _searched(transaction, day, agents=agents, trouble=trouble)
        found = [o for s in searched.values() for o in s.opportunities]
        told = [await _with_words(store, o, through=day) for o in found]
        written = await store.write(told, day=day)
        over = [
            t.opportunity_id
            for agent_id, s in searched.items()
            for t in trouble[agent_id]
            if t.known in s.resolved
        ]
        resolved = await store.resolve(over, day=day)
        await RollUpStore(source=transaction).end(IMPROVEMENT_OPPORTUNITIES, day, rows=len(found))
    return Looked(
        day=day,
        found=written.new,
        followed=len(written.told) - written.new,
        silent=len(told) - len(written.told),
        resolved=resolved,
        opportunities=tuple(sorted(written.told, key=lambda o: o.rank)),
    )


async def analyse(
    database: Database, agent_id: str, day: date, *, agent: Agent
) -> tuple[Opportunity, ...]:
    """What could be better about one agent at the end of a day, the most pressing first; nothing is kept."""
    trouble = await _open(OpportunityStore(source=database), agent_id=agent_id)
    searched = await _searched(
        database, day, agents={agent_id: agent}, trouble=trouble, agent_id=agent_id
    )
    return searched[agent_id].opportunities


async def _open(store: OpportunityStore, agent_id: str | None = None) -> dict[str, list[_Open]]:
    trouble: dict[str, list[_Open]] = defaultdict(list)
    for row in await store.open(agent_id=agent_id):
        trouble[row["agent_id"]].append(
            _Open(opportunity_id=row["opportunity_id"], known=_known(row))
        )
    return trouble


def _known(row: Row) -> Known:
    evidence = row["evidence"][0]
    is_compared = evidence["kind"] == "comparison"
    return Known(
        metric=Metric(row["metric"]),
        subject=row["subject"],
        shift=read_comparison(evidence) if is_compared else None,
        last_seen_on=row["last_seen_on"],
        slow_ms=evidence.get("slow_ms"),
    )


async def _searched(
    source: Database | Transaction,
    day: date,
    *,
    agents: Agents,
    trouble: Mapping[str, Sequence[_Open]],
    agent_id: str | None = None,
) -> dict[str, Searched]:
    settled: dict[str, list[Settled]] = defaultdict(list)
    for row in await OpportunityStore(source=source).settled(since=day - READ, agent_id=agent_id):
        settled[row["agent_id"]].append(
            Settled(
                metric=Metric(row["metric"]),
                subject=row["subject"],
                began_on=row["began_on"],
                closed_on=row["closed_on"],
            )
        )
    return {
        record.agent_id: search(
            record,
            known=[t.known for t in trouble.get(record.agent_id, ())],
            settled=settled[record.agent_id],
        )
        for record in await _records(source, day, agents=agents, agent_id=agent_id)
    }


async def _records(
    source: Database | Transaction, day: date, *, agents: Agents, agent_id: str | None
) -> list[AgentRecord]:
    days: dict[str, Any] = {"since": day - READ, "until": day, "agent_id": agent_id}
    runs = await RollUpStore(source=source).windows("1d", **days)
    said = await RollUpStore(source=source).feedback_days(**days)
    unhappy = await ThemeStore(source=source).unhappy_days(**days)
    runs_of, said_of = _by_agent(runs), _by_agent(said)
    themes: dict[tuple[str, date], dict[str, int]] = defaultdict(dict)
    for row in unhappy:
        themes[row["agent_id"], row["day"]][row["theme_id"]] = row["unhappy"]
    names = {row["theme_id"]: row["name"] for row in unhappy}
    trends = await _trends(source, day, agent_id=agent_id)
    return [
        AgentRecord(
            agent_id=one,
            agent_version=runs_of[one][-1]["agent_version"] if one in runs_of else agent.version,
            risk=agent.risk,
            through=day,
            runs=_run_days(runs_of.get(one, [])),
            feedback=tuple(
                _feedback_day(row, themes[one, row["day"]]) for row in said_of.get(one, [])
            ),
            trends=tuple(trends.get(one, ())),
            theme_names=names,
        )
        for one, agent in agents.items()
    ]


async def _trends(
    source: Database | Transaction, day: date, *, agent_id: str | None
) -> dict[str, list[WorseTrend]]:
    found: dict[str, list[WorseTrend]] = defaultdict(list)
    for row in await OpportunityStore(source=source).worse_trends(day, agent_id=agent_id):
        metric = TRENDS.get(Tracked(row["metric"]))
        if metric is not None:
            found[row["agent_id"]].append(
                WorseTrend(
                    metric=metric,
                    days=row["days"],
                    level=row["level"],
                    change=row["change"],
                    q=row["q"],
                )
            )
    return found


def _by_agent(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows are in the order of agents."""
    return {agent: list(group) for agent, group in groupby(rows, key=lambda r: str(r["agent_id"]))}


def _run_days(rows: Sequence[Row]) -> tuple[DayRuns, ...]:
    """All versions of a day together."""
    return tuple(
        _run_day(start.astimezone(UTC).date(), list(group))
        for start, group in groupby(rows, key=lambda r: r["window_start"])
    )


def _run_day(day: date, rows: Sequence[Row]) -> DayRuns:
    types: dict[str, int] = defaultdict(int)
    for row in rows:
        for name, times in row["error_types"].items():
            types[name] += times
    sketches = [r["latency_sketch"] for r in rows if r["latency_sketch"]]
    return DayRuns(
        day=day,
        executions=sum(r["executions"] for r in rows),
        errors=sum(r["errors"] + r["timeouts"] for r in rows),
        error_types=types,
        accuracy_sum=float(sum(r["accuracy_sum"] for r in rows)),
        accuracy_n=sum(r["accuracy_n"] for r in rows),
        cost_usd=float(sum(r["cost_usd"] or 0 for r in rows)),
        priced=sum(r["executions"] - r["unpriced"] for r in rows),
        latency=Sketch.merged_bytes(sketches) if sketches else None,
    )


def _feedback_day(row: Row, themes: Mapping[str, int]) -> DayFeedback:
    return DayFeedback(
        day=row["day"],
        feedback=row["feedback"],
        rating_sum=row["rating_sum"],
        rating_n=row["rating_n"],
        issues=row["categories"],
        themes=themes,
    )


async def _with_words(
    store: OpportunityStore, opportunity: Opportunity, *, through: date
) -> Opportunity:
    """Add what people said, where that is the evidence."""
    if opportunity.metric not in TELLING:
        return opportunity
    said = await store.telling_feedback(opportunity, through=through)
    row = {"kind": "feedback", "feedback": said}
    return replace(opportunity, evidence=(*opportunity.evidence, row)) if said else opportunity
