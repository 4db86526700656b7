"""`ingest`: what agents outside the product did, from files."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prisma_assets.command.output import AsJson, note
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.domain.learning.run_mapping import RunMapping
    from prisma_assets.learning.taken import Row

ingest = typer.Typer(help="Take in what agents did elsewhere.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(ingest, name="ingest")


@ingest.callback()
def _group() -> None:
    """Keep `runs` a command of its own beside those to come."""


@ingest.command("runs")
def ingest_runs(
    file: Annotated[
        Path, typer.Argument(help="CSV or JSON lines, also gzipped, or Parquet; one run a row.")
    ],
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FILE|TARGET=COLUMN[:UNIT]",
            help="Which column is what: a YAML file, or one option per value. "
            "TARGET==TEXT is the same for all rows. Without it the columns are called as in agent_runs.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Store the agent runs of a file; the same run again is not stored twice.

    Good rows are kept whatever is wrong with others. A cost that is not given is computed from the tokens where the
    model has a public price, and is unknown otherwise. Exit status 2 when a row was rejected.
    """
    from prisma_assets.command.connection import ask, firm, migrated_server
    from prisma_assets.command.taken import tell
    from prisma_assets.learning.run_intake import take_runs
    from prisma_assets.store.agent_run import AgentRunStore

    mapping = _mapping(map_ or [])
    agents = firm().ids
    with migrated_server(Settings.from_environ()) as urls:
        taken = ask(
            urls,
            lambda store: take_runs(
                _rows(file, mapping),
                mapping,
                agents=agents,
                store=AgentRunStore(database=store.database),
            ),
        )
    return tell(taken, as_json=as_json)


def _mapping(written: list[str]) -> "RunMapping":
    from prisma_assets.domain.learning.run_mapping import BY_NAME, parse_mapping, read_mapping

    if not written:
        return BY_NAME
    if len(written) > 1 or "=" in written[0]:
        return parse_mapping(written)
    path = Path(written[0])
    try:
        return read_mapping(path.read_text(encoding="utf-8"), file=str(path))
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file; name a mapping, or write TARGET=COLUMN") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text; save it as YAML in UTF-8") from None


def _rows(file: Path, mapping: "RunMapping") -> "Iterator[Row]":
    from prisma_assets.command.row_file import read_rows
    from prisma_assets.domain.learning.run_mapping import check_columns

    others = 0
    for row in read_rows(file, lambda header: check_columns(mapping, header)):
        if row.values is None:
            yield row.number, row.problem
        elif mapping.is_run(row.values):
            yield row.number, row.values
        else:
            others += 1
    if others:
        note(f"{others:,} rows are no runs, as `only` in the mapping says")
