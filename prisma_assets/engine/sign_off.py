"""Sign-offs on stored steps: what the decisions add up to, and taking a new one from a person."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.execution import (
    RESUMABLE,
    StepRecord,
    condition_context,
    required_roles,
    waiting_for,
)
from prisma_assets.domain.workflow.sign_off import (
    Approved,
    ChangesRequested,
    Decision,
    GivenDecision,
    Refused,
    Rejected,
    SignOffState,
    Waiting,
    add_up,
    role_to_sign,
)
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.domain.workflow.validation import did_you_mean
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, NewSignOff, SignOffRow

DECISIONS: tuple[Decision, ...] = get_args(Decision)


def team_roles(execution: Execution) -> Mapping[str, frozenset[str]]:
    """Roles of every member of the engagement's team, as it was when the execution started."""
    return {m["user"]: frozenset(m["roles"]) for m in execution.context.get("team", [])}


async def decided(
    store: WorkflowStore, execution: Execution, step: Step, record: StepRecord, roles: Sequence[str]
) -> SignOffState:
    """What the stored decisions on a step add up to."""
    rows = await store.sign_offs(execution.id, record)
    return _state(execution, step, roles, rows)


async def is_decided(store: WorkflowStore, execution: Execution, template: Template) -> bool:
    """Whether any step the execution waits for can go on, be reworked or end."""
    records = await store.steps(execution.id)
    for step in waiting_for(template, records):
        record = records[step.id]
        roles = required_roles(step, condition_context(execution.inputs, records, record.outputs))
        if not isinstance(await decided(store, execution, step, record, roles), Waiting):
            return True
    return False


async def missing_roles(
    store: WorkflowStore, execution: Execution, template: Template
) -> dict[str, tuple[str, ...]]:
    """Roles that may sign now, by the id of each step that waits; none in an execution that is over."""
    if execution.status not in RESUMABLE:
        return {}
    records = await store.steps(execution.id)
    missing: dict[str, tuple[str, ...]] = {}
    for step in waiting_for(template, records):
        record = records[step.id]
        roles = required_roles(step, condition_context(execution.inputs, records, record.outputs))
        state = await decided(store, execution, step, record, roles)
        missing[step.id] = state.roles if isinstance(state, Waiting) else ()
    return missing


async def give(
    store: WorkflowStore, execution: Execution, template: Template, new: NewSignOff
) -> SignOffState:
    """Take one person's decision on a step that waits for it.

    Returns:
        What the decisions add up to now.

    Raises:
        InputError: The step does not wait, the person may not sign, or a needed comment is missing.
    """
    step = known_step(template, new.step_id)
    if execution.status not in RESUMABLE:
        raise InputError(
            f"execution {execution.id} is {execution.status}; nothing in it waits for a sign-off any more"
        )
    records = await store.steps(execution.id)
    record = records.get(step.id)
    if step.sign_off is None or record is None or record.status != "WAITING_APPROVAL":
        waiting = ", ".join(s.id for s in waiting_for(template, records)) or "nothing"
        raise InputError(
            f"step '{step.id}' of execution {execution.id} does not wait for a sign-off; waiting: {waiting}"
        )
    roles = required_roles(step, condition_context(execution.inputs, records, record.outputs))
    rows = await store.sign_offs(execution.id, record)
    _check_open(execution, step, _state(execution, step, roles, rows))
    role = _role_for(execution, step, roles, rows, new)
    _check_comment(step, new)
    await store.add_sign_off(
        NewSignOff(
            execution_id=execution.id,
            step_id=step.id,
            user=new.user,
            decision=new.decision,
            comment=new.comment,
            role=role,
            iteration=record.iteration,
            shown_sha256=record.output_sha256,
        )
    )
    return await decided(store, execution, step, record, roles)


