"""Which server the product uses, what it accepts, and how Dagster reaches it."""

import pytest
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict

from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings
from prisma_assets.store import server as server_module
from prisma_assets.store.database import DatabaseUnavailableError
from prisma_assets.store.server import ServerUrls, dagster_url, running_server


def settings(tmp_path, url: str) -> Settings:
    return Settings(home=tmp_path / "home", database_url=url)


def test_given_server_is_used_as_it_is_and_nothing_is_started(tmp_path, empty_database_url):
    with running_server(settings(tmp_path, empty_database_url)) as urls:
        assert urls.prisma == empty_database_url

    assert not (tmp_path / "home").exists()


def test_dagster_works_in_a_schema_of_its_own_without_waiting_for_the_disk(
    tmp_path, empty_database_url
):
    with running_server(settings(tmp_path, empty_database_url)) as urls:
        engine = sqlalchemy.create_engine(urls.dagster)
        with engine.connect() as connection:
            shown = [
                connection.execute(sqlalchemy.text(query)).scalar()
                for query in ("select current_schema()", "show synchronous_commit")
            ]
        engine.dispose()

    assert shown == ["dagster", "off"]


def test_dagster_makes_its_tables_in_that_schema_and_finds_them_again(tmp_path, empty_database_url):
    """Were a table looked for in another schema than it is made in, every second start would fail."""
    from dagster_postgres import DagsterPostgresStorage

    for _ in range(2):
        with running_server(settings(tmp_path, empty_database_url)) as urls:
            storage = DagsterPostgresStorage(urls.dagster, should_autocreate_tables=True)
            assert storage.run_storage.get_runs() == []

    engine = sqlalchemy.create_engine(urls.dagster)
    inspector = sqlalchemy.inspect(engine)
    assert {"runs", "event_logs", "alembic_version"} <= set(inspector.get_table_names("dagster"))
    assert inspector.get_table_names("public") == []
    engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:p%40ss%2Fw%3Ard@db.example:6543/my%20books?sslmode=require",
        "host=/run/postgresql dbname=books user=me",
        "postgresql://[::1]:5433/books",
        "postgresql://me@one:1,two:2/books?options=-cstatement_timeout%3D9",
        "dbname=books",
    ],
)
def test_dagster_url_reaches_the_same_database(url):
    """The URL goes through SQLAlchemy's parser and out to the driver with every part intact."""
    from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

    _, given = PGDialect_psycopg2().create_connect_args(sqlalchemy.make_url(dagster_url(url)))

    wanted = conninfo_to_dict(url)
    options = f"{wanted.pop('options', '')} -csearch_path=dagster -csynchronous_commit=off".strip()
    assert given.pop("options") == options
    given["dbname"] = given.pop("dbname", given.pop("database", None))
    assert {name: str(value) for name, value in given.items()} == wanted


def test_urls_do_not_show_their_password():
    urls = ServerUrls(prisma="postgresql://me:secret@db/x", dagster="secret")

    assert "secret" not in repr(urls)


@pytest.mark.parametrize(("oldest", "newest"), [(10, 17), (19, 20)])
def test_server_of_another_version_is_refused(
    tmp_path, monkeypatch, empty_database_url, oldest, newest
):
    """The one real server at hand is version 18, so the bounds move instead."""
    monkeypatch.setattr(server_module, "OLDEST", oldest)
    monkeypatch.setattr(server_module, "NEWEST", newest)

    with (
        pytest.raises(InputError, match=rf"PostgreSQL 18 at .*; use version {oldest} to {newest}"),
        running_server(settings(tmp_path, empty_database_url)),
    ):
        pass


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        pytest.param(
            "postgresql://me:secret@127.0.0.1:1/x",
            DatabaseUnavailableError,
            "Connection refused",
            id="down",
        ),
        pytest.param(
            "postgresql://me:sec ret@h/y z",
            InputError,
            "DATABASE_URL cannot be read",
            id="unreadable",
        ),
    ],
)
def test_server_that_cannot_be_used_is_named_without_its_password(tmp_path, url, error, message):
    with pytest.raises(error, match=message) as refused, running_server(settings(tmp_path, url)):
        pass

    assert "sec" not in str(refused.value)


def test_user_without_the_right_to_make_the_schema_is_told(tmp_path, empty_database_url):
    import psycopg

    with psycopg.connect(empty_database_url) as connection:
        connection.execute("create role guest login")
        (hashed,) = connection.execute(
            "select rolpassword from pg_authid where rolname = 'prisma'"
        ).fetchone()
        connection.execute(f"alter role guest password '{hashed}'")
    guest = empty_database_url.replace("//prisma:", "//guest:")

    with (
        pytest.raises(InputError, match="may not create the schema dagster"),
        running_server(settings(tmp_path, guest)),
    ):
        pass
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("drop role guest")
