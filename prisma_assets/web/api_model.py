"""What the HTTP API takes and gives, as types; the OpenAPI document follows from them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from prisma_assets.domain.workflow.execution import ExecutionStatus, StepStatus
from prisma_assets.domain.workflow.sign_off import Decision
from prisma_assets.store.execution_page import MOST_PER_PAGE

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=10_000)]


class Taken(BaseModel):
    """What is sent in: a field nobody knows is a mistake, not decoration."""

    model_config = ConfigDict(extra="forbid")


class NewExecution(Taken):
    """A workflow to be started."""

    template: Name
    inputs: dict[Name, str | int | float | bool | None] = Field(default_factory=dict)
    """By the names the template declares."""
    created_by: Name
    engagement_id: Name | None = None
    """Where no engagement folder says it."""
    client_id: Name | None = None
    launch: bool = True
    """False: it is stored and begins with `resume`."""


class NewCancel(Taken):
    """A request to stop."""

    by: Name
    reason: Annotated[str, Field(min_length=1, max_length=10_000)]


class NewSignOff(Taken):
    """A person's decision on a step that waits."""

    step: Name
    by: Name
    decision: Decision = "approve"
    comment: Text = ""
    role: Name | None = None
    """For people who hold several."""


class Listing(Taken):
    """Which executions to list."""

    limit: int = Field(default=50, ge=1, le=MOST_PER_PAGE)
    cursor: Annotated[str, Field(max_length=200)] | None = None
    """`next` of the page before."""
    status: ExecutionStatus | None = None
    template: Name | None = None


class ExecutionSummary(BaseModel):
    """One execution in a list."""

    execution_id: str
    template: str
    template_version: str
    status: ExecutionStatus
    client_id: str | None
    engagement_id: str | None
    period: str | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    cost_usd: float | None
    """null: the price of a step is not known, which is not the same as free."""


class ExecutionPage(BaseModel):
    """Some executions, newest first."""

    items: list[ExecutionSummary]
    next: str | None
    """Cursor of the next page; null on the last."""


class StepReport(BaseModel):
    """One step as it stands."""

    step_id: str
    name: str
    status: StepStatus
    agent_id: str | None
    iteration: int
    duration_ms: int | None
    cost_usd: float | None
    outputs: dict[str, Any]
    error: dict[str, Any] | None
    workpaper: dict[str, Any] | None


class CancelReport(BaseModel):
    """Who asked for the end, why and when."""

    requested_by: str
    reason: str
    requested_at: datetime


class ExecutionReport(BaseModel):
    """Everything there is to say about one execution; `status --json` says the same."""

    model_config = ConfigDict(extra="allow")

    execution_id: str
    template: str
    template_version: str
    template_sha256: str
    status: ExecutionStatus
    steps: list[StepReport]
    waiting_for: dict[str, list[str]]
    """Step to the roles whose signature is missing."""
    not_to_be_approved: dict[str, str]
    """Step that waits to the condition that must hold before an approval counts, while it does not."""
    duration_ms: int | None
    """Time in which a step was being worked on."""
    cost_usd: float | None
    error: dict[str, Any] | None
    cancel: CancelReport | None
    engagement_id: str | None
    client_id: str | None
    created_by: str
    created_at: datetime
    dagster_run_ids: list[str]


class TemplateSummary(BaseModel):
    """One workflow template in the list."""

    name: str
    title: str
    version: str
    sha256: str
    description: str
    steps: int


class TemplateList(BaseModel):
    """The templates at hand, and what is wrong with the files that could not be read."""

    items: list[TemplateSummary]
    next: str | None
    """Cursor of the next page; null on the last."""
    problems: list[str]
