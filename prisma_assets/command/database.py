"""`migrate` and `verify`: the database's tables."""

import typer

from prisma_assets.command.output import AsJson, answer, say
from prisma_assets.settings import Settings


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("migrate")(migrate)
    app.command("verify")(verify)


def migrate(as_json: AsJson = False) -> None:
    """Bring the database to this version.

    Safe to repeat, and to run twice at once.
    """
    from prisma_assets.store.migrate import migrate as apply
    from prisma_assets.store.server import running_server

    with running_server(Settings.from_environ()) as urls:
        applied = [a.name for a in apply(urls.prisma)]
    if as_json:
        answer({"applied": applied})
    else:
        say(*[f"applied {name}" for name in applied] or ["the database is up to date"])


def verify(as_json: AsJson = False) -> int:
    """Name what in the database is missing or altered.

    Tables, columns, constraints and indexes; exit 3 when there is any.
    """
    from prisma_assets.store.server import running_server
    from prisma_assets.store.verify import verify as compare

    with running_server(Settings.from_environ()) as urls:
        problems = [p.description for p in compare(urls.prisma)]
    if as_json:
        answer({"problems": problems})
    else:
        say(*problems or ["the database is as this version expects"])
    return 3 if problems else 0
