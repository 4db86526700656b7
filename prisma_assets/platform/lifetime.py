"""Ties a process to the one that started it, so that none outlives a supervisor that was killed."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when its parent ends."""

_PR_SET_NAME = 15
"""prctl(2): the name `ps` and `top` show, at most 15 bytes."""

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(how: signal.Signals = signal.SIGTERM) -> None:
    """Ask for a signal when the parent ends; does nothing where the system has no such call."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, how)


def show_as(name: str) -> None:
    """Let process lists show what this is; forked processes otherwise all look the same."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_NAME, name.encode()[:15])
