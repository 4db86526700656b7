"""Other engines beside ours, each in a process of its own virtual environment, asked for one shape at a time."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

PEERS = {"dbos": "DBOS on PostgreSQL", "prefect": "Prefect, its server on SQLite"}
"""By the name `--peer` uses. Each has its script beside this file."""


def parse_peer(text: str) -> tuple[str, Path]:
    """NAME=PYTHON of one `--peer`, PYTHON being the interpreter of an environment the peer is installed in."""
    name, _, python = text.partition("=")
    if name not in PEERS or not Path(python).is_file():
        raise SystemExit(f"--peer is one of {', '.join(PEERS)}, =, and a Python; not '{text}'")
    return name, Path(python)


@contextmanager
def running_peers(
    given: Mapping[str, Path], url: str
) -> Iterator[dict[str, Callable[[str], None]]]:
    """Start the peers given; each is a function that runs a shape."""
    with ExitStack() as stack:
        yield {
            PEERS[name]: stack.enter_context(_running(name, python, url))
            for name, python in given.items()
        }


@contextmanager
def _running(name: str, python: Path, url: str) -> Iterator[Callable[[str], None]]:
    script = Path(__file__).parent / f"peer_{name}.py"
    process = subprocess.Popen(
        [str(python), str(script), url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    asked, answers = process.stdin, process.stdout
    if asked is None or answers is None or answers.readline() != "ready\n":
        raise SystemExit(f"{PEERS[name]} did not start")

    def run(shape: str) -> None:
        print(shape, file=asked, flush=True)
        if not answers.readline():
            raise SystemExit(f"{PEERS[name]} ended in the middle of {shape}")

    try:
        yield run
    finally:
        asked.close()
        process.wait(60)
