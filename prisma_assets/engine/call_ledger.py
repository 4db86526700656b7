"""The ledger of agent calls in PostgreSQL: what each attempt cost, and what each successful call answered."""

from dataclasses import dataclass, fields

from pydantic import TypeAdapter

from prisma_assets.agents.contract import AgentResult
from prisma_assets.agents.ledger import RecordedCall
from prisma_assets.store.database import Database

_RESULT = TypeAdapter(AgentResult)


@dataclass(frozen=True)
class PostgresCallLedger:
    """Implements `CallLedger` over `agent_cost_tracking` and `agent_calls`."""

    database: Database

    async def record(self, call: RecordedCall) -> None:
        """Write one attempt and, when it succeeded, its result: one statement, so both or neither."""
        params = {field.name: getattr(call, field.name) for field in fields(call)}
        params["result"] = None if call.result is None else _RESULT.dump_json(call.result).decode()
        await self.database.grouped("insert_call", params)

    async def recorded(self, call_id: str) -> AgentResult | None:
        """Give the result of the call if it has already succeeded, exactly as `record` received it."""
        rows = (await self.database.grouped("recorded_call", {"call_id": call_id})).rows
        return _RESULT.validate_json(rows[0]["result"]) if rows else None
