"""Turns the signals that mean "stop" into one KeyboardInterrupt, and every further one into haste."""

import signal
from types import FrameType
from typing import Any, Self

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `down` and init systems, a terminal that was closed."""


class Interrupts:
    """Signal handling while the supervisor lives; the earlier handlers come back at its end."""

    def __init__(self) -> None:
        self._stopping = False
        self._hurry = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in STOP_SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """From here on nothing is interrupted any more: the supervisor is stopping."""
        self._stopping = True

    def hurry(self) -> bool:
        """Whether somebody asked again while stopping."""
        return self._hurry

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._stopping:
            self._hurry = True
            return
        self._stopping = True
        raise KeyboardInterrupt
