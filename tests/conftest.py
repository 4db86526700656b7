"""Real parts for every suite: one embedded PostgreSQL per session, a fresh migrated database per test."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from prisma_assets.settings import Settings
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import ServerUrls, running_server

_NUMBERS = count(1)

NewDatabase = Callable[[str | None], AbstractContextManager[str]]


def on_database(url: str, name: str) -> str:
    """The same server and login, another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="session")
def server() -> Iterator[ServerUrls]:
    """The embedded server, in a home of its own that goes when the session ends."""
    # Not pytest's own temporary folder: it is closed to the account the server runs as when root tests.
    with (
        tempfile.TemporaryDirectory(prefix="prisma-test-") as home,
        running_server(Settings(home=Path(home))) as urls,
    ):
        with psycopg.connect(urls.prisma, autocommit=True) as connection:
            # Nothing here outlives the session, and a busy disk made each fresh database cost a second.
            connection.execute("alter system set fsync = off")
            connection.execute("select pg_reload_conf()")
        yield urls


@pytest.fixture(scope="session")
def _migrated(server: ServerUrls) -> str:
    """Name of a migrated database from which each test's database is copied, in a tenth of the time."""
    with psycopg.connect(server.prisma, autocommit=True) as connection:
        connection.execute("create database migrated")
    migrate(on_database(server.prisma, "migrated"))
    return "migrated"


@pytest.fixture(scope="session")
def new_database(server: ServerUrls) -> NewDatabase:
    """Makes a database, copied from the named one or empty, and drops it when its block ends."""

    @contextmanager
    def make(template: str | None) -> Iterator[str]:
        name = f"test_{next(_NUMBERS)}"
        options = f"template {template}" if template else ""
        with psycopg.connect(server.prisma, autocommit=True) as connection:
            connection.execute(f"create database {name} {options}")
            yield on_database(server.prisma, name)
            connection.execute(f"drop database {name} with (force)")

    return make


@pytest.fixture
def database_url(new_database: NewDatabase, _migrated: str) -> Iterator[str]:
    """URL of a fresh database with every migration applied; it is dropped after the test."""
    with new_database(_migrated) as url:
        yield url


@pytest.fixture
def empty_database_url(new_database: NewDatabase) -> Iterator[str]:
    """URL of a fresh database with nothing in it; it is dropped after the test."""
    with new_database(None) as url:
        yield url
