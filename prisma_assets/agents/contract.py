"""What passes between a workflow step, the gateway and a provider. Providers and the gateway live beside it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

from pydantic import Field

from prisma_assets.domain.audit.workpaper import Frozen, Workpaper


class AgentCard(Frozen):
    """What the firm knows of one agent (domain facts §3.2-3.3)."""

    id: str = Field(pattern=r"^[a-z]+(-[a-z]+)+-\d{3}$")
    name: str = Field(min_length=1)
    domain: str
    does: str = Field(min_length=1)
    autonomy: str = Field(pattern="^L[0-3]$")
    risk: str = Field(pattern="^(low|medium|high|critical)$")
    tier: int = Field(ge=1, le=4)
    tools: tuple[str, ...]
    standards: tuple[str, ...]
    version: str = Field(pattern=r"^\d+\.\d+\.\d+(-b\.\d+)?$")
    provider: str = "embedded"
    max_concurrency: int = Field(default=4, ge=1)
    """Calls of this agent under way at once, over all its instances."""
    instances: int = Field(default=1, ge=1)
    """Pooled instances the gateway keeps; a call goes to the least loaded."""
    prompt: str | None = None
    """Instruction of a language model; None: the provider's own. The embedded procedures read none."""
    model: str | None = None
    """Language model; None: the one that is configured."""
    knowledge: tuple[str, ...] = ()
    """Sources the agent may look into."""
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    """What its procedures are to know, before what a template tells them."""
    max_call_usd: Decimal = Field(default=Decimal("0.50"), ge=0)
    """Most one attempt may cost, which budgets promise before it: a long context of a large model costs about half a dollar."""

    @property
    def content(self) -> str:
        """All the card says, as JSON from which `model_validate_json` makes an equal one."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(said, sort_keys=True, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        """Hash of the content: two cards with equal hashes describe the same agent."""
        return hashlib.sha256(self.content.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The version of an agent that an experiment gives one unit."""

    ab_test_id: str
    variant: Literal["A", "B"]
    """A: the version at work; B: the changed one."""
    unit: str
    """What was assigned: a call, a user, an engagement."""
    split: float
    """Share of variant B, in (0, 1)."""
    card: AgentCard
    """The agent as that arm has it."""


@dataclass(frozen=True, kw_only=True)
class AgentTask:
    """One piece of work for one agent."""

    call_id: str
    """Idempotency key: the same id is never paid twice."""
    agent_id: str
    task: str
    """Name of the procedure, e.g. `independence_check`."""
    step_id: str
    execution_id: str | None = None
    step_execution_id: str | None = None
    engagement_folder: str | None = None
    """Folder of the books; None for tasks without books."""
    books_sha256: str | None = None
    """Books the execution started on; a provider refuses other books."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """The execution's inputs."""
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Outputs of the earlier steps, by step id."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What the template tells the procedure."""
    item: Any = None
    """The item a branch of a for-each works on; None outside one."""
    outer: Any = None
    """The item around it, for a branch of a for-each inside another."""
    turn: int = 1
    """Which turn of a repeated step this is."""
    previous: Mapping[str, Any] | None = None
    """What the turn before gave; in the first turn of work that came back, what the step gave then; None the first time."""
    review_notes: tuple[str, ...] = ()
    """What reviewers asked to have changed, oldest first; empty the first time round."""
    standards: tuple[str, ...] = ()
    """Standards the template names for the step, for the workpaper's references."""
    title: str = ""
    objective: str = ""
    as_of: datetime | None = None
    """The moment the step counts as done; providers read no clock."""
    client_id: str | None = None
    engagement_id: str | None = None
    timeout_seconds: float = 300.0
    max_retries: int = 0
    heartbeat_seconds: float | None = None
    """Longest silence of an attempt; None: it may be silent until its timeout."""
    arm: Arm | None = None
    """Set by the gateway: the experiment the call is part of."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a call consumed."""

    provider: str
    """By its OpenTelemetry name where it has one: list prices are looked up by it."""
    model: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: Decimal | None = Decimal(0)
    """None: no price is known, which is not the same as free. The gateway then asks the price lists."""
    price_version: str | None = None
    """The price list the cost was computed with; None: the provider told it."""


@dataclass(frozen=True, kw_only=True)
class AgentResult:
    """What an agent hands back."""

    outputs: Mapping[str, Any]
    workpaper: Workpaper | None = None
    usage: Usage
    duration_ms: int = 0
    attempts: int = 1
    agent_version: str = ""
    cached_from: str | None = None
    """The earlier call this result is taken from; None when the agent was asked."""


class AgentProvider(Protocol):
    """Does the work of an agent: the embedded procedures, or a language model.

    Raises `RetryableError` for what may succeed on retry and `PermanentError` or `InputError` for what cannot.
    """

    name: str

    async def start(self, card: AgentCard) -> Any:
        """Make one reusable instance for the agent (a client, a session, warm data)."""

    async def call(self, instance: Any, card: AgentCard, task: AgentTask) -> AgentResult:
        """Do the task with that instance."""

    async def stop(self, instance: Any) -> None:
        """Release the instance."""
