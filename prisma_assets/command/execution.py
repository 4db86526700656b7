"""The work behind `run`, `status`, `approve`, `redo` and `resume`."""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prisma_assets.command.connection import ask, firm, known, library, migrated_server
from prisma_assets.command.error_log import log_to_file
from prisma_assets.command.output import note
from prisma_assets.command.report import DONE_AS_ASKED, show
from prisma_assets.domain.errors import InputError, PrismaError
from prisma_assets.domain.workflow.execution import RESUMABLE
from prisma_assets.domain.workflow.sign_off import SignOffState
from prisma_assets.domain.workflow.template import Template
from prisma_assets.domain.workflow.validation import did_you_mean
from prisma_assets.engine.cancel import Cancel
from prisma_assets.engine.cancel import cancel as cancel_execution
from prisma_assets.engine.compensation import UNDO_JOB, ByHand, is_due, settle_by_hand, unfinished
from prisma_assets.engine.opening import Opening, checked, store_opening
from prisma_assets.engine.pinning import pinned_template
from prisma_assets.engine.recovery import stuck_executions
from prisma_assets.engine.redo import RedoRequest
from prisma_assets.engine.redo import redo as redo_steps
from prisma_assets.engine.report import report
from prisma_assets.engine.sign_off import DECISIONS, check_member, give
from prisma_assets.settings import Settings
from prisma_assets.store.cancel import withdraw_cancel
from prisma_assets.store.pinning import touch
from prisma_assets.store.run_lock import is_worked_on
from prisma_assets.store.server import ServerUrls
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, NewSignOff

_TAG = "prisma/execution_id"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody asks `run` for, as typed."""

    template: str
    engagement: Path | None
    inputs: Sequence[str]
    """NAME=VALUE each."""
    sign_offs: Path | None
    user: str | None


@dataclass(frozen=True, kw_only=True)
class Given:
    """A decision on a step, as typed."""

    step: str
    user: str
    decision: str
    comment: str
    role: str | None


def run(settings: Settings, asked: Asked, *, as_json: bool) -> int:
    """Check everything, open an execution and work on it as far as sign-offs allow."""
    at_hand = library(settings)
    template = at_hand.get(asked.template)
    opening = Opening(
        template=template,
        agents=firm(),
        inputs=_given_inputs(template, asked),
        created_by=asked.user or whoever(),
        sign_offs=asked.sign_offs,
        is_asked_for=True,
    )
    ready = checked(opening)
    _warn(ready.execution.context["engagement_folder"])
    with migrated_server(settings) as urls:
        execution, _ = ask(urls, lambda store: store_opening(store, ready))
        note(f"execution {execution.id}")
        work = _Work(execution, template, at_hand.job_of(template.name, execution.template_sha256))
        return _do(settings, urls, work, as_json=as_json)


def status(settings: Settings, execution_id: str, *, as_json: bool) -> int:
    """Show an execution; says so when nobody works on one that was left in the middle."""
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: known(store, execution_id))
        template = _work_on(settings, urls, execution).template
        for sentence in ask(urls, lambda store: _trouble(store, execution, template)):
            note(sentence)
        show(ask(urls, lambda store: report(store, execution, template)), as_json=as_json)
    return 0


async def _trouble(store: WorkflowStore, execution: Execution, template: Template) -> list[str]:
    """What keeps an execution that is under way from going on, in sentences."""
    if execution.status == "RUNNING" and not await is_worked_on(store.database, execution.id):
        return [
            f"the process that worked on it has died; `prisma-assets resume {execution.id}` continues it"
        ]
    stuck = await stuck_executions(store, lambda _: template, execution_id=execution.id)
    return [s.sentence for s in stuck]


def approve(settings: Settings, execution_id: str, given: Given, *, as_json: bool) -> int:
    """Record a decision on a step that waits."""
    kind = next((d for d in DECISIONS if d == given.decision), None)
    if kind is None:
        hint = did_you_mean(given.decision, set(DECISIONS))
        raise InputError(f"--decision is approve, reject or changes, not '{given.decision}'{hint}")
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: known(store, execution_id))
        template = _work_on(settings, urls, execution).template
        new = NewSignOff(
            execution_id=execution.id,
            step_id=given.step,
            user=given.user,
            decision=kind,
            comment=given.comment,
            role=given.role,
        )
        state = ask(urls, lambda store: give(store, execution, template, new))
        note(f"{given.step}: {kind} by {given.user} recorded; {_meaning(state)}")
        show(ask(urls, lambda store: report(store, execution, template)), as_json=as_json)
    return 0


def resume(settings: Settings, execution_id: str, *, as_json: bool) -> int:
    """Work on an execution again, unless it has nothing left to do."""
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: known(store, execution_id))
        work = _work_on(settings, urls, execution)
        # What was begun to be undone is undone first: nobody knows whether that work stands.
        if ask(urls, lambda store: unfinished(store, execution.id)):
            _undo(settings, urls, execution.id)
        if execution.status not in RESUMABLE:
            note(f"execution {execution.id} is {execution.status}; nothing is left to do")
            return show(
                ask(urls, lambda store: report(store, execution, work.template)), as_json=as_json
            )
        # Definitions that load from now on hold its content, however old it is.
        ask(urls, lambda store: touch(store.database, execution.template_sha256))
        ask(urls, lambda store: withdraw_cancel(store.database, execution.id))
        ask(urls, lambda store: store.ask_for_run(execution.id))
        return _do(settings, urls, work, as_json=as_json)


def redo(settings: Settings, execution_id: str, asked: RedoRequest, *, as_json: bool) -> int:
    """Open finished steps again, for somebody on the team."""
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: known(store, execution_id))
        template = _work_on(settings, urls, execution).template
        check_member(execution, asked.requested_by)
        done = ask(urls, lambda store: redo_steps(store, execution, template, asked))
        note(
            f"open again: {', '.join(done.opened_step_ids)}; `prisma-assets resume {execution.id}` does them"
        )
        execution = ask(urls, lambda store: known(store, execution_id))
        show(ask(urls, lambda store: report(store, execution, template)), as_json=as_json)
    return 0


def cancel(settings: Settings, execution_id: str, asked: Cancel, *, as_json: bool) -> int:
    """Stop an execution, whichever process works on it."""
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: known(store, execution_id))
        template = _work_on(settings, urls, execution).template
        ask(urls, lambda store: cancel_execution(store, execution, asked))
        execution = ask(urls, lambda store: known(store, execution_id))
        note(f"execution {execution.id} is {execution.status}")
        show(ask(urls, lambda store: report(store, execution, template)), as_json=as_json)
    return 0


def undone(settings: Settings, execution_id: str, said: ByHand, *, as_json: bool) -> int:
    """Record that somebody has undone a step's work by hand."""
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: known(store, execution_id))
        template = _work_on(settings, urls, execution).template
        ask(urls, lambda store: settle_by_hand(store, execution, template, said))
        note(f"{said.step}: undone by hand by {said.user}")
        if ask(urls, lambda store: is_due(store, execution, template)):
            _undo(settings, urls, execution.id)
        show(ask(urls, lambda store: report(store, execution, template)), as_json=as_json)
    return 0


