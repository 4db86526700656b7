"""Results of earlier calls that answer for equal work: same client, agent version, procedure and input. Asked for per step."""

import hashlib
import json
from dataclasses import dataclass, replace
from decimal import Decimal

from pydantic import TypeAdapter

from prisma_assets.agents.contract import AgentCard, AgentResult, AgentTask, Usage
from prisma_assets.engine.record import input_sha256
from prisma_assets.store.database import Database

_RESULT = TypeAdapter(AgentResult)


@dataclass(frozen=True)
class ResultCache:
    """Implements the step cache over `step_result_cache` and the ledger of calls."""

    database: Database

    async def find(self, key: str, *, max_age_seconds: float) -> AgentResult | None:
        """The result of equal work that is not too old; it costs nothing and names the call it came from."""
        rows = await self.database.fetch(
            "cached_call", {"cache_key": key, "max_age_seconds": max_age_seconds}
        )
        if not rows:
            return None
        return replace(
            _RESULT.validate_json(rows[0]["result"]),
            usage=Usage(provider="cache", cost_usd=Decimal(0)),
            duration_ms=0,
            attempts=1,
            cached_from=rows[0]["call_id"],
        )

    async def keep(self, key: str, task: AgentTask, card: AgentCard) -> None:
        """Let the recorded call of the task answer for equal work from now on."""
        params = {
            "cache_key": key,
            "call_id": task.call_id,
            "client_id": task.client_id,
            "agent_id": card.id,
            "agent_version": card.version,
        }
        await self.database.execute("upsert_cached_call", params)


def cache_key(task: AgentTask, card: AgentCard) -> str:
    """Hash of everything that decides the result. The client is part of it: one client's work never answers another's."""
    about = {
        "client": task.client_id,
        "engagement": task.engagement_id,
        "agent": card.model_dump(mode="json"),
        "task": task.task,
        "parameters": task.parameters,
        "review_notes": task.review_notes,
        "standards": task.standards,
        "input": input_sha256(task),
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()
