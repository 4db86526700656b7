"""Reported agent runs in PostgreSQL: each stored once. What a run may say does not belong here."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

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


def as_rows(values: Iterable[Any], names: Sequence[str]) -> str:
    """JSON that a statement reads as rows; what is None is left out."""
    rows = (
        {name: value for name in names if (value := getattr(each, name)) is not None}
        for each in values
    )
    return json.dumps(list(rows), default=str)
