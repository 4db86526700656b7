"""Keeps the last engagement folders in memory, so that the steps of a run read their books once."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from threading import Lock

from prisma_assets.agents.heartbeat import beat
from prisma_assets.engagement.folder import EngagementFolder

FOLDERS_KEPT = 2
"""A run works on one folder; a second one lets two runs of a process alternate. Each may hold hundreds of megabytes."""

SIGN_OF_LIFE_SECONDS = 10.0
"""Between two beats while waiting; heartbeats of templates are minutes."""

Signature = tuple[tuple[str, int, int, int], ...]
"""Path, size, time of change and inode of every file: equal signatures mean that nobody wrote to the folder."""


class FolderCache:
    """Folders by path and state. Threads that ask for the same folder at once share one reading."""

    def __init__(
        self, read: Callable[[Path], EngagementFolder], *, folders: int = FOLDERS_KEPT
    ) -> None:
        """Remember how folders are read.

        Args:
            read: Reads a folder; its errors go to everybody who waits for it, and the next caller tries again.
            folders: Folders kept; the one unused the longest goes first.
        """
        self._read = read
        self._folders = folders
        self._lock = Lock()
        self._readings: OrderedDict[tuple[Path, Signature], Future[EngagementFolder]] = (
            OrderedDict()
        )

    def get(self, folder: Path) -> EngagementFolder:
        """The folder as it stands; read again once somebody wrote to it."""
        key = (folder, _signature(folder))
        with self._lock:
            reading = self._readings.get(key)
            is_mine = reading is None
            if reading is None:
                reading = self._readings[key] = Future()
            self._readings.move_to_end(key)
            while len(self._readings) > self._folders:
                self._readings.popitem(last=False)
        if is_mine:
            self._fulfil(key, reading)
        # Who waits for another's reading is at work as long as that one is.
        while not reading.done():
            wait([reading], timeout=SIGN_OF_LIFE_SECONDS)
            beat()
        return reading.result()

    def _fulfil(self, key: tuple[Path, Signature], reading: Future[EngagementFolder]) -> None:
        try:
            reading.set_result(self._read(key[0]))
        except BaseException as error:  # noqa: BLE001 - handed to everybody who waits, raised by `result`
            with self._lock:
                if self._readings.get(key) is reading:
                    del self._readings[key]
            reading.set_exception(error)


def _signature(folder: Path) -> Signature:
    """State of the folder's files, without opening them: hashing all of them at every step would cost more than the step."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        state = path.stat()
        found.append((str(path), state.st_size, state.st_mtime_ns, state.st_ino))
    return tuple(found)
