"""`opportunities`: what could be better about the agents, with the evidence; and a person's no."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from prisma_assets.command.output import AsJson, answer, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.store.opportunity import OpportunityStore, Row

Found = TypeVar("Found")

opportunities = typer.Typer(help="What could be better about the agents.")

OpportunityId = Annotated[
    str, typer.Argument(metavar="ID", help="Its id or the beginning of it, as the list shows it.")
]
_SHOWN_ID = 8
"""Characters of an id that tell opportunities apart, as people type them."""


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(opportunities, name="opportunities")


@opportunities.callback(invoke_without_command=True)
def list_opportunities(
    context: typer.Context,
    agent: Annotated[str | None, typer.Option(help="Only of this agent.")] = None,
    status: Annotated[
        str | None,
        typer.Option(
            help="Only in this state: identified, triaged, in_test, validated, rejected, deployed, rolled_back, superseded, resolved, or all."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what is open, the most pressing first; `show` and `dismiss` take one of them."""
    if context.invoked_subcommand is not None:
        return
    from prisma_assets.command.connection import firm

    agent_id = firm().get(agent).id if agent is not None else None
    statuses = _statuses(status)
    found = _ask(lambda store: store.listed(agent_id=agent_id, statuses=statuses))
    if as_json:
        answer({"opportunities": found})
    elif not found:
        say("No opportunity; `prisma-assets learn` looks for them.")
    else:
        table(
            [
                "id",
                "priority",
                "agent",
                "what",
                "since",
                "confidence",
                "USD/month",
                "change",
                "status",
            ],
            [_line(row) for row in found],
        )


@opportunities.command("show")
def show_opportunity(opportunity_id: OpportunityId, as_json: AsJson = False) -> None:
    """Show one with its evidence."""
    found = _ask(lambda store: one_opportunity(store, opportunity_id))
    if as_json:
        answer(found)
    else:
        _show(found)


@opportunities.command("dismiss")
def dismiss_opportunity(
    opportunity_id: OpportunityId,
    by: Annotated[str, typer.Option(help="Who decides it.")],
    reason: Annotated[str, typer.Option(help="Why; kept with it.")],
    as_json: AsJson = False,
) -> None:
    """Dismiss one. The same trouble is told again after 90 days, or when it is half as large again."""
    if not by.strip() or not reason.strip():
        raise InputError("say who dismisses it and why; give --by and --reason")

    async def dismiss(store: "OpportunityStore") -> str:
        found = await one_opportunity(store, opportunity_id)
        if not await store.dismiss(found["opportunity_id"], by=by.strip(), reason=reason.strip()):
            raise InputError(
                f"opportunity {opportunity_id} is {found['status']}; only one that is identified or triaged can be dismissed"
            )
        return str(found["opportunity_id"])

    dismissed = _ask(dismiss)
    if as_json:
        answer({"opportunity_id": dismissed, "status": "rejected"})
    else:
        say(f"{dismissed} dismissed")


def _ask(question: "Callable[[OpportunityStore], Awaitable[Found]]") -> Found:
    from prisma_assets.command.connection import ask, migrated_server
    from prisma_assets.store.opportunity import OpportunityStore

    with migrated_server(Settings.from_environ()) as urls:
        return ask(urls, lambda workflow: question(OpportunityStore(source=workflow.database)))


async def one_opportunity(store: "OpportunityStore", opportunity_id: str) -> "Row":
    """The opportunity whose id begins so.

    Raises:
        InputError: There is none, or several.
    """
    wanted = opportunity_id.strip().lower()
    found = [
        row for row in await store.listed(statuses=None) if row["opportunity_id"].startswith(wanted)
    ]
    if len(found) == 1 and wanted:
        return found[0]
    problem = "several opportunities have" if found else "no opportunity has"
    raise InputError(
        f"{problem} an id that begins with '{opportunity_id}'; `prisma-assets opportunities --status all` lists them"
    )


def _statuses(status: str | None) -> tuple[str, ...] | None:
    from prisma_assets.store.opportunity import OPEN, STATUSES

    if status is None:
        return OPEN
    if status == "all":
        return None
    if status not in STATUSES:
        raise InputError(f"--status is '{status}'; it is one of {', '.join(STATUSES)}, or all")
    return (status,)


def _line(row: "Row") -> list[Any]:
    usd, confidence = row["usd_per_month"], row["confidence"]
    return [
        row["opportunity_id"][:_SHOWN_ID],
        row["priority"],
        row["agent_id"],
        row["title"],
        row["began_on"],
        None if confidence is None else f"{confidence:.0%}",
        None if usd is None else f"{usd:,.0f}",
        f"{row['improvement_type']}, {row['risk_level']} risk",
        row["status"],
    ]


def _show(row: "Row") -> None:
    say(
        f"{row['title']} ({row['agent_id']} {row['agent_version']})",
        row["description"],
        f"{row['priority']} priority, {row['status']}; to change: {row['improvement_type']}, {row['risk_level']} risk",
        f"since {row['began_on']}, found {row['found_on']}, last seen {row['last_seen_on']}; n = {row['sample_size']:,}",
    )
    if row["usd_per_month"] is not None:
        say(f"it costs {row['usd_per_month']:,.2f} USD a month")
    if row["hours_per_month"] is not None:
        say(f"people wait {row['hours_per_month']:,.1f} hours a month longer")
    if row["status_reason"]:
        say(f"{row['status']}: {row['status_reason']}")
    for evidence in row["evidence"] if isinstance(row["evidence"], list) else []:
        _show_evidence(evidence)


def _show_evidence(evidence: dict[str, Any]) -> None:
    kind = evidence.get("kind")
    if kind == "days":
        table(
            ["day", "value", "n"], [[d, f"{v:.4g}", f"{n:,.0f}"] for d, v, n in evidence["values"]]
        )
    elif kind == "feedback":
        said = evidence["feedback"]
        table(["said on", "type", "rating", "words"], [[f["day"], f["feedback_type"], f["rating"], f["comment"]] for f in said])  # fmt: skip
    else:
        table(["evidence", ""], [[name, value] for name, value in evidence.items()])
