"""Reads `engagement.yaml` and finds and hashes the table files beside it, without reading any table.

Reading tables does not belong here: that is `folder`, which needs pandas; this module starts fast.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.table import TABLES, Table, table_named
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.yaml_source import parse_yaml, position, validate
from prisma_assets.engagement.document import EngagementFile, TableSettings

FACTS_FILE = "engagement.yaml"
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".xlsx")
"""Formats the reader knows."""
DATA_SUFFIXES = (".csv", ".tsv", ".parquet", ".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
"""Files that somebody meant as a table; a text file may be a note."""

DEBIT, CREDIT, INDICATOR = "debit", "credit", "amount_credit_debit_indicator"
SIGNED_AMOUNT = {"gl_detail": "amount", "trial_balance": "amount_ending"}
"""Debit-positive column of a table that may instead stand in the file as debit and credit, or with an indicator."""


def read_facts(folder: Path) -> Engagement:
    """Read and validate `engagement.yaml`, its table settings included; no table is opened.

    Raises:
        InputError: The folder or the file is missing, or something in it is wrong.
    """
    return read_document(folder).facts()


def read_document(folder: Path) -> EngagementFile:
    """Read `engagement.yaml` with its table settings, the tables under their standard names.

    Raises:
        InputError: The folder or the file is missing, or something in it is wrong.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder that holds {FACTS_FILE}")
    path = folder / FACTS_FILE
    if not path.is_file():
        raise InputError(
            f"{folder}: holds no {FACTS_FILE}; add one that names client, period and team"
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    data = parse_yaml(text, file=str(path))
    document = validate(data, EngagementFile, file=str(path))
    tables = dict(_standard_tables(document, data, file=str(path)))
    return document.model_copy(update={"tables": tables})


def column_names(table: Table) -> list[str]:
    """Every name that `tables.<name>.columns` may map."""
    names = [column.name for column in table.columns]
    if table.name in SIGNED_AMOUNT:
        names += [DEBIT, CREDIT, INDICATOR]
    return names


def table_files(folder: Path, tables: Mapping[str, TableSettings]) -> dict[str, str]:
    """The file of every table: listed in `engagement.yaml`, or standing in the folder under the table's name.

    Returns:
        Standard table name to path below the folder, in the standard order.

    Raises:
        InputError: A listed file is missing, empty, of an unknown format or outside the folder, or two files claim one table.
    """
    by_name = _files_by_name(folder)
    files = {}
    for name, table in TABLES.items():
        settings = tables.get(name)
        if settings is not None and settings.file is not None:
            files[name] = _listed_file(folder, settings.file, name)
            continue
        found = _bearing_its_name(by_name, table)
        if found is not None:
            files[name] = _checked_file(folder, found, where=str(folder / found))
        elif settings is not None:
            raise InputError(
                f"{folder / FACTS_FILE}: tables.{name} is listed, but no {name}.csv, .tsv, .parquet or .xlsx "
                f"stands in the folder; add the file, or name it in tables.{name}.file"
            )
    return files


def stray_files(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Data files at the top of the folder that no table uses, each as a sentence for the reader."""
    used = set(files.values())
    names = [name for table in TABLES.values() for name in (table.name, *table.aliases)]
    sentences = []
    for path in sorted(folder.iterdir()):
        is_data = path.suffix.lower() in DATA_SUFFIXES and not path.name.startswith(("~$", "."))
        if path.name in used or not is_data:
            continue
        close = get_close_matches(_plain(path.stem), names, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        sentences.append(
            f"{path.name}: not read, because no table bears that name; {hint}"
            f"to use it, name it in tables.<table>.file of {FACTS_FILE}"
        )
    return tuple(sentences)


def books_sha256(folder: Path) -> str:
    """Hash over `engagement.yaml` and every table file, without reading them as tables.

    Returns:
        SHA-256, lower-case hex; equal hashes mean equal books and settings.

    Raises:
        InputError: As `read_document` and `table_files`.
    """
    files = table_files(folder, read_document(folder).tables)
    return combined_sha256(
        folder, {file: file_sha256(folder / file) for file in set(files.values())}
    )


def combined_sha256(folder: Path, table_hashes: Mapping[str, str]) -> str:
    """One hash over `engagement.yaml` and the table files, given theirs by path below the folder."""
    hashes = {**table_hashes, FACTS_FILE: file_sha256(folder / FACTS_FILE)}
    digest = hashlib.sha256()
    for file in sorted(hashes):
        digest.update(f"{file}\0{hashes[file]}\n".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _standard_tables(
    document: EngagementFile, data: Any, *, file: str
) -> Iterator[tuple[str, TableSettings]]:
    """The table settings under standard names; a name or column the standard does not know is refused."""
    listed: dict[str, str] = {}
    for given, settings in document.tables.items():
        place = _place(data, ["tables", given], file)
        table = table_named(_plain(given))
        if table is None:
            names = [name for t in TABLES.values() for name in (t.name, *t.aliases)]
            close = get_close_matches(_plain(given), names, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known tables: {', '.join(TABLES)}"
            raise InputError(f"{place}: unknown table '{given}'; {hint}")
        if table.name in listed:
            raise InputError(
                f"{place}: tables '{listed[table.name]}' and '{given}' are the same table; keep one"
            )
        listed[table.name] = given
        for column in settings.columns:
            _check_column(table, column, _place(data, ["tables", given, "columns", column], file))
        yield table.name, settings


def _check_column(table: Table, column: str, place: str) -> None:
    known = column_names(table)
    if column in known:
        return
    close = get_close_matches(column, known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"its columns: {', '.join(known)}"
    raise InputError(
        f"{place}: table {table.name} has no column '{column}'; {hint} "
        "(write the standard name first, then the file's own)"
    )


def _place(data: Any, path: list[str], file: str) -> str:
    found = position(data, path)
    return f"{file}:{found[0]}:{found[1]}" if found else file


def _plain(name: str) -> str:
    return re.sub(r"[\s\-.]+", "_", name.strip().lower())


def _files_by_name(folder: Path) -> dict[str, list[str]]:
    """File names at the top of the folder, by their plain stem."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix.lower() in SUFFIXES:
            found.setdefault(_plain(path.stem), []).append(path.name)
    return found


def _bearing_its_name(by_name: Mapping[str, list[str]], table: Table) -> str | None:
    found = [file for name in (table.name, *table.aliases) for file in by_name.get(name, [])]
    if len(found) > 1:
        raise InputError(
            f"{' and '.join(found)} both claim the table {table.name}; "
            f"keep one, or name it in tables.{table.name}.file of {FACTS_FILE}"
        )
    return found[0] if found else None


def _listed_file(folder: Path, file: str, name: str) -> str:
    where = f"{folder / FACTS_FILE}: tables.{name}.file '{file}'"
    path = (folder / file).resolve()
    root = folder.resolve()
    if not path.is_relative_to(root):
        raise InputError(f"{where} lies outside the engagement folder; put the file into it")
    if not path.is_file():
        present = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
        close = get_close_matches(Path(file).name, present, n=1)
        hint = f"did you mean '{close[0]}'?" if close else "correct the name or add the file"
        raise InputError(f"{where} does not exist; {hint}")
    return _checked_file(folder, Path(file).as_posix(), where=where)


def _checked_file(folder: Path, file: str, *, where: str) -> str:
    path = folder / file
    suffix = path.suffix.lower()
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{where} links outside the engagement folder; put the file into it")
    if suffix not in SUFFIXES:
        raise InputError(
            f"{where} is not a format the reader knows; save it as CSV, Parquet or XLSX"
        )
    if path.stat().st_size == 0:
        raise InputError(f"{where} is empty; export it again, or take it out of the folder")
    return file
