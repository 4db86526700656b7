"""`quarantine`: facts that are left out of the figures, and the way back."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from prisma_assets.command.output import AsJson, answer, note, say, table
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.store.database import Database

quarantine = typer.Typer(help="Facts left out of the figures.", no_args_is_help=True)

Answer = TypeVar("Answer")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(quarantine, name="quarantine")


@quarantine.command("list")
def list_facts(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Facts at most.")] = 50,
    released: Annotated[bool, typer.Option("--released", help="Released ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List facts that cannot be true or are about an agent the firm does not know, the latest first."""
    from prisma_assets.store.roll_up import QuarantineStore

    facts = _ask(lambda d: QuarantineStore(source=d).facts(limit=limit, released=released))
    if as_json:
        answer({"facts": facts})
        return
    if not facts:
        say("no fact is set aside")
        return
    table(
        ("key", "day", "kind", "agent", "reason", "released"),
        [
            (f["fact_key"], f["day"], f["kind"], f["agent_id"], f["reason"], f["released_by"])
            for f in facts
        ],
    )


@quarantine.command()
def release(
    keys: Annotated[
        list[str], typer.Argument(metavar="KEY...", help="As `quarantine list` shows them.")
    ],
    as_user: Annotated[str, typer.Option("--as", metavar="USER", help="Who releases them.")],
    reason: Annotated[str, typer.Option(help="Why they are true; kept with them.")],
    as_json: AsJson = False,
) -> None:
    """Count facts from now on, all of them or none; `prisma-assets learn` counts their days again."""
    from prisma_assets.learning.quarantine import release_all

    days = _ask(lambda d: release_all(d, keys, user=as_user, reason=reason))
    if as_json:
        answer({"released": len(keys), "days": days})
        return
    say(f"{len(keys)} released")
    note(f"counted again by the next `prisma-assets learn`: {', '.join(map(str, days))}")


def _ask(question: "Callable[[Database], Awaitable[Answer]]") -> Any:
    import asyncio

    from prisma_assets.command.connection import migrated_server
    from prisma_assets.store.database import Database

    async def ask(url: str) -> Answer:
        async with Database(url, max_size=2) as database:
            return await question(database)

    with migrated_server(Settings.from_environ()) as urls:
        return asyncio.run(ask(urls.prisma))