def _undo(settings: Settings, urls: ServerUrls, execution_id: str) -> None:
    """Undo what is to be undone.

    Raises:
        PrismaError: It cannot be undone.
    """
    from prisma_assets.platform.local import local_platform

    log_to_file(settings.home)
    with local_platform(settings, urls) as platform:
        ended = platform.run(UNDO_JOB, tags={_TAG: execution_id})
    if ended.failure is not None:
        raise PrismaError(ended.failure)


@dataclass(frozen=True)
class _Work:
    """An execution and what it works by."""

    execution: Execution
    template: Template
    job: str


def _work_on(settings: Settings, urls: ServerUrls, execution: Execution) -> _Work:
    at_hand = library(settings)
    template = ask(urls, lambda store: pinned_template(store.database, execution, at_hand))
    return _Work(
        execution, template, at_hand.job_of(execution.template_name, execution.template_sha256)
    )


def _do(settings: Settings, urls: ServerUrls, work: _Work, *, as_json: bool) -> int:
    from prisma_assets.platform.local import local_platform

    log_to_file(settings.home)
    execution_id = work.execution.id
    tags = {_TAG: execution_id}
    with local_platform(settings, urls) as platform:
        ended = platform.run(work.job, tags=tags)
        execution = ask(urls, lambda store: known(store, execution_id))
        # Steps opened again for rework are done by a further run; the sign-off's limit bounds how many.
        while execution.status == "PENDING" and ended.failure is None:
            ended = platform.run(work.job, tags=tags)
            execution = ask(urls, lambda store: known(store, execution_id))
        if ask(urls, lambda store: is_due(store, execution, work.template)):
            undoing = platform.run(UNDO_JOB, tags=tags)
            note(undoing.failure or "what was done has been undone, the latest first")
            execution = ask(urls, lambda store: known(store, execution_id))
    if ended.failure is not None and not _says_why(execution, ended.run_id):
        raise PrismaError(ended.failure)
    if execution.status not in DONE_AS_ASKED:
        why = execution.error["message"] if execution.error else "it was interrupted"
        note(f"not finished: {why}; `prisma-assets resume {execution.id}` continues it")
    return show(ask(urls, lambda store: report(store, execution, work.template)), as_json=as_json)


def _says_why(execution: Execution, run_id: str) -> bool:
    """Whether the execution itself tells what became of the run: it took it up, and has come to rest."""
    return execution.dagster_run_id == run_id and execution.status != "RUNNING"


def _given_inputs(template: Template, asked: Asked) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for pair in asked.inputs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--input is NAME=VALUE, not '{pair}'")
        if name in given:
            raise InputError(f"--input {name} is given twice; give it once")
        given[name] = value
    if asked.engagement is None:
        return given
    folder = next((n for n, i in template.inputs.items() if i.type == "folder"), None)
    if folder is None:
        raise InputError(
            f"template '{template.name}' works on no engagement folder; leave out --engagement"
        )
    if folder in given:
        raise InputError(f"--engagement and --input {folder} name the same folder; give one")
    return {**given, folder: str(asked.engagement)}


def _warn(folder: str | None) -> None:
    """Say what is odd about the books before the work begins; the audit itself records it as findings."""
    if folder is None:
        return
    from prisma_assets.engagement.folder import read_engagement

    read = read_engagement(Path(folder))
    for warning in read.warnings:
        note(f"warning: {warning}")


def whoever() -> str:
    """The user of this machine, where nobody said another.

    Raises:
        InputError: The user has no name.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user without a name.
        raise InputError("nobody knows who you are; say it with --as USER") from None


def _meaning(state: SignOffState) -> str:
    kind = type(state).__name__
    if kind == "Waiting":
        return f"still missing: {', '.join(getattr(state, 'roles', ()))}"
    return {
        "Approved": "the sign-off is complete",
        "Rejected": "the execution will end when it is continued",
        "ChangesRequested": "the step will be done again when it is continued",
    }[kind]
