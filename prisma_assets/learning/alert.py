"""Looks at all alert rules at once: what is new is stored, raised and told in one transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from prisma_assets.domain.monitoring.alert import Alert, found
from prisma_assets.domain.monitoring.alert_figure import Part, baseline, level, words
from prisma_assets.domain.monitoring.alert_rule import Rule
from prisma_assets.domain.monitoring.alert_state import Event, Level, State, step
from prisma_assets.learning.alert_reading import Reading, readings
from prisma_assets.learning.anomaly import (
    Heard,
    anomaly_readings,
    listen,
    new_hours,
    newest_unheard,
)
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.alert_rule import AlertFactStore, AlertRuleStore, Known
from prisma_assets.store.database import Database, Transaction

SYSTEM = "system"
"""Who ends an alert when the trouble is over."""

Key = tuple[str, str]
"""Rule and subject."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What one look changed."""

    opened: int = 0
    resolved: int = 0
    escalated: int = 0
    unsilenced: int = 0
    moved: int = 0
    """Rules that know something else of a subject than before."""
    hours: int = 0
    """Hours the detectors heard."""


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """What one rule makes of one subject."""

    rule: Rule
    reading: Reading
    before: Known | None
    state: State
    event: Event | None

    @property
    def known(self) -> Known:
        figure = self.reading.figure
        return Known(
            rule_id=self.rule.id, subject_id=self.reading.subject.id, state=self.state,
            value=figure.value, n=figure.n,
        )  # fmt: skip

    @property
    def is_step(self) -> bool:
        """Something is under way that the next look must know of."""
        before = self.before
        if before is None:
            return self.event is not None or not self.state.is_at_rest
        return (before.state.bad_since, before.state.clean_since, before.state.is_open) != (
            self.state.bad_since, self.state.clean_since, self.state.is_open,
        )  # fmt: skip

    @property
    def due(self) -> str:
        """What is to be stored; the same text until it is."""
        state, before = self.state, self.before.state if self.before else None
        key = f"{self.rule.id}:{self.reading.subject.id}"
        return f"{key}:{before}:{state.status}:{state.is_open}:{state.clean_since is not None}"


async def due(
    database: Database,
    *,
    agents: Collection[str],
    at: datetime,
    parts: Sequence[Part] | None = None,
) -> list[str]:
    """What a look would change now: a text per thing, none when it would change nothing that matters."""
    rules = await AlertRuleStore(source=database).rules()
    shown = await readings(database, rules, agents=agents, at=at, parts=parts or ())
    known = _by_key(await AlertRuleStore(source=database).known())
    hour = await newest_unheard(database, at=at)
    turns = _turns(shown, known, at)
    gone = _gone(known, _unlisted(rules, parts), shown)
    active = await AlertStore(source=database).active()
    silent = await _silences_over(database, active, at)
    return [
        *(t.due for t in turns if t.is_step),
        *(f"gone:{each.rule_id}:{each.subject_id}" for each in gone),
        *(f"escalate:{row['alert_id']}" for _, rows in _overdue(rules, active, at) for row in rows),
        *(f"unsilence:{alert_id}" for alert_id in silent),
        *([f"hours:{hour}"] if hour else []),
    ]


async def look(
    database: Database,
    *,
    agents: Collection[str],
    at: datetime,
    parts: Sequence[Part] | None = None,
) -> Looked:
    """Look at every rule and do what follows. The same look again changes nothing; looks at once do it once.

    Args:
        database: Where rules, facts and alerts are.
        agents: Ids of the firm's agents.
        at: Now.
        parts: Sensors and schedules that ought to run; None: nobody has looked at them.
    """
    rules = await AlertRuleStore(source=database).rules()
    unheard = await newest_unheard(database, at=at)
    hours = await new_hours(database, at=at) if unheard else []
    heard = await listen(database, hours)
    shown = [
        *await readings(database, rules, agents=agents, at=at, parts=parts or ()),
        *anomaly_readings(rules, heard),
    ]
    async with database.transaction() as tx:
        store = AlertRuleStore(source=tx)
        await store.lock()
        known = _by_key(await store.known())
        turns = _turns(shown, known, at)
        await _keep_heard(tx, heard)
        opened = await AlertStore(source=tx).raise_all(_alerts(turns, Event.OPENED), at=at)
        await AlertStore(source=tx).refresh(_alerts(turns, None), at=at)
        resolved = await _resolve(tx, turns, _gone(known, _unlisted(rules, parts), shown), at)
        changed = [t.known for t in turns if t.before != t.known]
        await store.keep(changed)
        unsilenced = await AlertStore(source=tx).end_silences_over(at=at)
        escalated = await _escalate(tx, rules, at)
    return Looked(
        opened=len(opened), resolved=resolved, escalated=escalated, unsilenced=unsilenced,
        moved=sum(t.is_step for t in turns), hours=len(hours),
    )  # fmt: skip


