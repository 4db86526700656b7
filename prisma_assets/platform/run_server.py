"""The process that keeps runs ready: it forks processes ahead of need and hands each the connection of one client.

It has one thread and forks itself, so a run begins with everything imported. What a run does is `standby`.
"""

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from prisma_assets.platform.code import renewed
from prisma_assets.platform.lifetime import show_as
from prisma_assets.platform.standby import stand_by

logger = logging.getLogger(__name__)

SPARE = 2
"""Processes ready and waiting: two launches in the same second both start at once. Each holds one connection and 30 MB of its own."""

MOST_RUNS = 24
"""Runs at a time; further ones wait. Each takes up to six connections, and the embedded server has 200."""

REFILL_SECONDS = 0.7
"""Getting ready takes half a second of processor time, which the run that has just begun would miss."""

RECOVER_SECONDS = 5.0
"""Pause after a process died while it got ready: the database is down, and trying without end would fill the log."""

STOP_SECONDS = 4.0
"""How long runs get to cancel when this process is told to stop; the supervisor waits 5 s."""

_TICK_SECONDS = 0.2
_BACKLOG = 1024
"""Clients that wait for a place. The kernel keeps them, in order."""


@dataclass
class _Standby:
    pid: int
    channel: socket.socket


@dataclass
class RunServer:
    """Keeps processes ready and hands connections to them."""

    socket_path: str
    warm: bool = True
    """False: each process starts a fresh Python instead of being forked as it stands."""
    lifeline: int | None = None
    """A descriptor whose end means that whoever needs this process is gone."""
    _ready: deque[_Standby] = field(default_factory=deque)
    _busy: set[int] = field(default_factory=set)
    _renew_at: float = 0.0
    """When next to look after the ready ones; the processor may be needed for something else until then."""

    def serve(self) -> None:
        """Answer until told to stop; the runs under way are cancelled then."""
        show_as("prisma runs")
        with self._listening() as listener, _stop_raises():
            try:
                while True:
                    self._reap()
                    self._renew()
                    waiting, _, _ = select.select(self._awaited(listener), [], [], _TICK_SECONDS)
                    if self.lifeline in waiting:
                        return
                    if waiting:
                        self._hand_over(listener)
            except KeyboardInterrupt:
                return
            finally:
                self._stop()

    @contextlib.contextmanager
    def _listening(self) -> Iterator[socket.socket]:
        new = Path(f"{self.socket_path}.new")
        new.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            before = os.umask(0o177)
            listener.bind(str(new))
            os.umask(before)
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            new.rename(self.socket_path)
            self._listener = listener
            yield listener

    def _awaited(self, listener: socket.socket) -> list[socket.socket | int]:
        clients: list[socket.socket | int] = [listener] if len(self._busy) < MOST_RUNS else []
        return clients if self.lifeline is None else [*clients, self.lifeline]

    def _hand_over(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # It has gone again.
        with connection:
            while True:
                standby = self._ready.popleft() if self._ready else self._fork()
                try:
                    socket.send_fds(standby.channel, [b"."], [connection.fileno()])
                except OSError:
                    continue  # That one has died; the next takes it.
                finally:
                    standby.channel.close()
                break
        self._busy.add(standby.pid)
        self._renew_at = time.monotonic() + REFILL_SECONDS

    def _renew(self) -> None:
        """Keep enough processes ready, made from the templates as they are, when nothing more urgent is to do."""
        if time.monotonic() < self._renew_at:
            return
        if self.warm and self._built_anew():
            self._dismiss()
        if len(self._ready) < SPARE:
            self._ready.append(self._fork())
        if len(self._ready) == SPARE:
            self._renew_at = time.monotonic() + REFILL_SECONDS

    def _built_anew(self) -> bool:
        try:
            return renewed()
        except Exception:
            # Whoever orders a run builds for himself and hears why it fails.
            logger.exception("the definitions could not be built")
            self._renew_at = time.monotonic() + RECOVER_SECONDS
            return False

    def _dismiss(self) -> None:
        while self._ready:
            self._ready.popleft().channel.close()

    def _fork(self) -> _Standby:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_standby(ours, theirs)
        theirs.close()
        return _Standby(pid=pid, channel=ours)

    def _become_standby(self, ours: socket.socket, theirs: socket.socket) -> None:
        code = 1
        try:
            for other in [ours, self._listener, *(s.channel for s in self._ready)]:
                other.close()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            show_as("prisma standby")
            if not self.warm:
                os.set_inheritable(theirs.fileno(), True)
                words = ["-m", "prisma_assets.platform.standby", str(theirs.fileno())]
                os.execv(sys.executable, [sys.executable, *words, self.socket_path])  # noqa: S606 - our own Python
            stand_by(theirs, self.socket_path)
            code = 0
        except BaseException:
            logger.exception("a process for runs broke off")
        finally:
            logging.shutdown()
            os._exit(code)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._busy.discard(ended)
                for standby in [s for s in self._ready if s.pid == ended]:
                    self._ready.remove(standby)
                    standby.channel.close()
                    self._renew_at = time.monotonic() + RECOVER_SECONDS

    def _stop(self) -> None:
        self._dismiss()
        for pid in self._busy:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._busy and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.02)


@contextlib.contextmanager
def _stop_raises() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        # Once: what is being stopped already must not be interrupted.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    yield


def serve(socket_path: str, *, warm: bool) -> None:
    """Answer on the socket until told to stop."""
    RunServer(socket_path, warm=warm).serve()


if (
    __name__ == "__main__"
):  # For a program that is not the product: its socket, until standard input ends.
    import prisma_assets.platform.preload  # noqa: F401 - acts on import

    RunServer(sys.argv[1], lifeline=sys.stdin.fileno()).serve()
