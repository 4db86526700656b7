"""The embedded server: shared by every process of a home, stopped by the last, sound after whatever kills a part."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from prisma_assets.store import embedded
from prisma_assets.store.embedded import EmbeddedServer
from prisma_assets.store.embedded_account import EmbeddedServerError, account_for, programs
from prisma_assets.store.embedded_postmaster import living_postmaster

USER = """
import sys
from pathlib import Path
from prisma_assets.store.embedded import EmbeddedServer
with EmbeddedServer(Path(sys.argv[1])).in_use() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A home outside pytest's folders, which are closed to the account the server runs as when root tests."""
    with tempfile.TemporaryDirectory(prefix="prisma-test-") as folder:
        yield Path(folder) / "home"


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A home that does not exist yet."""
    with temporary_home() as home:
        yield home


@pytest.fixture(scope="session")
def _made_home() -> Iterator[Path]:
    with temporary_home() as home:
        with EmbeddedServer(home).in_use():
            pass
        yield home


@pytest.fixture
def home(_made_home: Path) -> Iterator[Path]:
    """A home whose server was made and stopped before; a copy costs a twentieth of making one."""
    with temporary_home() as home:
        subprocess.run(["cp", "-a", _made_home, home], check=True)
        yield home
        assert EmbeddedServer(home).stop_if_unused()


@contextmanager
def another_process(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A second process that uses the server until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql://")
        yield process


def is_running(home: Path) -> bool:
    return living_postmaster(home.resolve() / "postgres") is not None


def run(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def test_server_starts_keeps_its_data_and_stops(new_home):
    with EmbeddedServer(new_home).in_use() as url:
        run(url, "create table kept as select 1 as x")
        assert run(url, "select current_database()") == "prisma"
        assert run(url, "show server_version").startswith("18")
        assert run(url, "show max_connections") == "200"
    assert not is_running(new_home)

    with EmbeddedServer(new_home).in_use() as again:
        assert again == url  # an address somebody still holds stays right
        assert run(again, "select x from kept") == 1
    assert sorted(path.name for path in new_home.iterdir()) == [
        "postgres",
        "postgres.start",
        "postgres.users",
    ]


def test_server_asks_for_a_password(home):
    """Trust on loopback would let every account of the machine in as superuser."""
    with (
        EmbeddedServer(home).in_use() as url,
        pytest.raises(psycopg.OperationalError, match="password"),
    ):
        psycopg.connect(url.replace(url.split("@")[0], "postgresql://prisma:guess"))


def test_server_stays_until_the_last_user_leaves(home):
    with another_process(home) as other:
        with EmbeddedServer(home).in_use():
            pass
        assert is_running(home)

        other.communicate()
    assert not is_running(home)


def test_killed_user_leaks_nothing(home):
    """A count of process ids would keep the server for ever; and nobody is left to stop it but the next."""
    with EmbeddedServer(home).in_use(), another_process(home) as other:
        other.kill()
    assert not is_running(home)


def test_server_whose_only_user_was_killed_can_be_stopped(home):
    with another_process(home) as other:
        assert not EmbeddedServer(home).stop_if_unused()
        other.kill()
    assert is_running(home)

    assert EmbeddedServer(home).stop_if_unused()
    assert not is_running(home)


def test_many_processes_at_once_start_one_server(new_home):
    command = [sys.executable, "-c", USER, str(new_home)]
    users = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    urls = {user.stdout.readline() for user in users}

    assert len(urls) == 1
    assert run(urls.pop().strip(), "select count(*) from pg_database where datname = 'prisma'") == 1
    for user in users:
        assert is_running(new_home)
        user.communicate()
    assert not is_running(new_home)


def test_server_recovers_from_a_killed_postmaster(home):
    with another_process(home):
        with EmbeddedServer(home).in_use() as url:
            run(url, "create table kept as select 1 as x")
            os.kill(living_postmaster(home / "postgres").pid, signal.SIGKILL)

        with EmbeddedServer(home).in_use() as again:
            assert run(again, "select x from kept") == 1


def test_unreaped_postmaster_does_not_count_as_alive(home):
    """In a container whose first process does not reap, a killed postmaster stays a zombie for ever."""
    dead = subprocess.Popen(["true"])
    while Path(f"/proc/{dead.pid}/stat").read_text().split()[2] != "Z":
        time.sleep(0.01)
    (home / "postgres" / "postmaster.pid").write_text(
        f"{dead.pid}\n{home}/postgres\n1\n5432\n\n127.0.0.1\n1 1\nready\n"
    )

    with EmbeddedServer(home).in_use() as url:
        assert run(url, "select 1") == 1
    dead.wait()


def test_number_reused_by_another_process_does_not_count_as_alive(home):
    (home / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{home}/postgres\n")

    with EmbeddedServer(home).in_use() as url:
        assert run(url, "select 1") == 1


def test_interrupted_creation_is_done_again(new_home):
    (new_home / "postgres.new" / "base").mkdir(parents=True)
    (new_home / "postgres.new" / "PG_VERSION").write_text("18\n")
    (new_home / "postgres.new.password").write_text("old")

    with EmbeddedServer(new_home).in_use() as url:
        assert run(url, "select 1") == 1
    assert not (new_home / "postgres.new").exists()


def test_taken_port_is_left_to_its_owner(home):
    import socket

    last = int((home / "postgres" / "prisma.port").read_text())
    with socket.create_server(("127.0.0.1", last)), EmbeddedServer(home).in_use() as url:
        assert f":{last}/" not in url


def test_full_disk_is_said_before_anything_is_made(new_home, monkeypatch):
    monkeypatch.setattr(embedded, "FREE_MB_TO_MAKE", 10**9)

    with (
        pytest.raises(EmbeddedServerError, match="is full: the embedded database needs"),
        EmbeddedServer(new_home).in_use(),
    ):
        pass

    assert sorted(path.name for path in new_home.iterdir()) == ["postgres.start", "postgres.users"]


def test_failed_creation_leaves_nothing(new_home, monkeypatch):
    monkeypatch.setattr(embedded, "_SETTINGS", {"max_connections": "many"})

    with (
        pytest.raises(
            EmbeddedServerError, match=r"cannot be made \(configuration file .* contains errors"
        ),
        EmbeddedServer(new_home).in_use(),
    ):
        pass

    assert sorted(path.name for path in new_home.iterdir()) == ["postgres.start", "postgres.users"]


def test_failed_start_says_why(home):
    with (home / "postgres" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'plenty'\n")

    with (
        pytest.raises(
            EmbeddedServerError, match=r"cannot start \(configuration file .* contains errors"
        ),
        EmbeddedServer(home).in_use(),
    ):
        pass


def test_home_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()

    with (
        pytest.raises(
            EmbeddedServerError, match=r"PRISMA_HOME .*/file/home cannot be used \(Not a directory"
        ),
        EmbeddedServer(tmp_path / "file" / "home").in_use(),
    ):
        pass


def test_folder_that_is_no_database_is_left_alone(new_home):
    (new_home / "postgres").mkdir(parents=True)
    (new_home / "postgres" / "my.txt").write_text("mine")

    with (
        pytest.raises(EmbeddedServerError, match="is not a PostgreSQL data folder"),
        EmbeddedServer(new_home).in_use(),
    ):
        pass

    assert (new_home / "postgres" / "my.txt").read_text() == "mine"


def test_error_of_the_user_of_the_server_passes_unchanged(home):
    with pytest.raises(FileNotFoundError, match="books"), EmbeddedServer(home).in_use():
        (home / "books.csv").read_text()

    assert not is_running(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_runs_the_server_as_another_account_that_may_only_pass(new_home):
    new_home.mkdir(mode=0o700)

    with EmbeddedServer(new_home).in_use():
        assert (new_home / "postgres").stat().st_uid == account_for(new_home / "postgres").uid != 0
        assert new_home.stat().st_mode & 0o777 == 0o701


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make another account's folder")
def test_root_leaves_an_ordinary_accounts_server_to_it(new_home):
    data = new_home / "postgres"
    data.mkdir(parents=True)
    os.chown(data, 12345, 12345)

    assert account_for(data).uid == 12345


def test_wheel_holds_the_programs_where_they_are_looked_for():
    """A new release of the wheel may move them; then this fails before a user's first start does."""
    told = subprocess.run(
        [programs() / "postgres", "--version"], capture_output=True, text=True, check=True
    )

    assert told.stdout.startswith("postgres (PostgreSQL) 18")
