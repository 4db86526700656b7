"""The database server the product works with: the one DATABASE_URL names, or the embedded one under PRISMA_HOME."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings
from prisma_assets.store.catalog import SyncConnection
from prisma_assets.store.database import address
from prisma_assets.store.embedded import EmbeddedServer
from prisma_assets.store.embedded_postmaster import living_postmaster
from prisma_assets.store.migrate import connected
from prisma_assets.store.named_query import named_query

OLDEST, NEWEST = 15, 18
"""PostgreSQL versions the product is tested with; 15 is the first with UNIQUE NULLS NOT DISTINCT."""
DAGSTER_OPTIONS = "-csearch_path=dagster -csynchronous_commit=off"
"""Dagster's tables have a schema of their own. Its events need not outlive a power cut of the last 0.6 s: what a step
concluded is ours, and committed for good."""


@dataclass(frozen=True, kw_only=True)
class ServerUrls:
    """How to reach the database. Both hold the password and do not show it when printed."""

    prisma: str = field(repr=False)
    """For psycopg, psql and our own tables."""
    dagster: str = field(repr=False)
    """For SQLAlchemy and Dagster's storage: the same database, schema `dagster`."""


@contextmanager
def running_server(settings: Settings) -> Iterator[ServerUrls]:
    """Give the URLs of a database that answers, for as long as the block lasts.

    With DATABASE_URL the server is somebody else's and only checked. Without it the embedded server is started, or
    joined when it runs, and stopped by the last process that leaves.

    Raises:
        InputError: DATABASE_URL cannot be read, or names a PostgreSQL of another version.
        DatabaseUnavailableError: the server DATABASE_URL names does not answer.
        EmbeddedServerError: the embedded server cannot be made or started.
    """
    if settings.database_url is not None:
        yield _prepared(settings.database_url)
    else:
        with EmbeddedServer(settings.home).in_use() as url:
            yield _prepared(url)


def is_running(settings: Settings) -> bool:
    """Whether there is a database that `running_server` need not start."""
    if settings.database_url is not None:
        return True
    return living_postmaster(settings.home.resolve() / "postgres") is not None


def revive(settings: Settings) -> bool:
    """Start the embedded server again if it died; call it while `running_server` holds it.

    Returns:
        True: it was dead and answers again, on the port it had.

    Raises:
        EmbeddedServerError: it cannot be started.
    """
    if is_running(settings):
        return False
    # Joining starts it; leaving does not stop what the caller still uses.
    with EmbeddedServer(settings.home).in_use():
        return True


def _prepared(url: str) -> ServerUrls:
    where = address(url)
    with connected(url) as connection:
        version = connection.info.server_version // 10_000
        if not OLDEST <= version <= NEWEST:
            raise InputError(
                f"DATABASE_URL names PostgreSQL {version} at {where}; use version {OLDEST} to {NEWEST}."
            )
        _make_schema(connection, where)
    return ServerUrls(prisma=url, dagster=dagster_url(url))


def _make_schema(connection: SyncConnection, where: str) -> None:
    exists = connection.execute(named_query("schema_dagster_exists")).fetchone()
    if exists is not None and exists[0]:
        return  # asking to create it again would need a right the user may not have
    try:
        connection.execute(named_query("create_schema_dagster"))
    except psycopg.errors.UniqueViolation:
        return  # another process was faster
    except psycopg.errors.InsufficientPrivilege as error:
        raise InputError(
            f"The user of DATABASE_URL may not create the schema dagster in {where}; grant it CREATE on the "
            "database, or create the schema and make the user its owner."
        ) from error


def dagster_url(url: str) -> str:
    """Write a libpq URL or parameter list in SQLAlchemy's form, for Dagster's driver and schema.

    A bare `postgresql://` would be psycopg 3 to SQLAlchemy 2.1, on which Dagster's first event fails.
    """
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    user, password = parts.pop("user", ""), parts.pop("password", "")
    database = parts.pop("dbname", "")
    parts["options"] = f"{parts.get('options', '')} {DAGSTER_OPTIONS}".strip()
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    # Host and port go into the query, where sockets, lists of hosts and IPv6 addresses need no forms of their own.
    return (
        f"postgresql+psycopg2://{login}{'@' if login else ''}/{quote(database, safe='')}"
        f"?{urlencode(parts, quote_via=quote)}"
    )
