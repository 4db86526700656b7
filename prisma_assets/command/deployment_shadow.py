"""`deployment shadow`: a version of high risk is given the inputs of the version at work, and never answers anybody."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prisma_assets.command.output import AsJson, answer, say
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.store.database import Database


def shadow(
    deployment_id: Annotated[str, typer.Argument(metavar="ID", help="As `deployment list` shows it.")],
    by: Annotated[str | None, typer.Option(help="Who begins it, or gives it another end; without, what waits is compared now.")] = None,
    calls: Annotated[int, typer.Option(help="Most calls compared.")] = 200,
    days: Annotated[float, typer.Option(help="How long inputs are kept for it.")] = 28.0,
    share: Annotated[float, typer.Option(help="Share of the agent's calls, above 0 up to 1.")] = 1.0,
    agreement: Annotated[float, typer.Option(help="Least mean agreement of the outputs, between 0 and 1.")] = 0.9,
    slower: Annotated[float, typer.Option(help="Most it may be slower, as a share.")] = 0.25,
    dearer: Annotated[float, typer.Option(help="Most it may be dearer, as a share.")] = 0.10,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Try a version of high risk in the shadow of the version at work, which alone answers.

    With --by inputs of executions that begin from then on are kept. They are done by the changed version every hour, or now by this
    command without --by; outputs, errors, duration and cost are compared, and the verdict holds however often it is looked at. Before
    it says pass, nobody can approve the change.
    """
    from prisma_assets.agents.firm import Firm, product_providers
    from prisma_assets.command.connection import ask, firm, migrated_server
    from prisma_assets.domain.errors import InputError
    from prisma_assets.domain.experiments.shadow_verdict import Margins
    from prisma_assets.learning import shadow as use
    from prisma_assets.learning.release import known_deployment

    margins = Margins(agreement=agreement, slower=slower, dearer=dearer)

    async def go(database: "Database") -> dict[str, Any]:
        deployment = await known_deployment(database, deployment_id)
        if by is not None:
            asked = use.Asked(by=by, calls=calls, days=days, share=share, margins=margins)
            return await use.begin(database, deployment, asked, now=datetime.now(UTC))
        whose = Firm(registry=firm(), providers=product_providers())
        await use.look(database, whose, deployment_id=deployment.deployment_id)
        found = await use.shadow_of(database, deployment.deployment_id)
        if found is None:
            raise InputError(f"deployment {deployment.deployment_id} has no shadow run; --by begins one")  # fmt: skip
        return found

    with migrated_server(Settings.from_environ()) as urls:
        run = ask(urls, lambda store: go(store.database))
    if as_json:
        answer(run)
        return
    say(*told(run))


def told(run: dict[str, Any]) -> list[str]:
    """How a shadow run stands, in sentences."""
    numbers = run["numbers"]
    lines = [
        f"shadow: {run['verdict']}, {run['reason']}",
        f"{run['to_version']} beside {run['from_version']}: {run['compared']} calls compared, {run['waiting']} wait, "
        f"{run['left_out']} left out, of {run['most_calls']} until {run['until']:%Y-%m-%d}",
    ]
    for name, margin, unit in (("agreement", "at least", ""), ("slower", "at most", "+"), ("dearer", "at most", "+")):  # fmt: skip
        bound = numbers.get(name)
        if bound is not None and bound["mean"] is not None:
            lines.append(
                f"{name}: {bound['mean']:{unit}.1%} [{bound['low']:{unit}.1%}, {bound['high']:{unit}.1%}], declared {margin} "
                f"{run['margins'][name]:.0%}"
            )
    return lines
