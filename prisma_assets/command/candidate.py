"""`candidates`: changes proposed for what could be better about the agents, and what they are worth on work with known answers."""

import json
import shlex
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from prisma_assets.command.output import AsJson, answer, note, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.store.database import Database

Found = TypeVar("Found")

candidates = typer.Typer(
    help="Changes proposed for what could be better about the agents.", no_args_is_help=True
)
_SHOWN_ID = 8
"""Characters of an id that tell candidates apart, as people type them."""


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(candidates, name="candidates")


@candidates.command("list")
def list_candidates(as_json: AsJson = False) -> None:
    """List proposed changes and searches that found nothing better, the latest first."""
    found = _ask(_listed)
    if as_json:
        answer({"candidates": found})
    elif not found:
        say("No candidate; `prisma-assets candidates propose OPPORTUNITY` looks for one.")
    else:
        columns = ["id", "agent", "for", "change", "hold-out", "n", "proposed"]
        table(columns, [_line(row) for row in found])


@candidates.command("show")
def show_candidate(
    candidate_id: Annotated[
        str, typer.Argument(metavar="ID", help="Its id or the beginning of it, as the list shows it.")
    ],
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show one with its scores, and how it is tried."""
    wanted = candidate_id.strip().lower()
    found = [row for row in _ask(_listed) if wanted and row["candidate_id"].startswith(wanted)]
    if len(found) != 1:
        problem = "several candidates have" if found else "no candidate has"
        raise InputError(
            f"{problem} an id that begins with '{candidate_id}'; `prisma-assets candidates list` lists them"
        )
    _tell(found[0], as_json=as_json)


@candidates.command("propose")
def propose_candidate(
    opportunity_id: Annotated[
        str, typer.Argument(metavar="OPPORTUNITY", help="Id of an open opportunity or the beginning of it.")
    ],
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Look for a change that answers an opportunity; what was found for the version at work before is told again.

    An embedded agent's parameters are searched on sample engagements with planted errors (half a minute). A language model's prompt is
    rewritten from what people said, where a model is configured.
    """
    from prisma_assets.agents.firm import Firm, product_providers
    from prisma_assets.command.connection import firm
    from prisma_assets.command.opportunity import one_opportunity
    from prisma_assets.learning.candidate import propose
    from prisma_assets.store.opportunity import OpportunityStore

    whose = Firm(registry=firm(), providers=product_providers())

    async def look(database: "Database") -> dict[str, Any]:
        found = await one_opportunity(OpportunityStore(source=database), opportunity_id)
        return await propose(database, whose, found["opportunity_id"])

    _tell(_ask(look), as_json=as_json)


def _ask(question: "Callable[[Database], Awaitable[Found]]") -> Found:
    from prisma_assets.command.connection import ask, migrated_server

    with migrated_server(Settings.from_environ()) as urls:
        return ask(urls, lambda workflow: question(workflow.database))


async def _listed(database: "Database") -> list[dict[str, Any]]:
    from prisma_assets.store.candidate import CandidateStore

    return await CandidateStore(source=database).listed()


def _line(row: dict[str, Any]) -> list[Any]:
    return [
        row["candidate_id"][:_SHOWN_ID], row["agent_id"], row["opportunity"], _changes(row), _held(row), row["holdout_tasks"],
        "yes" if row["is_proposed"] else "no",
    ]  # fmt: skip


def _changes(row: dict[str, Any]) -> str:
    return json.dumps(row["changes"], ensure_ascii=False)


def _held(row: dict[str, Any]) -> str:
    if row["ci_low"] is None:
        return "no data"
    return f"{row['effect']:+.3f} [{row['ci_low']:+.3f}, {row['ci_high']:+.3f}]"


def _tell(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        answer(row)
        return
    say(
        f"{row['candidate_id']}  {row['agent_id']} {row['control_version']}: {_changes(row)}",
        f"for: {row['opportunity']} ({row['opportunity_id']})",
        f"{'proposed' if row['is_proposed'] else 'not proposed'}: {row['reason']}",
    )
    if row["measure"] is not None:
        say(
            f"score: {row['measure']}",
            f"  training: {row['train_score']:.3f} on {row['train_tasks']} tasks, best of {row['tried']} settings (flattered by the choice)",
            f"  hold-out: {row['present_score']:.3f} now, {row['holdout_score']:.3f} then, on {row['holdout_tasks']} tasks that chose nothing",
            f"  difference: {_held(row)} at 95 %; errors overlooked beyond those overlooked now: {row['missed_more']}",
        )
    cost = "no data" if row["cost_usd"] is None else f"{row['cost_usd']:.4f} USD"
    say(f"cost of looking: {cost}")
    if row["is_proposed"]:
        note(_next_step(row))


def _next_step(row: dict[str, Any]) -> str:
    """How the change goes on: by its own risk, or that of the opportunity where it is higher."""
    from prisma_assets.agents.version import subject_of
    from prisma_assets.command.connection import firm
    from prisma_assets.domain.experiments.plan import least_risk
    from prisma_assets.domain.experiments.release_path import WAYS

    least = least_risk(row["changes"], subject_of(firm().get(row["agent_id"])))
    risk = max(least, row["opportunity_risk"], key=list(WAYS).index)
    about = f"--opportunity {row['opportunity_id']}"
    if risk == "medium":
        changes = [
            f"--change {key}={shlex.quote(json.dumps(v))}" for key, v in row["changes"].items()
        ]
        way = f"experiment create {about} --metric accuracy {' '.join(changes)}"
    else:
        way = f"deployment propose {row['agent_id']} --by WHO --reason TEXT {about} --changes {shlex.quote(_changes(row))}"
    if risk == "high":
        way += " --evidence FILE (a comparison on past tasks: `experiment analyse --paired-by TASK --json`)"
    return f"its risk is {risk}; it goes on by: prisma-assets {way}"
