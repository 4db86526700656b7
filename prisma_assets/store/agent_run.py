"""Reported agent runs in PostgreSQL: each stored once. What a run may say does not belong here."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

from prisma_assets.domain.learning.agent_run import AgentRun
from prisma_assets.store.database import Database, Transaction

_FIELDS = tuple(f.name for f in fields(AgentRun))


@dataclass(frozen=True, kw_only=True)
class AgentRunStore:
    """Where reported runs live."""

    database: Database | Transaction

    async def add(self, runs: Sequence[AgentRun], *, source: str) -> int:
        """Store runs in one statement, and count those that are new.

        Args:
            runs: Checked and priced.
            source: How they came: `otlp`, `file` or `api`.
        """
        params = {"rows": as_rows(runs, _FIELDS), "source": source}
        (row,) = await self.database.fetch("insert_agent_runs", params)
        return int(row["stored"])


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanRow:
    """A span as it is stored; the figures are those it tells itself."""

    trace_id: str
    span_id: str
    parent_id: str | None
    kind: str
    provider: str | None = None
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    tokens_reasoning: int | None = None
    cost_usd: Decimal | None = None
    price_version: str | None = None


_SPAN_FIELDS = tuple(f.name for f in fields(SpanRow))

_KEEP = timedelta(days=2)
"""A call may be reported that long after its run: exporters hold spans for minutes, a laptop that sleeps for a night."""


@dataclass(frozen=True, kw_only=True)
class SpanBatch:
    """What one delivery of spans stores, ready as the statements take it."""

    spans: str
    runs: str
    traces: list[bytes]

    @classmethod
    def of(cls, spans: Sequence[SpanRow], runs: Sequence[AgentRun]) -> Self:
        """Make ready what takes a processor's time, so that it can be done beside the event loop."""
        return cls(
            spans=as_rows(spans, _SPAN_FIELDS),
            runs=as_rows(runs, _FIELDS),
            traces=[bytes.fromhex(trace) for trace in {span.trace_id for span in spans}],
        )


async def add_spans(database: Database, batch: SpanBatch) -> None:
    """Store spans and their runs in a transaction of their own; what was delivered before changes nothing."""
    async with database.transaction() as transaction:
        await write_spans(transaction, batch)


async def write_spans(transaction: Transaction, batch: SpanBatch) -> None:
    """Store spans and their runs; nobody else stores any until the transaction ends."""
    await transaction.fetch("lock_agent_spans")
    await transaction.execute("insert_agent_spans", {"rows": batch.spans})
    await transaction.fetch("insert_agent_runs", {"rows": batch.runs, "source": "otlp"})
    await transaction.execute("complete_agent_runs", {"traces": batch.traces})


async def forget_spans(database: Database) -> int:
    """Delete spans that no later call can belong to, and count them. The runs stay."""
    return await database.execute("delete_old_spans", {"keep": _KEEP})


def as_rows(values: Iterable[Any], names: Sequence[str]) -> str:
    """JSON that a statement reads as rows; what is None is left out."""
    rows = (
        {name: value for name in names if (value := getattr(each, name)) is not None}
        for each in values
    )
    return json.dumps(list(rows), default=str)
