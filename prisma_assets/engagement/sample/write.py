"""Writes the sample engagement: the folder, and beside it the list of planted errors the audit never reads."""

import csv
import errno
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from prisma_assets.domain.audit.score import PlantedErrors
from prisma_assets.domain.errors import InputError, PrismaError
from prisma_assets.engagement.sample.build import SampleBooks, build_books, planted_errors
from prisma_assets.engagement.sample.facts import (
    LEDGER_FILE,
    PAYMENT_COLUMNS,
    PAYMENTS_FILE,
    as_engagement,
    engagement_facts,
    engagement_text,
    sign_offs_text,
)
from prisma_assets.engagement.sample.fieldwork import sample_results
from prisma_assets.engagement.sample.ledger import LedgerLines
from prisma_assets.engagement.sample.size import MAX_LINES, MIN_LINES
from prisma_assets.engagement.sample.tables import Columns, text_tables

MARKER = ".sample.json"
"""In the folder: the files `write_sample` wrote, with their hashes. A folder without it is somebody's own."""


@dataclass(frozen=True, kw_only=True)
class SampleSummary:
    """What was written."""

    folder: Path
    planted_file: Path
    seed: int
    ledger_lines: int
    rows: dict[str, int]
    """Rows by table."""
    planted: dict[str, int]
    """Planted errors by kind."""

    def as_json(self) -> dict[str, Any]:
        """The summary as JSON values."""
        return {
            "folder": str(self.folder),
            "planted_file": str(self.planted_file),
            "seed": self.seed,
            "ledger_lines": self.ledger_lines,
            "rows": self.rows,
            "planted": self.planted,
        }

    def sentences(self) -> list[str]:
        """The summary for a person."""
        kinds = ", ".join(f"{kind} {number}" for kind, number in sorted(self.planted.items()))
        return [
            f"{self.folder}: {self.ledger_lines:,} ledger lines and {len(self.rows) - 1} other tables, seed {self.seed}.",
            f"{self.planted_file}: {sum(self.planted.values())} planted errors ({kinds}).",
        ]


def write_sample(folder: Path, *, seed: int = 2009, lines: int = 60_000) -> SampleSummary:
    """Write the sample engagement; the same seed and lines give the same bytes.

    Args:
        folder: New, empty, or a sample written earlier and not changed since, which is replaced.
        seed: 0 or more.
        lines: Ledger lines, at least.

    Raises:
        InputError: A number is out of range, or the folder holds something else or cannot be written.
        PrismaError: The disk is full; nothing was written.
    """
    _check_numbers(seed=seed, lines=lines)
    folder = folder.expanduser().absolute()
    _check_folder(folder)
    books = build_books(seed=seed, lines=lines)
    planted = planted_errors(books, seed=seed)
    tables = text_tables(books)
    ledger = books.ledger.columns["amount_cents"]
    planted_file = folder.with_name(f"{folder.name}.planted.json")
    try:
        _replace_folder(folder, planted_file, _files(books, tables, planted))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise PrismaError(
                f"{folder}: the disk is full; make room or choose a folder on another disk"
            ) from error
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}); choose a folder that you may write to"
        ) from error
    counts = {name: len(next(iter(columns.values()))) for name, columns in tables.items()}
    return SampleSummary(
        folder=folder,
        planted_file=planted_file,
        seed=seed,
        ledger_lines=len(ledger),
        rows={"gl_detail": len(ledger), **counts},
        planted=dict(Counter(error.kind for error in planted.planted)),
    )


def _check_numbers(*, seed: int, lines: int) -> None:
    if seed < 0:
        raise InputError(f"--seed must be 0 or more, not {seed}")
    if not MIN_LINES <= lines <= MAX_LINES:
        raise InputError(f"--lines must lie between {MIN_LINES:,} and {MAX_LINES:,}, not {lines:,}")


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an unchanged sample: nothing of anybody's is overwritten."""
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir() or folder.is_symlink():
        raise InputError(f"{folder}: is no folder; name a new one")
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
    if not present:
        return
    written = _written_files(folder)
    if MARKER not in present or written is None:
        raise InputError(
            f"{folder}: holds files that are no sample engagement; name a new or empty folder"
        )
    own = sorted(present - {MARKER} - set(written))
    changed = [name for name in sorted(written) if _is_changed(folder / name, written[name])]
    if own or changed:
        raise InputError(
            f"{folder}: {(own + changed)[0]} was added or changed since the sample was written; "
            "name another folder, or delete this one first"
        )


