"""`dashboards`: pages of figures that are written as files."""

from pathlib import Path
from typing import Annotated

import typer

from prisma_assets.command.output import AsJson, answer, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

dashboards = typer.Typer(help="Dashboards written as files.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(dashboards, name="dashboards")


@dashboards.command("check")
def check_dashboards(
    file: Annotated[
        Path | None,
        typer.Argument(help="A file; all that ship and those in PRISMA_DASHBOARDS when left out."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check dashboard files.

    Every mistake is named with line, column and the mend.
    """
    from prisma_assets.command.connection import firm
    from prisma_assets.learning.dashboard import Dashboards, read_dashboard

    if file is not None:
        found = [read_dashboard(file, firm())]
    else:
        every = Dashboards(firm(), Settings.from_environ().dashboards)
        if every.problems():
            raise InputError("\n".join(every.problems()))
        found = every.good()
    if as_json:
        rows = [
            {"name": d.name, "title": d.dashboard.title, "agents": len(d.agents), "widgets": len(d.dashboard.widgets)}
            for d in found
        ]  # fmt: skip
        answer({"dashboards": rows})
        return
    table(
        ["dashboard", "title", "agents", "widgets"],
        [(d.name, d.dashboard.title, len(d.agents), len(d.dashboard.widgets)) for d in found],
    )
    say("valid; each is shown at /dashboard/domains/NAME")
