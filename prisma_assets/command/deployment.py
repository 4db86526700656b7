"""`deployment`: a changed agent on its way to its work, stage by stage, and back."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from prisma_assets.command.deployment_shadow import shadow, told
from prisma_assets.command.output import AsJson, answer, note, say, table
from prisma_assets.domain.errors import InputError, PrismaError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.domain.experiments.release_path import Approval, Risk
    from prisma_assets.learning.ledger import Entry
    from prisma_assets.store.database import Database
    from prisma_assets.store.deployment import Deployment

Answer = TypeVar("Answer")

deployment = typer.Typer(
    help="Changed agents on their way to their work, and back.", no_args_is_help=True
)

DeploymentId = Annotated[str, typer.Argument(metavar="ID", help="As `deployment list` shows it.")]
By = Annotated[str, typer.Option(help="Who does it.")]
Role = Annotated[str, typer.Option(help="As what: PARTNER or MANAGER.")]
Reason = Annotated[str, typer.Option(help="Why; kept with it.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    deployment.command("shadow")(shadow)
    app.add_typer(deployment, name="deployment")


@deployment.command("propose")
def propose_deployment(
    agent: Annotated[str, typer.Argument(help="Id of the agent.")],
    by: By,
    version: Annotated[
        str | None, typer.Option(help="A version that was proposed, e.g. by an experiment.")
    ] = None,
    changes: Annotated[
        str | None,
        typer.Option(help='Makes a version: {"parameters": {...}}; prompt, model, tools, parameters, knowledge.'),
    ] = None,
    reason: Annotated[str, typer.Option(help="What the change is for.")] = "",
    risk: Annotated[
        str | None, typer.Option(help="low, medium or high; the lowest it can have unless given.")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(metavar="ID", help="The experiment that adopted it.")
    ] = None,
    opportunity: Annotated[
        str | None, typer.Option(metavar="ID", help="What the change answers.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Answer of `experiment analyse --json` on past tasks.")
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Propose a version; one of low risk begins at once, others wait for approval."""
    from prisma_assets.command.connection import firm
    from prisma_assets.learning.agent_version import Change, propose_version
    from prisma_assets.learning.release import Proposal, propose

    card = firm().get(agent)
    if (version is None) == (changes is None):
        raise InputError("give either --version or --changes")
    proof = _evidence(evidence)

    async def ask(database: "Database") -> "Deployment":
        made = version or await propose_version(
            database, firm(), Change(agent_id=card.id, changes=_changes(changes), reason=reason, by=by, opportunity_id=opportunity)
        )  # fmt: skip
        proposal = Proposal(
            agent_id=card.id, version=made, by=by, risk=_risk(risk), ab_test_id=experiment,
            offline_evidence=proof,
        )  # fmt: skip
        return await propose(database, firm(), proposal, now=datetime.now(UTC))

    _show(_ask(ask), as_json=as_json)


@deployment.command("list")
def list_deployments(
    agent: Annotated[str | None, typer.Option(help="Only of this agent.")] = None,
    as_json: AsJson = False,
) -> None:
    """List deployments, the latest first."""
    from prisma_assets.store.deployment import DeploymentStore

    found = _ask(lambda database: DeploymentStore(source=database).find(agent_id=agent))
    if as_json:
        answer({"deployments": [vars(d) for d in found]})
    elif not found:
        say("No deployment yet.")
    else:
        heads = ["deployment", "agent", "version", "risk", "stage", "share", "waits for"]
        table(heads, [_line(d) for d in found])


@deployment.command("show")
def show_deployment(deployment_id: DeploymentId, as_json: AsJson = False) -> None:
    """Show a deployment with its history, and after a rollback every result the bad version wrote."""
    from prisma_assets.learning.release import known_deployment

    _show(_ask(lambda database: known_deployment(database, deployment_id)), as_json=as_json)


