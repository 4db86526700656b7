"""What a database holds and what it should hold, definition by definition. Judging the difference belongs to the callers."""

from typing import Any, NamedTuple

import psycopg

from prisma_assets.store.named_query import named_query

SyncConnection = psycopg.Connection[Any]


class Entry(NamedTuple):
    """One thing the catalog knows: a table, or a column, constraint, index or trigger of it."""

    table: str
    kind: str
    """`table`, `column`, `constraint`, `index` or `trigger`."""
    name: str
    """Empty for the table itself."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.table}" if self.name else f"table {self.table}"


Catalog = dict[Entry, str]
"""Definition of every entry, as PostgreSQL writes it."""


def read_catalog(connection: SyncConnection) -> Catalog:
    """Read the definitions in the connection's current schema."""
    rows = connection.execute(named_query("catalog")).fetchall()
    return {Entry(table, kind, name): definition for table, kind, name, definition in rows}


def expected_catalog(connection: SyncConnection, scripts: list[str]) -> Catalog:
    """Read the definitions that scripts of DDL produce, without leaving a trace.

    They are built in a schema of their own inside a transaction that is rolled back, so that the comparison is with
    what this very server makes of them: PostgreSQL versions word the same definition differently.

    Args:
        connection: Not inside a transaction; its user may create a schema.
        scripts: DDL with unqualified names and no transaction commands.
    """
    with connection.transaction(force_rollback=True):
        connection.execute(named_query("enter_scratch_schema"))
        for script in scripts:
            connection.execute(script.encode())
        return read_catalog(connection)
