"""The state machine of an execution: what each step's record means, and what the execution as a whole is.

Pure: records in, decisions out. Writing records is `store.workflow`; running steps is `engine`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from prisma_assets.domain.workflow.template import Step, Template

StepStatus = Literal[
    "PENDING",
    "RUNNING",
    "WAITING_APPROVAL",
    "COMPLETED",
    "SKIPPED",
    "FAILED",
    "CANCELLED",
    "TIMED_OUT",
]
ExecutionStatus = Literal[
    "PENDING", "RUNNING", "WAITING_APPROVAL", "COMPLETED", "FAILED", "CANCELLED", "DECLINED"
]

DONE: frozenset[StepStatus] = frozenset({"COMPLETED", "SKIPPED"})
"""A step in one of these is never done again in its iteration."""
RESTED: frozenset[StepStatus] = DONE | {"FAILED", "TIMED_OUT", "CANCELLED"}
"""A step in one of these has ended, one way or another."""
_FAILED: frozenset[StepStatus] = frozenset({"FAILED", "TIMED_OUT"})
JoinState = Literal["ready", "waiting", "skipped", "unmet"]
ENDED: frozenset[ExecutionStatus] = frozenset({"COMPLETED", "FAILED", "CANCELLED", "DECLINED"})
RESUMABLE: frozenset[ExecutionStatus] = frozenset(
    {"PENDING", "RUNNING", "WAITING_APPROVAL", "FAILED", "CANCELLED"}
)
"""What may be continued: COMPLETED has nothing left, DECLINED is a decision of the firm."""


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """Latest iteration of one step as the store holds it."""

    step_id: str
    iteration: int = 1
    status: StepStatus
    outputs: Mapping[str, Any] = field(default_factory=dict)
    output_sha256: str | None = None
    error: Mapping[str, Any] | None = None


def condition_context(
    inputs: Mapping[str, Any],
    records: Mapping[str, StepRecord],
    output: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a condition may read: inputs, outputs of the steps that are done, status of those that ended, and this step's output."""
    context: dict[str, Any] = {
        "inputs": dict(inputs),
        "steps": {i: dict(r.outputs) for i, r in records.items() if r.status in DONE},
        "status": {i: r.status for i, r in records.items() if r.status in RESTED},
    }
    if output is not None:
        context["output"] = dict(output)
    return context


def required_roles(step: Step, context: Mapping[str, Any]) -> tuple[str, ...]:
    """Roles that must sign this step's result; empty when no sign-off is needed.

    Args:
        step: The step, after its work is done.
        context: As from `condition_context` with `output`.
    """
    gate = step.sign_off
    if gate is None or (gate.when is not None and not gate.when.holds(context)):
        return ()
    return tuple(r.role for r in gate.roles if r.when is None or r.when.holds(context))


def join_state(step: Step, records: Mapping[str, StepRecord]) -> JoinState:
    """Whether what a step comes after lets it begin.

    Returns:
        ready: it may begin. waiting: not yet. skipped: of `any`, nothing came and nothing failed. unmet: nothing will come.
    """
    before = [records[i].status if i in records else "PENDING" for i in step.after]
    if step.join == "done":
        return "ready" if all(s in RESTED for s in before) else "waiting"
    if step.join == "all" or not before:
        return "ready" if all(s in DONE for s in before) else "waiting"
    if "COMPLETED" in before:
        return "ready"
    if any(s not in RESTED for s in before):
        return "waiting"
    return "skipped" if all(s == "SKIPPED" for s in before) else "unmet"


def is_tolerated(template: Template, step_id: str) -> bool:
    """Whether the execution goes on though this step fails: something comes after it, and nothing needs its result."""
    behind = [s for s in template.steps if step_id in s.after]
    return bool(behind) and all(s.join != "all" for s in behind)


def execution_status(template: Template, records: Mapping[str, StepRecord]) -> ExecutionStatus:
    """Status of an execution in which nothing is being worked on right now.

    DECLINED and CANCELLED are decisions recorded on the execution itself and never derived here.
    """
    statuses = {s.id: records[s.id].status if s.id in records else None for s in template.steps}
    statuses = {
        i: "COMPLETED" if s in _FAILED and is_tolerated(template, i) else s
        for i, s in statuses.items()
    }
    if all(s in DONE for s in statuses.values()):
        return "COMPLETED"
    if any(s in _FAILED for s in statuses.values()):
        return "FAILED"
    if any(s == "CANCELLED" for s in statuses.values()):
        return "CANCELLED"
    if any(s == "WAITING_APPROVAL" for s in statuses.values()):
        return "WAITING_APPROVAL"
    return "RUNNING"


def waiting_for(template: Template, records: Mapping[str, StepRecord]) -> Sequence[Step]:
    """Steps whose sign-off the execution waits for, in template order."""
    return [
        s for s in template.steps if s.id in records and records[s.id].status == "WAITING_APPROVAL"
    ]