@deployment.command("approve")
def approve_deployment(
    deployment_id: DeploymentId, by: By, role: Role, comment: Annotated[str, typer.Option(help="Kept with it.")] = "",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Approve a deployment; with the last approval it needs the rollout begins."""
    from prisma_assets.learning.release import approve

    given, now = _approval(by, role), datetime.now(UTC)
    _show(_ask(lambda d: approve(d, deployment_id, given, comment=comment, now=now)), as_json=as_json)  # fmt: skip


@deployment.command("reject")
def reject_deployment(
    deployment_id: DeploymentId, by: By, reason: Reason, as_json: AsJson = False
) -> None:
    """Reject a deployment that waits for approval."""
    from prisma_assets.learning.release import reject

    _show(_ask(lambda d: reject(d, deployment_id, by=by, reason=reason)), as_json=as_json)


@deployment.command("pause")
def pause_deployment(
    deployment_id: DeploymentId, by: By, reason: Reason,
    go_on: Annotated[bool, typer.Option("--go-on", help="End the pause.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Have a rollout stand still at its share, or go on. Harm is taken back all the same."""
    from prisma_assets.learning.release import pause

    _show(_ask(lambda d: pause(d, deployment_id, by=by, reason=reason, go_on=go_on)), as_json=as_json)  # fmt: skip


@deployment.command("advance")
def advance_deployment(
    deployment_id: DeploymentId,
    by: Annotated[str | None, typer.Option(help="Who lets it reach everybody.")] = None,
    role: Annotated[str | None, typer.Option(help="As what: PARTNER or MANAGER.")] = None,
    reason: Annotated[str, typer.Option(help="Why, although a guardrail is not shown unharmed.")] = "",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Look at a rollout now, and let it take its next share if time, work and guardrails allow it.

    With --by, --role and --reason a person answers for its reaching everybody although a guardrail is not shown unharmed.
    """
    from prisma_assets.learning.release import known_deployment, release
    from prisma_assets.learning.rollout import look

    async def ask(database: "Database") -> "Deployment":
        await known_deployment(database, deployment_id)
        if by is not None:
            await release(database, deployment_id, _approval(by, role or ""), reason=reason)
        await look(database, now=datetime.now(UTC))
        return await known_deployment(database, deployment_id)

    _show(_ask(ask), as_json=as_json)


@deployment.command("rollback")
def rollback_deployment(
    deployment_id: DeploymentId, by: By, reason: Reason, as_json: AsJson = False
) -> None:
    """Take a version back now, and have everything it wrote performed again."""
    from prisma_assets.command.connection import migrated_server
    from prisma_assets.command.error_log import log_to_file
    from prisma_assets.learning.release import known_deployment
    from prisma_assets.learning.rollback import ask_for_rollback
    from prisma_assets.platform.local import local_platform

    settings = Settings.from_environ()
    _ask(lambda database: ask_for_rollback(database, deployment_id, by=by, reason=reason))
    log_to_file(settings.home)
    with (
        migrated_server(settings) as urls,
        local_platform(settings, urls) as platform,
    ):
        ended = platform.run("rollback_job", tags={})
    if ended.failure is not None:
        raise PrismaError(f"{ended.failure}; the rollback is asked for again by itself")
    _show(_ask(lambda database: known_deployment(database, deployment_id)), as_json=as_json)


@deployment.command("ledger")
def show_ledger(as_json: AsJson = False) -> None:
    """Show what each improvement promised, shrunk towards nothing, and what work with it showed that it kept."""
    from dataclasses import asdict

    from prisma_assets.learning.ledger import ledger

    entries = _ask(ledger)
    if as_json:
        answer({"improvements": [{**asdict(e), "retire": e.is_to_be_retired} for e in entries]})
    elif not entries:
        say("No improvement has begun yet.")
    else:
        heads = ["agent", "version", "stage", "metric", "promised by", "measured", "promised", "realised", "compared", ""]  # fmt: skip
        table(heads, [_ledger_line(entry) for entry in entries])


def _ledger_line(entry: "Entry") -> list[Any]:
    seen = entry.realised
    realised = "no data" if seen is None else f"{seen.value:.3g} [{seen.low:.3g}, {seen.high:.3g}]"
    return [
        entry.agent_id, entry.version, entry.stage, entry.metric, entry.promised_by or "nothing",
        "no data" if entry.measured is None else f"{entry.measured.value:.3g}",
        "no data" if entry.promised is None else f"{entry.promised:.3g}",
        realised, entry.basis or "", "retire?" if entry.is_to_be_retired else entry.kept,
    ]  # fmt: skip


def _show(found: "Deployment", *, as_json: bool) -> None:
    from prisma_assets.learning.shadow import shadow_of
    from prisma_assets.store.deployment import DeploymentStore

    async def more(database: "Database") -> tuple[Any, Any, Any]:
        store = DeploymentStore(source=database)
        written = await database.fetch("reperformances", {"deployment_id": found.deployment_id})
        shadowed = await shadow_of(database, found.deployment_id)
        return await store.history(found.deployment_id), written, shadowed

    history, written, shadowed = _ask(more)
    if as_json:
        answer({**vars(found), "shadow": shadowed, "history": history, "reperform": written})
        return
    say(
        f"{found.agent_id}: {found.to_version} in the place of {found.from_version}, {found.risk_level} risk",
        f"deployment {found.deployment_id} is {found.stage} at {found.traffic_pct} %",
    )
    if found.waits_for:
        say(f"waits: {found.waits_for}" + ("; a person has to act" if found.needs_person else ""))
    if shadowed is not None:
        say(*told(shadowed))
    table(["when", "what", "by", "why"], [
        [f"{h['happened_at']:%Y-%m-%d %H:%M}", h["what"], h["by_whom"], h["reason"] or h["facts"] or ""] for h in history
    ])  # fmt: skip
    if written:
        note(f"{len(written)} results of {found.to_version}:")
        table(["engagement", "execution", "step", ""], [
            [w["engagement_id"], w["workflow_execution_id"], f"{w['step_id']} {w['map_key']}".strip(),
             w["left_because"] or ("open again" if w["opened_at"] else "waits until the execution is at rest")]
            for w in written
        ])  # fmt: skip


def _line(d: "Deployment") -> list[Any]:
    return [
        d.deployment_id, d.agent_id, d.to_version, d.risk_level, d.stage, f"{d.traffic_pct} %", d.waits_for or d.rollback_reason,
    ]  # fmt: skip


def _approval(user: str, role: str) -> "Approval":
    from prisma_assets.domain.experiments.release_path import Approval

    return Approval(user=user, role=role.upper())


def _risk(text: str | None) -> "Risk | None":
    from prisma_assets.domain.experiments.release_path import WAYS

    if text is None:
        return None
    known = next((risk for risk in WAYS if risk == text), None)
    if known is None:
        raise InputError(f"--risk is low, medium or high, not '{text}'")
    return known


def _changes(text: str | None) -> dict[str, Any]:
    try:
        changes = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise InputError(
            f'--changes is no JSON object ({error.msg} at character {error.pos}); write e.g. {{"parameters": {{"sample_size": 30}}}}'
        ) from error
    if not isinstance(changes, dict):
        raise InputError('--changes is a JSON object, e.g. {"prompt": "..."}')
    return changes


def _evidence(file: Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as the answer of `experiment analyse --json`: {error}") from error  # fmt: skip
    if not isinstance(found, dict):
        raise InputError(f"{file} holds no answer of `experiment analyse --json`")
    return found


def _ask(question: "Callable[[Database], Awaitable[Answer]]") -> Answer:
    from prisma_assets.command.connection import ask, migrated_server

    with migrated_server(Settings.from_environ()) as urls:
        return ask(urls, lambda store: question(store.database))
