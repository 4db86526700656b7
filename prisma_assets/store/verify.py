"""Comparing a database with what this version expects: whatever is missing or altered, by name."""

from dataclasses import dataclass

from psycopg import errors

from prisma_assets.domain.errors import PrismaError
from prisma_assets.store.catalog import Catalog, expected_catalog, read_catalog
from prisma_assets.store.migrate import MIGRATIONS, connected, migrations, recorded_migrations


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing in which the database is not what it should be."""

    table: str
    """Table concerned; `schema_migrations` when it is about the record of applied files."""
    description: str
    """One sentence: what is wrong."""


class NotAllowedError(PrismaError):
    """The database user may not build the comparison."""


def verify(url: str) -> list[Problem]:
    """Name every table, column, constraint, index and trigger that is missing, altered or foreign to our tables.

    Tables that are not ours are ignored. Nothing is changed: the expected state is built and rolled back.

    Raises:
        DatabaseUnavailableError: the server cannot be reached.
        NotAllowedError: the user may not create a schema in the database.
    """
    schema = (MIGRATIONS / "schema.sql").read_text(encoding="utf-8")
    try:
        with connected(url) as connection:
            expected = expected_catalog(connection, [schema])
            actual = read_catalog(connection)
            recorded = recorded_migrations(connection)
    except errors.InsufficientPrivilege as error:
        raise NotAllowedError(
            f"The user of DATABASE_URL cannot verify the database ({error.diag.message_primary}); "
            "grant it CREATE on the database."
        ) from error
    return [*differences(expected, actual), *_migration_problems(recorded)]


def differences(expected: Catalog, actual: Catalog) -> list[Problem]:
    """Compare two catalogs, looking only at the tables of the expected one."""
    tables = {entry.table for entry in expected}
    missing_tables = tables - {entry.table for entry in actual}
    problems = [
        Problem(table=table, description=f"table {table} is missing") for table in missing_tables
    ]
    for entry in expected.keys() | actual.keys():
        if entry.table not in tables or entry.table in missing_tables:
            continue
        should, found = expected.get(entry), actual.get(entry)
        if found is None:
            text = f"{entry} is missing"
        elif should is None:
            text = f"{entry} does not belong there ({found})"
        elif should != found:
            text = f"{entry} is altered: it is ({found}) and should be ({should})"
        else:
            continue
        problems.append(Problem(table=entry.table, description=text))
    return sorted(problems, key=lambda problem: (problem.table, problem.description))


def _migration_problems(recorded: dict[str, str]) -> list[Problem]:
    texts = []
    known = migrations()
    for migration in known:
        if migration.name not in recorded:
            texts.append(
                f"{migration.name}.sql is not recorded as applied; run `prisma-assets migrate`"
            )
        elif recorded[migration.name] != migration.sha256:
            texts.append(f"{migration.name}.sql has changed since it was applied")
    for name in sorted(recorded.keys() - {migration.name for migration in known}):
        texts.append(f"{name} was applied by a newer version")
    return [Problem(table="schema_migrations", description=text) for text in texts]
