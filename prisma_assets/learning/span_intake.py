"""Takes in traces: runs of agents with what their calls used, each stored once. How a trace is encoded does not belong here."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prisma_assets.agents.price import price_use
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.agent_run import AgentRun, read_run, read_use
from prisma_assets.domain.learning.span import Span, SpanKind, run_values
from prisma_assets.store.agent_run import SpanBatch, SpanRow, add_spans, forget_spans
from prisma_assets.store.database import Database

_FORGET_SECONDS = 3600.0
"""Pause between looks for spans to forget: what waits longer takes room, not time."""
_NO_ID = "0"


@dataclass(frozen=True, kw_only=True)
class PreparedSpans:
    """One delivery, checked and priced."""

    batch: SpanBatch
    refused: tuple[str, ...]
    """Why spans are refused, one sentence each."""


@dataclass(frozen=True, kw_only=True)
class _Agents:
    ids: frozenset[str]
    names: Mapping[str, str]
    """Id by id or name, in lower case."""


class SpanIntake:
    """Stores spans in one database; `prepare` in any thread, the rest in one event loop."""

    def __init__(self, agents: AgentRegistry, database: Database) -> None:
        """Keep what is needed; nothing is opened before the first spans."""
        cards = agents.find()
        names = {word.lower(): c.id for c in cards for word in (c.name, c.id)}
        self._agents = _Agents(ids=agents.ids, names=names)
        self._database = database
        self._writing = asyncio.Lock()
        self._forgot_at = 0.0

    def prepare(self, spans: Iterable[Span]) -> PreparedSpans:
        """Check and price spans; takes a processor's time, and none of the database's."""
        now = datetime.now(UTC)
        rows, runs, refused = [], [], []
        for span in spans:
            try:
                row, run = _read(span, self._agents, now)
            except InputError as error:
                refused.append(f"span {span.span_id or '?'}: {error}")
                continue
            if row is not None:
                rows.append(row)
            if run is not None:
                runs.append(run)
        return PreparedSpans(batch=SpanBatch.of(rows, runs), refused=tuple(refused))

    async def store(self, prepared: PreparedSpans) -> None:
        """Return once the spans are stored for good.

        Raises:
            DatabaseUnavailableError: They are not; they may be sent again.
        """
        # One writer at a time, here already: waiting in the database would hold a connection each.
        async with self._writing:
            if prepared.batch.traces:
                await add_spans(self._database, prepared.batch)
            if time.monotonic() - self._forgot_at > _FORGET_SECONDS:
                self._forgot_at = time.monotonic()
                await forget_spans(self._database)


def _read(span: Span, agents: _Agents, now: datetime) -> tuple[SpanRow | None, AgentRun | None]:
    _check_ids(span)
    kind = span.kind
    if kind == "link":
        # What stands at the top of its trace has nothing above it to lead to.
        return (_row(span, kind, {}) if span.parent_id else None), None
    use = _priced(read_use(span.use()), span.started_at)
    if kind == "call":
        return _row(span, kind, use), None
    values = {**run_values(span, names=agents.names), **use}
    return _row(span, kind, use), read_run(values, agents=agents.ids, now=now)


def _row(span: Span, kind: SpanKind, use: Mapping[str, Any]) -> SpanRow:
    return SpanRow(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
        kind=kind,
        **use,
    )


def _check_ids(span: Span) -> None:
    for name, text, length in (("trace", span.trace_id, 32), ("span", span.span_id, 16)):
        if len(text) != length or not text.strip(_NO_ID):
            raise InputError(f"its {name} id is no {length} hexadecimal digits; send a whole span")
    if span.parent_id is not None and len(span.parent_id) != 16:
        raise InputError("the id of its parent is no 16 hexadecimal digits; send a whole span")


def _priced(use: dict[str, Any], at: datetime) -> dict[str, Any]:
    """What was used, with its price unless a cost was reported or something needed is unknown."""
    told = {name: value for name, value in use.items() if name != "tokens_stored"}
    found = price_use(use, at=at) if "cost_usd" not in use else None
    if found is None:
        return told
    return {**told, "cost_usd": round(found.usd, 6), "price_version": found.version}
