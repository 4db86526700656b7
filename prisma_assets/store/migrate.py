"""Bringing a database to this version: the files of `migrations/sql`, each once, each whole."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psycopg
from psycopg import errors

from prisma_assets.domain.errors import PrismaError
from prisma_assets.store.catalog import SyncConnection, expected_catalog, read_catalog
from prisma_assets.store.connections import CONNECT_SECONDS
from prisma_assets.store.database import address, plain_errors
from prisma_assets.store.named_query import named_query

MIGRATIONS = Path(__file__).parents[2] / "migrations"
FIRST = "phase5_optimization"
"""The specification names this file; the numbered ones build on it."""
_NUMBERED = re.compile(r"\d{4}_[a-z0-9_]+")
_BODY = re.compile(r"^BEGIN;$(.*)^COMMIT;$", re.MULTILINE | re.DOTALL)
_ALREADY_THERE = (
    errors.DuplicateTable,
    errors.DuplicateColumn,
    errors.DuplicateFunction,
    errors.DuplicateObject,
)


class MigrationError(PrismaError):
    """A migration could not be applied; nothing of that file remains in the database."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One file of `migrations/sql`."""

    name: str
    """File name without `.sql`."""
    sha256: str
    """Of the text with Unix line ends, so that a checkout on another system counts as the same."""
    body: str
    """The statements between `BEGIN;` and `COMMIT;`."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """One migration this call added to the database's record."""

    name: str
    adopted: bool
    """True: the tables stood there already, as the file makes them (it was applied by psql); only the record was added."""


def migrations(folder: Path = MIGRATIONS / "sql") -> list[Migration]:
    """Read every migration, in the order they are applied: the specification's file, then the numbered ones.

    Raises:
        MigrationError: a file is misnamed, two have one number, or the statements do not stand between `BEGIN;` and `COMMIT;`.
    """
    names = sorted(path.stem for path in folder.glob("*.sql") if path.stem != FIRST)
    for name in names:
        if not _NUMBERED.fullmatch(name):
            raise MigrationError(
                f"{folder / name}.sql is not called NNNN_verb_object.sql; rename it."
            )
    for earlier, later in pairwise(names):
        if earlier[:4] == later[:4]:
            raise MigrationError(
                f"{earlier}.sql and {later}.sql have the same number; renumber one."
            )
    return [_read(folder / f"{name}.sql") for name in (FIRST, *names)]


def _read(path: Path) -> Migration:
    text = path.read_text(encoding="utf-8")
    body = _BODY.search(text)
    if body is None:
        raise MigrationError(
            f"{path} must hold its statements between a line BEGIN; and a line COMMIT;."
        )
    return Migration(
        name=path.stem, sha256=hashlib.sha256(text.encode()).hexdigest(), body=body.group(1)
    )


def migrate(url: str, *, folder: Path = MIGRATIONS / "sql") -> list[Applied]:
    """Apply every migration the database does not have yet and say which.

    Each file is one transaction, together with its record; processes that migrate at once take turns. Tables made by
    `psql -f` are adopted when they are what the file makes.

    Raises:
        MigrationError: an applied file has changed, the database is newer than this version, or a file fails.
        DatabaseUnavailableError: the server cannot be reached.
    """
    wanted = migrations(folder)
    applied: list[Applied] = []
    with connected(url) as connection:
        for index, migration in enumerate(wanted):
            with _told(migration, url), connection.transaction():
                connection.execute(named_query("lock_migrations"))
                if not _is_recorded(connection, migration, wanted):
                    applied.append(_apply(connection, wanted, index))
    return applied


@contextmanager
def connected(url: str) -> Iterator[SyncConnection]:
    """Open one connection that commits each statement by itself, for administration."""
    with (
        plain_errors(url),
        psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection,
    ):
        yield connection


def recorded_migrations(connection: SyncConnection) -> dict[str, str]:
    """Give the hash of every migration the database says it has, by name; empty on a new database."""
    exists = connection.execute(named_query("schema_migrations_exists")).fetchone()
    if exists is None or not exists[0]:
        return {}
    return dict(connection.execute(named_query("applied_migrations")).fetchall())


def _is_recorded(connection: SyncConnection, migration: Migration, wanted: list[Migration]) -> bool:
    recorded = recorded_migrations(connection)
    unknown = recorded.keys() - {each.name for each in wanted}
    if unknown:
        raise MigrationError(
            f"The database has {min(unknown)}, which this version does not know; install the newer version again."
        )
    if recorded.get(migration.name, migration.sha256) != migration.sha256:
        raise MigrationError(
            f"{migration.name}.sql has changed since it was applied to this database; "
            "restore the file and put the change into a new file NNNN_verb_object.sql."
        )
    return migration.name in recorded


def _apply(connection: SyncConnection, wanted: list[Migration], index: int) -> Applied:
    migration = wanted[index]
    adopted = False
    try:
        with connection.transaction():
            connection.execute(migration.body.encode())
    except _ALREADY_THERE as error:
        _check_same(connection, wanted, index, error)
        adopted = True
    connection.execute(named_query("create_schema_migrations"))
    connection.execute(
        named_query("insert_schema_migration"),
        {"name": migration.name, "sha256": migration.sha256},
    )
    return Applied(name=migration.name, adopted=adopted)


def _check_same(
    connection: SyncConnection, wanted: list[Migration], index: int, error: psycopg.Error
) -> None:
    """Refuse to adopt tables that are neither what this file makes of them nor what all files together do."""
    scripts = [each.body for each in wanted]
    before = expected_catalog(connection, scripts[:index])
    after = expected_catalog(connection, scripts[: index + 1])
    final = expected_catalog(connection, scripts)
    actual = read_catalog(connection)
    other = [
        entry
        for entry, definition in after.items()
        if before.get(entry) != definition
        and actual.get(entry) not in (definition, final.get(entry))
    ]
    if other:
        there = {entry.table for entry in actual}
        first = min(other, key=lambda entry: (entry.table not in there, entry))
        raise MigrationError(
            f"{wanted[index].name}.sql cannot be applied: {error.diag.message_primary}, and what is there differs from "
            f"the file ({first}); use an empty database, or move those tables away."
        ) from error


@contextmanager
def _told(migration: Migration, url: str) -> Iterator[None]:
    try:
        yield
    except psycopg.OperationalError:
        raise  # the connection, not the file
    except psycopg.Error as error:
        raise MigrationError(
            f"{migration.name}.sql could not be applied to {address(url)}: {error.diag.message_primary or error}; "
            "nothing of it remains."
        ) from error
