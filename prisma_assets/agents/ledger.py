"""Where the gateway looks up and writes down every agent call. The PostgreSQL implementation lives in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

from prisma_assets.agents.contract import AgentResult

CallOutcome = Literal["ok", "error", "timeout"]
"""How one attempt ended. A cancelled attempt is an `error`: what it consumed is owed all the same."""

Along = tuple[str, Mapping[str, Any]]
"""What a caller stores of a call's result in the same transaction: the name of a query, and its parameters."""


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """One attempt of one agent call, as a row of `agent_cost_tracking`. The ledger stamps the moment."""

    call_id: str
    """The task's idempotency key."""
    attempt: int
    """Number of the attempt within one `gateway.call`, from 1. Starts again at 1 when a later run repeats the call."""
    outcome: CallOutcome
    agent_id: str
    agent_version: str
    task: str
    """Name of the procedure, e.g. `independence_check`."""
    step_id: str
    execution_id: str | None
    step_execution_id: str | None
    client_id: str | None
    engagement_id: str | None
    provider: str
    duration_ms: int
    """Of this attempt alone: no waiting for a free place, no pauses between attempts."""
    model: str | None = None
    tokens_in: int | None = None
    """Tokens of the attempt. None: the attempt broke off and nobody knows what it consumed."""
    tokens_out: int | None = None
    tokens_cached: int | None = None
    cost_usd: Decimal | None = None
    """Price in US dollars. None: unknown, which is not free."""
    price_version: str | None = None
    """The price list it was computed with; None: the provider told it, or nobody knows it."""
    ab_test_id: str | None = None
    """The experiment the call was part of; None: none."""
    variant: str | None = None
    """A or B."""
    experiment_unit: str | None = None
    """What the experiment assigned."""
    error: str = ""
    """Why the attempt failed, as `ErrorType: message`; empty when it succeeded."""
    result: AgentResult | None = None
    """What the call answered; present exactly when the outcome is `ok`."""


class CallLedger(Protocol):
    """Append-only record of agent calls; what makes a call idempotent across runs and processes."""

    async def record(self, call: RecordedCall, along: Along | None = None) -> None:
        """Write one attempt in one transaction: cost and, when it succeeded, its result and what goes along.

        Where what goes along is refused, the attempt is written all the same, and the refusal raised.

        There is at most one `ok` row for a call id: a second one is ignored. Failed attempts are always appended,
        since each may have cost money and their numbers repeat from run to run.
        """

    async def recorded(self, call_id: str) -> AgentResult | None:
        """Give the result of the call if it has already succeeded, exactly as `record` received it."""
