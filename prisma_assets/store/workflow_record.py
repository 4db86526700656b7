"""What the workflow store takes in and hands out: executions, steps, branches, sign-offs. SQL stands in `workflow`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from prisma_assets.domain.workflow.execution import ExecutionStatus, StepRecord, StepStatus
from prisma_assets.domain.workflow.shown import Shown, as_json, shown_sha256
from prisma_assets.domain.workflow.sign_off import Decision
from prisma_assets.store.pinning import Pins

RunKind = Literal["work", "compensation"]
"""What a Dagster run does for an execution: its steps, or undoing them."""


@dataclass(frozen=True, kw_only=True)
class NewExecution:
    """What is known when somebody starts a workflow."""

    pins: Pins
    template_name: str
    template_version: str
    template_sha256: str
    dagster_job: str
    context: Mapping[str, Any]
    """JSON: `inputs`, `agent_versions` (id to hash of the card), `served` (those that are not from the code) and `experiments` where
    there are any, and for an engagement `engagement_folder`, `books_sha256`,
    `team`, `preparer`."""
    created_by: str
    client_id: str | None = None
    engagement_id: str | None = None
    period: str | None = None
    idempotency_key: str | None = None
    is_asked_for: bool = False
    """Whether somebody wants it run as soon as it is opened."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One workflow execution as stored."""

    id: str
    template_name: str
    template_version: str
    template_sha256: str
    status: ExecutionStatus
    context: Mapping[str, Any]
    created_by: str
    created_at: datetime
    client_id: str | None = None
    engagement_id: str | None = None
    period: str | None = None
    dagster_job: str = ""
    dagster_run_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: Mapping[str, Any] | None = None
    cost_usd: Decimal | None = None

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What the person who started it gave."""
        inputs: Mapping[str, Any] = self.context.get("inputs", {})
        return inputs


@dataclass(frozen=True, kw_only=True)
class StepRow(StepRecord):
    """Latest iteration of a step, with what a page or the command line shows."""

    step_execution_id: str
    step_name: str
    map_key: str = ""
    attempt: int = 1
    agent_id: str | None = None
    agent_version: str | None = None
    workpaper: Mapping[str, Any] | None = None
    started_at: datetime | None = None
    duration_ms: int | None = None
    cost_usd: Decimal | None = None
    cached_call_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class StepStart:
    """A step about to be worked on."""

    execution_id: str
    step_id: str
    step_name: str
    iteration: int
    agent_id: str | None
    input_sha256: str
    map_key: str = ""
    """Name of the branch of a for-each; empty for the step itself."""


@dataclass(frozen=True, kw_only=True)
class StartedStep:
    """A step on which work has begun."""

    id: str
    attempt: int
    """How often a run has taken it up, from 1."""
    waited_seconds: float
    """Time since the work was first taken up, by whichever run."""


@dataclass(frozen=True, kw_only=True)
class StepFinish:
    """What a step produced."""

    step_execution_id: str
    status: StepStatus
    output: Mapping[str, Any]
    output_sha256: str
    workpaper: Mapping[str, Any] | None
    agent_version: str
    attempts: int
    duration_ms: int
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal | None
    cached_call_id: str | None = None
    """The earlier call whose result answered."""
    approval_kind: str | None = None
    required_roles: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class SignOffRequest:
    """One time a step's result was put before those who sign."""

    step_id: str
    iteration: int
    number: int
    """1: the first time in this iteration; more: asked again, since what was shown had changed."""
    shown: Shown
    asked_at: datetime | None = None
    """None: not stored yet."""
    reminders: int = 0
    """Number of the last reminder."""
    expired_at: datetime | None = None
    """When nobody had decided in time; None: there is time left, or no limit."""
    due_at: datetime | None = None
    """Next reminder or expiry; None: none to come."""

    @property
    def is_first(self) -> bool:
        """Whether sign-offs given in advance count: they stand for the first result, whatever it is."""
        return self.iteration == 1 and self.number == 1


@dataclass(frozen=True, kw_only=True)
class SignOffRow:
    """One decision as stored."""

    step_id: str
    user: str
    role: str | None
    decision: Decision
    comment: str
    given_in_advance: bool
    decided_at: datetime
    iteration: int | None = None
    shown: Shown | None = None
    """None when given in advance."""


@dataclass(frozen=True, kw_only=True)
class NewSignOff:
    """One decision to be stored."""

    execution_id: str
    step_id: str
    user: str
    decision: Decision
    comment: str = ""
    role: str | None = None
    iteration: int | None = None
    """None when given in advance."""
    shown: Shown | None = None
    """What the decision rests on; None when given in advance."""

    def params(self) -> dict[str, Any]:
        """Parameters of the insert."""
        return {
            "workflow_execution_id": self.execution_id,
            "step_id": self.step_id,
            "iteration": self.iteration,
            "role": self.role,
            "user_id": self.user,
            "decision": self.decision,
            "comment": self.comment,
            "given_in_advance": self.shown is None,
            "shown": as_json(self.shown) if self.shown is not None else None,
            "shown_sha256": shown_sha256(self.shown) if self.shown is not None else None,
        }


@dataclass(frozen=True, kw_only=True)
class Redo:
    """Finished work that somebody had done again."""

    step_ids: tuple[str, ...]
    """What was asked for."""
    opened_step_ids: tuple[str, ...]
    """These and everything behind them that had begun, in template order."""
    requested_by: str
    reason: str
    requested_at: datetime | None = None
    """None: not stored yet."""


@dataclass(frozen=True, kw_only=True)
class ResumableExecution:
    """An execution that may go on: decided, opened again for rework, left in the middle, or asked for and never begun."""

    id: str
    template_name: str
    template_sha256: str
    status: ExecutionStatus
    runs: int
    """Dagster runs so far."""
    decisions: int
    """Decisions given so far; a new one, or a further run, makes a new run key."""
    run_asked_at: datetime | None = None
    """When somebody asked for a run that nobody has taken up."""


@dataclass(frozen=True, kw_only=True)
class SilentExecution:
    """An execution said to be worked on of which nothing was heard for a while."""

    id: str
    template_name: str
    template_sha256: str
    step_ids: tuple[str, ...]
    """Steps under way."""
    silent_seconds: float