def _written_files(folder: Path) -> dict[str, str] | None:
    try:
        files = json.loads((folder / MARKER).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return files if isinstance(files, dict) else None


def _is_changed(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != sha256


def _files(
    books: SampleBooks, tables: dict[str, Columns], planted: PlantedErrors
) -> Iterator[tuple[str, bytes]]:
    """Every file with its content; the planted errors under an empty name."""
    facts = engagement_facts(books.figures)
    results = sample_results(books, as_engagement(facts))
    yield "engagement.yaml", engagement_text(facts, results).encode()
    yield "sign_offs.yaml", sign_offs_text().encode()
    yield LEDGER_FILE, _parquet(books.ledger)
    for name, columns in tables.items():
        if name == "payments_made":
            yield PAYMENTS_FILE, _payment_register(columns)
        else:
            yield f"{name}.csv", _csv(columns).encode()
    yield "", (json.dumps(planted.model_dump(), indent=1) + "\n").encode()


def _replace_folder(folder: Path, planted_file: Path, files: Iterator[tuple[str, bytes]]) -> None:
    """Write everything beside its place first, then put it there: what fails leaves nothing behind."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    new_planted = folder.with_name(f".{folder.name}.{os.getpid()}.planted")
    try:
        new.mkdir()
        hashes = {}
        for name, content in files:
            (new / name if name else new_planted).write_bytes(content)
            if name:
                hashes[name] = hashlib.sha256(content).hexdigest()
        marker = {"written_by": "prisma-assets sample", "files": hashes}
        (new / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        new_planted.replace(planted_file)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
        new_planted.unlink(missing_ok=True)


def _csv(columns: Columns, *, delimiter: str = ",") -> str:
    stream = StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue()


def _payment_register(columns: Columns) -> bytes:
    """The payments as another system exports them: its own headings, German dates and amounts, cp1252."""
    foreign = {PAYMENT_COLUMNS[name]: values for name, values in columns.items()}
    date, amount = PAYMENT_COLUMNS["payment_date"], PAYMENT_COLUMNS["payment_amount"]
    foreign[date] = [f"{day[8:]}.{day[5:7]}.{day[:4]}" for day in foreign[date]]
    foreign[amount] = [_german(text) for text in foreign[amount]]
    return _csv(foreign, delimiter=";").encode("cp1252")


def _german(amount: str) -> str:
    whole, _, cents = amount.partition(".")
    return f"{int(whole):,}".replace(",", ".") + "," + cents if int(whole) else f"{whole},{cents}"


def _parquet(ledger: LedgerLines) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = dict(ledger.columns)
    cents = pa.array(columns.pop("amount_cents"))
    minute = columns.pop("minute")
    times = np.array([f"{m // 60:02d}:{m % 60:02d}:00" for m in range(24 * 60)], dtype=object)
    data: dict[str, Any] = {}
    for name, values in columns.items():
        if name == "journal_id_line_number":
            data[name] = pa.array(values).cast(pa.string())
        else:
            data[name] = pa.array(values)
        if name == "entered_date":
            data["entered_time"] = pa.array(times[minute])
        if name == "gl_account_number":
            data["amount"] = _decimals(cents)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(data), sink, compression="zstd")
    return bytes(sink.getvalue())


def _decimals(cents: Any) -> Any:
    """Cents as decimals with two places; multiplied as decimals, so exact."""
    import pyarrow as pa
    import pyarrow.compute as pc

    hundredth = pa.scalar("0.01").cast(pa.decimal128(3, 2))
    return pc.multiply(cents.cast(pa.decimal128(19, 0)), hundredth).cast(pa.decimal128(18, 2))