def _by_key(known: Iterable[Known]) -> dict[Key, Known]:
    return {(each.rule_id, each.subject_id): each for each in known}


def _turns(shown: Sequence[Reading], known: Mapping[Key, Known], at: datetime) -> list[_Turn]:
    turns = []
    for reading in shown:
        rule = reading.rule
        before = known.get((rule.id, reading.subject.id))
        state, event = step(
            before.state if before else None, level(rule, reading.figure), rule=rule, at=at
        )
        turns.append(_Turn(rule=rule, reading=reading, before=before, state=state, event=event))
    return turns


def _alerts(turns: Sequence[_Turn], event: Event | None) -> list[Alert]:
    """Alerts of what has just opened, or of what goes on."""
    return [
        _alert(t.rule, t.reading)
        for t in turns
        if t.state.is_open and t.event is event and level(t.rule, t.reading.figure) is Level.BAD
    ]


def _alert(rule: Rule, reading: Reading) -> Alert:
    figure = reading.figure
    value = 0.0 if figure.value is None else figure.value
    alert = found(rule, reading.subject, value=value, n=figure.n, words=words(rule, figure))
    return replace(alert, baseline=baseline(rule, figure))


def _unlisted(rules: Sequence[Rule], parts: Sequence[Part] | None) -> set[str]:
    """Rules that were not shown everything there is: hours come one by one, and nobody may have looked at the sensors."""
    return {r.id for r in rules if r.threshold is None or (parts is None and r.about == "part")}


def _gone(
    known: Mapping[Key, Known], unlisted: Collection[str], shown: Sequence[Reading]
) -> list[Known]:
    """What was in trouble and is no more there to look at: a sign-off given, a budget or a rule ended."""
    seen = {(r.rule.id, r.subject.id) for r in shown}
    return [
        each
        for key, each in known.items()
        if key not in seen and key[0] not in unlisted and not each.state.is_at_rest
    ]


async def _resolve(
    tx: Transaction, turns: Sequence[_Turn], gone: Sequence[Known], at: datetime
) -> int:
    store = AlertStore(source=tx)
    calm = [f"{t.rule.id}:{t.reading.subject.id}" for t in turns if t.event is Event.RESOLVED]
    away = [f"{each.rule_id}:{each.subject_id}" for each in gone]
    for each in gone:
        await AlertRuleStore(source=tx).forget(each.rule_id, each.subject_id)
    over = await store.resolve(calm, by=SYSTEM, resolution="two clean windows", at=at)
    over += await store.resolve(away, by=SYSTEM, resolution="there is nothing left to watch", at=at)
    return len(over)


async def _keep_heard(tx: Transaction, heard: Sequence[Heard]) -> None:
    store = AlertFactStore(source=tx)
    for each in heard:
        await store.keep_detector(each.series, last_bucket=each.last_bucket, state=each.state)


async def _escalate(tx: Transaction, rules: Sequence[Rule], at: datetime) -> int:
    store = AlertStore(source=tx)
    overdue = _overdue(rules, await store.active(), at)
    for rule, rows in overdue:
        await store.escalate(rule, rows, at=at)
    return sum(len(rows) for _, rows in overdue)


def _overdue(
    rules: Sequence[Rule], active: Sequence[dict[str, Any]], at: datetime
) -> list[tuple[Rule, list[dict[str, Any]]]]:
    """Alerts nobody has acknowledged in time, by rule."""
    overdue = []
    for rule in rules:
        if rule.escalate_seconds is None:
            continue
        before = at - timedelta(seconds=rule.escalate_seconds)
        rows = [
            row
            for row in active
            if row["rule_id"] == rule.id and row["status"] == "open" and row["escalated_at"] is None
            and row["first_seen_at"] <= before
        ]  # fmt: skip
        if rows:
            overdue.append((rule, rows))
    return overdue


async def _silences_over(
    database: Database, active: Sequence[dict[str, Any]], at: datetime
) -> list[str]:
    suppressed = [row for row in active if row["status"] == "suppressed"]
    if not suppressed:
        return []
    silences = await AlertStore(source=database).silences(at=at)
    return [
        row["alert_id"]
        for row in suppressed
        if not any(
            s["rule_id"] in (None, row["rule_id"]) and s["agent_id"] in (None, row["agent_id"])
            for s in silences
        )
    ]
