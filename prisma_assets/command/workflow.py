"""`run`, `status`, `approve`, `resume`, `score` and `sample`: an engagement from books to sealed file."""

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from prisma_assets.command.connection import ask, library, migrated_server
from prisma_assets.command.output import AsJson, answer, note, say, table
from prisma_assets.command.report import report, show
from prisma_assets.domain.audit.workpaper import Workpaper
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.execution import RESUMABLE
from prisma_assets.domain.workflow.template import Template
from prisma_assets.domain.workflow.validation import did_you_mean
from prisma_assets.engine.opening import Opening, checked_inputs, open_execution
from prisma_assets.engine.sign_off import DECISIONS, give
from prisma_assets.settings import Settings
from prisma_assets.store.server import ServerUrls
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, NewSignOff

_TAG = "prisma/execution_id"

ExecutionId = Annotated[str, typer.Argument(metavar="ID", help="Execution, as `run` printed it.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("sample")(sample)
    app.command("run")(run)
    app.command("score")(score)
    app.command("status")(status)
    app.command("approve")(approve)
    app.command("resume")(resume)


def sample(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder to write; must be new or an earlier sample."),
    ],
    seed: Annotated[int, typer.Option(help="Same seed and lines, same bytes.")] = 2009,
    lines: Annotated[int, typer.Option(help="Ledger lines, at least.")] = 60_000,
    as_json: AsJson = False,
) -> None:
    """Write the sample engagement: engagement.yaml, tables, sign_offs.yaml; planted errors in a file beside the folder."""
    from prisma_assets.engagement.sample.write import write_sample

    written = write_sample(folder, seed=seed, lines=lines)
    if as_json:
        answer(written.as_json())
    else:
        say(*written.sentences())


def run(
    template: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="Name of a workflow template.")
    ],
    engagement: Annotated[
        Path | None, typer.Option(help="Folder with engagement.yaml and the client's tables.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="K=V", help="One input; repeatable.")
    ] = None,
    sign_offs: Annotated[
        Path | None, typer.Option(help="File with sign-offs given in advance.")
    ] = None,
    as_user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="Who starts it; default: you.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run a workflow in this process, as far as sign-offs allow."""
    settings = Settings.from_environ()
    chosen = library(settings).get(template)
    opening = Opening(
        template=chosen,
        inputs=_given_inputs(chosen, engagement, inputs or []),
        created_by=as_user or getpass.getuser(),
        sign_offs=sign_offs,
    )
    checked_inputs(chosen, opening.inputs)
    _warn(opening.inputs)
    with migrated_server(settings) as urls:
        execution, _ = ask(urls, lambda store: open_execution(store, opening))
        note(f"execution {execution.id}")
        return _work(settings, urls, chosen, execution.id, as_json=as_json)


def status(execution_id: ExecutionId, as_json: AsJson = False) -> int:
    """Show an execution and its steps."""
    settings = Settings.from_environ()
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: _known(store, execution_id))
        template = library(settings).get(execution.template_name)
        show(ask(urls, lambda store: report(store, execution, template)), as_json=as_json)
    return 0


