"""`up` and `down`: the whole product on one web address."""

from typing import Annotated

import typer

from prisma_assets.settings import MAX_PORT, Settings


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("up")(up)
    app.command("down")(down)


def up(
    port: Annotated[
        int | None, typer.Option(help="Port of the web address.", min=1, max=MAX_PORT)
    ] = None,
    sample: Annotated[
        bool, typer.Option(help="Audit the sample engagement when there is no execution yet.")
    ] = True,
) -> int:
    """Start everything and stay until Ctrl-C.

    `/healthz` on the printed address answers once it is ready.
    """
    from prisma_assets.supervisor.up import up as start

    return start(Settings.from_environ(), port=port, sample=sample)


def down() -> int:
    """Stop what `up` started."""
    from prisma_assets.supervisor.down import down as stop

    return stop(Settings.from_environ())
