"""How commands answer: one JSON object on standard output with `--json`, a short table or sentence without."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

AsJson = Annotated[
    bool, typer.Option("--json", help="Answer with one JSON object on standard output.")
]


def answer(value: Any) -> None:
    """Print one JSON value."""
    json.dump(value, sys.stdout, default=str, ensure_ascii=False)
    sys.stdout.write("\n")


def say(*lines: str) -> None:
    """Print lines for a person."""
    for line in lines:
        sys.stdout.write(f"{line}\n")


def note(line: str) -> None:
    """Tell a person on standard error what is going on."""
    sys.stderr.write(f"{line}\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table that fits the terminal."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    Console(markup=False).print(shown)