def approve(
    execution_id: ExecutionId,
    step: Annotated[str, typer.Argument(metavar="STEP", help="Step id or name.")],
    as_user: Annotated[str, typer.Option("--as", metavar="USER", help="Team member who decides.")],
    decision: Annotated[str, typer.Option(help="approve, reject or changes.")] = "approve",
    comment: Annotated[str, typer.Option(help="Reason; required unless approving.")] = "",
    role: Annotated[
        str | None, typer.Option(help="Role to sign in, for people who hold several.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Decide on a step that waits for a sign-off; the running product continues it, or `resume` does."""
    settings = Settings.from_environ()
    kind = next((d for d in DECISIONS if d == decision), None)
    if kind is None:
        hint = did_you_mean(decision, set(DECISIONS))
        raise InputError(f"--decision is approve, reject or changes, not '{decision}'{hint}")
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: _known(store, execution_id))
        template = library(settings).get(execution.template_name)
        new = NewSignOff(
            execution_id=execution.id,
            step_id=step,
            user=as_user,
            decision=kind,
            comment=comment,
            role=role,
        )
        state = ask(urls, lambda store: give(store, execution, template, new))
        note(f"{step}: {decision} by {as_user} recorded; {_meaning(state)}")
        return show(ask(urls, lambda store: report(store, execution, template)), as_json=as_json)


def resume(execution_id: ExecutionId, as_json: AsJson = False) -> int:
    """Continue an execution in this process: after sign-offs, a failure, a cancel or a crash."""
    settings = Settings.from_environ()
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: _known(store, execution_id))
        template = library(settings).get(execution.template_name)
        if execution.status not in RESUMABLE:
            note(f"execution {execution.id} is {execution.status}; nothing is left to do")
            return show(
                ask(urls, lambda store: report(store, execution, template)), as_json=as_json
            )
        return _work(settings, urls, template, execution.id, as_json=as_json)


def score(
    execution_id: ExecutionId,
    planted: Annotated[Path, typer.Option(help="File of planted errors that `sample` wrote.")],
    as_json: AsJson = False,
) -> None:
    """Compare an audit's findings with the planted errors: recall and false alarms per kind."""
    from prisma_assets.domain.audit import score as scoring

    settings = Settings.from_environ()
    errors = scoring.parse_planted(_read_text(planted), file=str(planted))
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: _known(store, execution_id))
        rows = ask(urls, lambda store: store.steps(execution.id))
    papers = [Workpaper.model_validate(r.workpaper) for r in rows.values() if r.workpaper]
    findings = [finding for paper in papers for finding in paper.findings]
    kinds = scoring.score(errors, findings)
    if as_json:
        answer({"execution_id": execution.id, "kinds": [k.model_dump() for k in kinds]})
        return
    table(
        ["kind", "planted", "found", "recall", "false alarms"],
        [
            (
                k.kind,
                k.planted,
                k.found,
                f"{k.recall:.2f}" if k.recall is not None else "no data",
                k.false_alarms,
            )
            for k in kinds
        ],
    )


def _work(
    settings: Settings, urls: ServerUrls, template: Template, execution_id: str, *, as_json: bool
) -> int:
    from prisma_assets.platform import local_platform

    with local_platform(settings, urls) as platform:
        platform.run(f"{template.name}_job", tags={_TAG: execution_id})
        execution = ask(urls, lambda store: _known(store, execution_id))
        while (
            execution.status == "PENDING"
        ):  # Steps were opened again for rework; each sign-off bounds how often.
            platform.run(f"{template.name}_job", tags={_TAG: execution_id})
            execution = ask(urls, lambda store: _known(store, execution_id))
    return show(ask(urls, lambda store: report(store, execution, template)), as_json=as_json)


async def _known(store: WorkflowStore, execution_id: str) -> Execution:
    execution = await store.execution(execution_id)
    if execution is None:
        recent = [e.id for e in await store.recent(3)]
        hint = f"; the latest are {', '.join(recent)}" if recent else "; there is none yet"
        raise InputError(f"no execution has the id {execution_id}{hint}")
    return execution


def _given_inputs(template: Template, engagement: Path | None, pairs: list[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"--input is NAME=VALUE, not '{pair}'")
        given[name] = value
    if engagement is not None:
        folders = [name for name, declared in template.inputs.items() if declared.type == "folder"]
        if not folders:
            raise InputError(
                f"template '{template.name}' works on no engagement folder; leave out --engagement"
            )
        given[folders[0]] = str(engagement)
    return given


def _warn(inputs: Mapping[str, Any]) -> None:
    """Say what is odd about the books before the work begins; the audit itself records it as findings."""
    folder = inputs.get("engagement")
    if folder is None:
        return
    from prisma_assets.engagement.folder import read_engagement

    for warning in read_engagement(Path(folder)).warnings:
        note(f"warning: {warning}")


def _meaning(state: object) -> str:
    kind = type(state).__name__
    if kind == "Waiting":
        return f"still missing: {', '.join(getattr(state, 'roles', ()))}"
    return {
        "Approved": "the sign-off is complete",
        "Rejected": "the execution will end when it is continued",
        "ChangesRequested": "the step will be done again when it is continued",
    }[kind]


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; `prisma-assets sample DIR` writes it as DIR.planted.json"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({error})") from error
