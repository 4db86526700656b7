"""Taking sign-offs from people: who may give one on a step that waits, and what is missing still."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.execution import RESUMABLE, waiting_for
from prisma_assets.domain.workflow.sign_off import (
    SERVICE_ACCOUNT,
    Approved,
    ChangesRequested,
    Decision,
    Rejected,
    SignOffState,
    Waiting,
    is_agent,
)
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.domain.workflow.validation import did_you_mean
from prisma_assets.engine.asking import ask
from prisma_assets.engine.question import Question, Sheet, question, team_roles
from prisma_assets.store.database import Transaction
from prisma_assets.store.sign_off import SignOffStore
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, NewSignOff

DECISIONS: tuple[Decision, ...] = get_args(Decision)


async def is_decided(store: WorkflowStore, execution: Execution, template: Template) -> bool:
    """Whether any step the execution waits for can go on, be reworked or end."""
    sheet = await _sheet(store, execution, template)
    for step in waiting_for(template, sheet.records):
        asked = await question(store.database, sheet, step)
        if not isinstance(asked.state, Waiting):
            return True
    return False


async def open_questions(
    store: WorkflowStore, execution: Execution, template: Template
) -> dict[str, Question]:
    """What is asked of people, by the id of each step that waits; nothing in an execution that is over."""
    if execution.status not in RESUMABLE:
        return {}
    sheet = await _sheet(store, execution, template)
    steps = waiting_for(template, sheet.records)
    return {step.id: await question(store.database, sheet, step) for step in steps}


async def _sheet(
    store: WorkflowStore, execution: Execution, template: Template, tx: Transaction | None = None
) -> Sheet:
    records = await store.steps(execution.id, tx)
    return Sheet(template=template, execution=execution, records=records)


async def give(
    store: WorkflowStore, execution: Execution, template: Template, new: NewSignOff
) -> SignOffState:
    """Take one person's decision on a step that waits for it, bound to what is there now.

    Returns:
        What the decisions add up to now.

    Raises:
        InputError: The step does not wait, the person may not sign, or a needed comment is missing.
    """
    step = known_step(template, new.step_id)
    async with store.database.transaction() as tx:
        # Nobody else decides, and no run settles, between the look and the signature.
        status = await store.lock(tx, execution.id)
        if status not in RESUMABLE:
            raise InputError(
                f"execution {execution.id} is {status}; nothing in it waits for a sign-off any more"
            )
        sheet = await _sheet(store, execution, template, tx)
        _check_waits(sheet, step)
        asked = await question(tx, sheet, step)
        _check_open(execution, step, asked.state)
        signed = _signed(asked, new)
        if asked.request.asked_at is None:
            await ask(tx, asked)
        await SignOffStore(source=tx).add(signed)
        after = await question(tx, sheet, step)
        if step.sign_off is not None and step.sign_off.in_turn:
            await ask(tx, after)
        return after.state


def _check_waits(sheet: Sheet, step: Step) -> None:
    record = sheet.records.get(step.id)
    if step.sign_off is None or record is None or record.status != "WAITING_APPROVAL":
        waiting = ", ".join(s.id for s in waiting_for(sheet.template, sheet.records)) or "nothing"
        raise InputError(
            f"step '{step.id}' of execution {sheet.execution.id} does not wait for a sign-off; waiting: {waiting}"
        )


def _signed(asked: Question, new: NewSignOff) -> NewSignOff:
    """The decision as it is stored: with the role it counts in and what it rests on."""
    role = asked.role_of(new)
    _check_comment(asked.step, new)
    return replace(
        new,
        execution_id=asked.sheet.execution.id,
        step_id=asked.step.id,
        role=role,
        iteration=asked.request.iteration,
        shown=asked.request.shown,
    )


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
            f"user '{given.user}' is not on the engagement's team{_whom(given.user, team)}"
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


def check_member(execution: Execution, user: str) -> None:
    """Refuse somebody who is not on the engagement's team; without an engagement there is no team to be on.

    Raises:
        InputError: A stranger, or no person.
    """
    team = team_roles(execution)
    if is_agent(user) or SERVICE_ACCOUNT in team.get(user, ()):
        raise InputError(f"'{user}' is no person; name somebody on the engagement's team")
    if team and user not in team:
        raise InputError(f"user '{user}' is not on the engagement's team{_whom(user, team)}")


def _whom(user: str, team: Mapping[str, object]) -> str:
    return did_you_mean(user, set(team)) or f"; on it: {', '.join(sorted(team)) or 'nobody'}"


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
