"""How commands answer: one JSON object on standard output with `--json`, a short table or sentence without."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

AsJson = Annotated[
    bool, typer.Option("--json", help="Answer with one JSON object on standard output.")
]

_WIDE = 200
"""Columns of a table that goes into a file or a pipe, where nothing wraps."""


def answer(value: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    _write(json.dumps(value, default=str, ensure_ascii=False) + "\n")


def say(*lines: str) -> None:
    """Print lines for a person."""
    _write("".join(f"{line}\n" for line in lines))


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
    console = Console(markup=False, width=None if sys.stdout.isatty() else _WIDE)
    with console.capture() as capture:
        console.print(shown)
    _write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough (`| head -1`); what the command does is done all the same.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
