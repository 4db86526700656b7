"""`sample` and `score`: books with known errors, and how many of them an audit found."""

from pathlib import Path
from typing import Annotated

import typer

from prisma_assets.command.output import AsJson, answer, note, say, table


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("sample")(sample)
    app.command("score")(score)


def sample(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder to write; must be new or an earlier sample."),
    ],
    seed: Annotated[int, typer.Option(help="Same seed and lines, same bytes.")] = 2009,
    lines: Annotated[int, typer.Option(help="Ledger lines, at least.")] = 60_000,
    tax: Annotated[
        bool, typer.Option("--tax", help="A group for multi_jurisdiction_tax; always the same.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the sample engagement.

    The folder gets engagement.yaml, the tables and sign_offs.yaml. The planted errors stand beside it, in
    DIR.planted.json, which no audit reads.
    """
    from prisma_assets.engagement.sample.tax import TaxSample, write_tax_sample
    from prisma_assets.engagement.sample.write import SampleSummary, write_sample

    written: TaxSample | SampleSummary
    written = write_tax_sample(folder) if tax else write_sample(folder, seed=seed, lines=lines)
    if as_json:
        answer(written.as_json())
    else:
        say(*written.sentences())


def score(
    execution_id: Annotated[
        str, typer.Argument(metavar="ID", help="Execution, as `run` printed it.")
    ],
    planted: Annotated[Path, typer.Option(help="File of planted errors that `sample` wrote.")],
    as_json: AsJson = False,
) -> None:
    """Compare an audit's findings with the planted errors.

    Recall and false alarms per kind. A kind that nobody has looked for yet, in an audit still under way, has no recall.
    """
    from prisma_assets.command.scoring import scores
    from prisma_assets.settings import Settings

    found = scores(Settings.from_environ(), execution_id, planted)
    if found["status"] != "COMPLETED":
        note(
            f"execution {execution_id} is {found['status']}; what it has not looked for is not scored"
        )
    if as_json:
        answer(found)
        return
    table(
        ["kind", "planted", "found", "recall", "false alarms"],
        [
            (k["kind"], k["planted"], k["found"], _share(k["recall"]), k["false_alarms"])
            for k in found["kinds"]
        ],
    )


def _share(recall: float | None) -> str:
    return "not looked for" if recall is None else f"{recall:.2f}"
