"""How a peer's process answers the benchmark: a line with the shape's name comes in, the seconds it took go out.

Runs in the peer's own virtual environment, so it knows the standard library only.
"""

import sys
import time
from collections.abc import Callable, Mapping

WAIT_SECONDS = 0.2
WIDTH = 12
CHAIN = WIDTH + 2


def answer(shapes: Mapping[str, Callable[[], None]]) -> None:
    """Say that all is ready, then run what is asked for until nothing more is."""
    out, sys.stdout = sys.stdout, sys.stderr  # What the peer prints is not an answer.
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        shapes[line.strip()]()
        print(time.perf_counter() - began, file=out, flush=True)
