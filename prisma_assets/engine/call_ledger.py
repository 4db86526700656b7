"""The ledger of agent calls in PostgreSQL: what each attempt cost, and what each successful call answered."""

from dataclasses import dataclass, fields

import psycopg
from pydantic import TypeAdapter

from prisma_assets.agents.contract import AgentResult
from prisma_assets.agents.ledger import Along, RecordedCall
from prisma_assets.store.database import Database

_RESULT = TypeAdapter(AgentResult)


@dataclass(frozen=True)
class PostgresCallLedger:
    """Implements `CallLedger` over `agent_cost_tracking` and `agent_calls`."""

    database: Database

    async def record(self, call: RecordedCall, along: Along | None = None) -> None:
        """Write one attempt and, when it succeeded, its result and what goes along, in one transaction.

        Raises:
            psycopg.Error: What goes along is refused; the attempt is written without it, for it is paid.
        """
        params = {field.name: getattr(call, field.name) for field in fields(call)}
        params["result"] = None if call.result is None else _RESULT.dump_json(call.result).decode()
        try:
            await self.database.grouped("insert_call", params, along=along)
        except psycopg.Error:
            if along is not None:
                await self.database.grouped("insert_call", params)
            raise

    async def recorded(self, call_id: str) -> AgentResult | None:
        """Give the result of the call if it has already succeeded, exactly as `record` received it."""
        rows = (await self.database.grouped("recorded_call", {"call_id": call_id})).rows
        return _RESULT.validate_json(rows[0]["result"]) if rows else None
