"""Starting an execution: inputs checked against the template, the engagement read, sign-offs given in advance recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.audit.engagement import Engagement, Role
from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.sign_off import is_agent
from prisma_assets.domain.workflow.template import Input, Template
from prisma_assets.domain.workflow.validation import did_you_mean
from prisma_assets.domain.yaml_source import parse_model
from prisma_assets.engine.arms import as_served
from prisma_assets.engine.pinning import pins_of
from prisma_assets.engine.sign_off import check_advance
from prisma_assets.engine.text_file import read_text
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, NewExecution, NewSignOff


class AdvanceSignOff(Frozen):
    """One entry of a sign-offs file."""

    step: str
    user: str
    decision: Literal["approve", "reject", "changes"] = "approve"
    comment: str = ""
    role: Role | None = None


class AdvanceSignOffs(Frozen):
    """A sign-offs file: `sign_offs:` with a list of entries."""

    sign_offs: tuple[AdvanceSignOff, ...] = Field(default=())


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What somebody gives to start a workflow."""

    template: Template
    agents: AgentRegistry
    """The firm's; those the template names are kept with the execution as they are now."""
    inputs: Mapping[str, Any]
    created_by: str
    sign_offs: Path | None = None
    idempotency_key: str | None = None
    """The same key starts one execution, however often it is asked for."""
    is_asked_for: bool = False
    """True: whoever opens it runs it at once; should they die first, it is run all the same."""


@dataclass(frozen=True, kw_only=True)
class CheckedOpening:
    """An opening in which nothing is wrong."""

    execution: NewExecution
    advance: Sequence[NewSignOff]
    """Sign-offs given in advance."""


async def open_execution(store: WorkflowStore, opening: Opening) -> tuple[Execution, bool]:
    """Check everything, then store the execution with its advance sign-offs in one transaction.

    Returns:
        The execution, and False when its idempotency key was known and nothing was stored.

    Raises:
        InputError: An input, the engagement folder or the sign-offs file is wrong; nothing was stored.
    """
    return await store_opening(store, checked(opening))


async def store_opening(store: WorkflowStore, opening: CheckedOpening) -> tuple[Execution, bool]:
    """Store the execution with its advance sign-offs in one transaction; returns as `open_execution`."""
    served = await as_served(store.database, opening.execution)
    execution_id, created = await store.create(served, opening.advance)
    execution = await store.execution(execution_id)
    if execution is None:
        raise InputError(f"execution {execution_id} vanished while it was opened; start it again")
    return execution, created


def checked(opening: Opening) -> CheckedOpening:
    """Check everything that can be checked without a database.

    Raises:
        InputError: An input, the engagement folder or the sign-offs file is wrong.
    """
    template = opening.template
    inputs = checked_inputs(template, opening.inputs)
    folder = _engagement_folder(template, inputs)
    facts, books_sha256 = _read(folder) if folder is not None else (None, None)
    if facts is not None:
        _check_team(facts)
    team = {m.user: tuple(m.roles) for m in facts.team} if facts else {}
    advance = _advance(opening.sign_offs, template, team) if opening.sign_offs is not None else []
    pins = pins_of(template, opening.agents)
    new = NewExecution(
        pins=pins,
        template_name=template.name,
        template_version=template.version,
        template_sha256=pins.template.sha256,
        dagster_job=f"{template.name}_job",
        context={
            "inputs": inputs,
            "engagement_folder": str(folder) if folder is not None else None,
            "books_sha256": books_sha256,
            "team": [{"user": m.user, "roles": list(m.roles), "email": m.email} for m in facts.team]
            if facts
            else [],
            "preparer": facts.preparer if facts else "",
            "agent_versions": {a.agent_id: a.sha256 for a in pins.agents},
        },
        created_by=opening.created_by,
        client_id=facts.client.id if facts else None,
        engagement_id=facts.id if facts else None,
        period=f"{facts.period.start}/{facts.period.end}" if facts else None,
        idempotency_key=opening.idempotency_key,
        is_asked_for=opening.is_asked_for,
    )
    return CheckedOpening(execution=new, advance=advance)


def checked_inputs(template: Template, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with defaults filled in and text turned into the declared types.

    Raises:
        InputError: An unknown or missing input, or a value of the wrong type.
    """
    for name in given:
        if name not in template.inputs:
            known = set(template.inputs)
            raise InputError(
                f"template '{template.name}' has no input '{name}'"
                + (did_you_mean(name, known) or f"; it has: {', '.join(sorted(known)) or 'none'}")
            )
    checked: dict[str, Any] = {}
    for name, declared in template.inputs.items():
        value = given.get(name, declared.default)
        if value is None and declared.required:
            raise InputError(
                f"template '{template.name}' needs the input '{name}' ({declared.description})"
            )
        checked[name] = _typed(name, value, declared)
    return checked


def _typed(name: str, value: Any, declared: Input) -> Any:
    if value is None:
        return None
    try:
        return _CONVERT[declared.type](value)
    except (TypeError, ValueError):
        raise InputError(f"input '{name}' must be of type {declared.type}, not '{value}'") from None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "yes", "1"):
        return True
    if str(value).lower() in ("false", "no", "0"):
        return False
    raise ValueError(value)


_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "number": float,
    "integer": int,
    "boolean": _boolean,
    "text": str,
    "folder": str,
}


def _engagement_folder(template: Template, inputs: Mapping[str, Any]) -> Path | None:
    names = [
        n for n, i in template.inputs.items() if i.type == "folder" and inputs.get(n) is not None
    ]
    if not names:
        return None
    return Path(inputs[names[0]]).expanduser().resolve()


def _read(folder: Path) -> tuple[Engagement, str]:
    from prisma_assets.engagement.facts import books_sha256, read_facts

    return read_facts(folder), books_sha256(folder)


def _check_team(facts: Engagement) -> None:
    """Refuse a team that would weaken the four-eyes principle."""
    for member in facts.team:
        if is_agent(member.user):
            raise InputError(
                f"engagement {facts.id}: '{member.user}' on the team is an agent's id; agents never sign, name people only"
            )
    if facts.preparer and facts.member(facts.preparer) is None:
        hint = did_you_mean(facts.preparer, {m.user for m in facts.team})
        raise InputError(
            f"engagement {facts.id}: the preparer '{facts.preparer}' is not on the team, so the name would keep nobody "
            f"from signing{hint or '; add the person to the team, or correct the name'}"
        )


def _advance(path: Path, template: Template, team: Mapping[str, Sequence[str]]) -> list[NewSignOff]:
    text = read_text(path, missing="name the sign-offs file, or leave it out")
    entries = parse_model(text, AdvanceSignOffs, file=str(path)).sign_offs
    given = []
    for number, entry in enumerate(entries, start=1):
        step = template.step(entry.step)
        sign_off = NewSignOff(
            execution_id="",
            step_id=step.id if step is not None else entry.step,
            user=entry.user,
            decision=entry.decision,
            comment=entry.comment,
            role=entry.role,
        )
        try:
            check_advance(template, team, sign_off)
        except InputError as error:
            raise InputError(f"{path}: entry {number}: {error}") from error
        given.append(sign_off)
    twice = {
        (g.step_id, g.user)
        for g in given
        if sum((o.step_id, o.user) == (g.step_id, g.user) for o in given) > 1
    }
    if twice:
        step_id, user = sorted(twice)[0]
        raise InputError(
            f"{path}: '{user}' signs step '{step_id}' twice; each signature needs its own person"
        )
    return given