def check_advance(template: Template, team: Mapping[str, Sequence[str]], given: NewSignOff) -> None:
    """Refuse a sign-off given in advance that could never count.

    Raises:
        InputError: Unknown step, a step without sign-off, a person outside the team, or a role nobody asks for.
    """
    step = known_step(template, given.step_id)
    if step.sign_off is None:
        raise InputError(f"step '{step.id}' ({step.title}) asks for no sign-off; remove the entry")
    if given.user not in team:
        raise InputError(
            f"user '{given.user}' is not on the engagement's team"
            + (
                did_you_mean(given.user, set(team))
                or f"; on it: {', '.join(sorted(team)) or 'nobody'}"
            )
        )
    asked = {r.role for r in step.sign_off.roles}
    held = set(team[given.user])
    if given.role is not None and given.role not in held:
        raise InputError(
            f"user '{given.user}' does not hold the role {given.role}; held: {', '.join(sorted(held))}"
        )
    if not asked & held:
        raise InputError(
            f"step '{step.id}' is signed by {' or '.join(sorted(asked))}; '{given.user}' is {', '.join(sorted(held))}"
        )
    _check_comment(step, given)


def known_step(template: Template, name: str) -> Step:
    """The step of that id or name.

    Raises:
        InputError: The template has no such step.
    """
    step = template.step(name)
    if step is None:
        known = {s.id for s in template.steps} | {s.name for s in template.steps}
        raise InputError(
            f"template '{template.name}' has no step '{name}'{did_you_mean(name, known)}"
        )
    return step


def _check_open(execution: Execution, step: Step, state: SignOffState) -> None:
    """Refuse a decision on a step whose sign-off the decisions before it have settled."""
    if isinstance(state, Waiting):
        return
    settled = {
        Approved: "is signed by everybody it needs",
        Rejected: "has been rejected",
        ChangesRequested: "has been sent back for changes",
    }[type(state)]
    raise InputError(
        f"step '{step.id}' {settled}; `prisma-assets resume {execution.id}` continues the execution"
    )


def _check_comment(step: Step, given: NewSignOff) -> None:
    needs = step.sign_off is not None and step.sign_off.comment_required
    if not given.comment.strip() and (needs or given.decision != "approve"):
        raise InputError(
            f"step '{step.id}': decision '{given.decision}' by {given.user} needs a comment that gives the reason"
        )


def _state(
    execution: Execution, step: Step, roles: Sequence[str], rows: Sequence[SignOffRow]
) -> SignOffState:
    in_turn = step.sign_off is not None and step.sign_off.in_turn
    return add_up(roles, _given(execution, rows), in_turn=in_turn, preparer=_preparer(execution))


def _role_for(
    execution: Execution,
    step: Step,
    roles: Sequence[str],
    rows: Sequence[SignOffRow],
    new: NewSignOff,
) -> str:
    in_turn = step.sign_off is not None and step.sign_off.in_turn
    given = GivenDecision(
        user=new.user,
        roles=team_roles(execution).get(new.user, frozenset()),
        decision=new.decision,
        role=new.role,
    )
    open_roles = list(roles)
    signed: list[str] = []
    for earlier in _given(execution, rows):
        role = role_to_sign(
            open_roles, earlier, in_turn=in_turn, preparer=_preparer(execution), signed=signed
        )
        if not isinstance(role, Refused):
            open_roles.remove(role)
            signed.append(earlier.user)
    role = role_to_sign(
        open_roles, given, in_turn=in_turn, preparer=_preparer(execution), signed=signed
    )
    if isinstance(role, Refused):
        raise InputError(f"step '{step.id}': {role.reason}")
    return role


def _given(execution: Execution, rows: Sequence[SignOffRow]) -> list[GivenDecision]:
    team = team_roles(execution)
    return [
        GivenDecision(
            user=r.user,
            roles=team.get(r.user, frozenset()),
            decision=r.decision,
            comment=r.comment,
            role=r.role,
        )
        for r in rows
    ]


def _preparer(execution: Execution) -> str:
    preparer: Any = execution.context.get("preparer", "")
    return str(preparer)
