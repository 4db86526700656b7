"""The Python API where nothing runs: it starts what it needs and leaves nothing behind."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from prisma_assets.engagement.sample.write import write_sample

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "python" / "run_a_workflow.py"


@pytest.mark.slow
def test_the_example_runs_alone_and_leaves_no_process():
    with tempfile.TemporaryDirectory(prefix="prisma-alone-") as folder:
        home = Path(folder) / "home"
        write_sample(Path(folder) / "sample", lines=8_000)
        ours = ("PRISMA_", "DAGSTER_", "DATABASE_URL")
        environ = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        done = subprocess.run(
            [sys.executable, EXAMPLE, Path(folder) / "sample"],
            env={**environ, "PRISMA_HOME": str(home)}, capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip
        left = [p for p in Path("/proc").glob("[0-9]*") if names(p, home)]

    assert done.returncode == 0, done.stderr
    assert "WAITING_APPROVAL: {'a02': ('PARTNER',)}" in done.stdout
    assert "WAITING_APPROVAL: {'a03': ('MANAGER',)}" in done.stdout
    assert "a02 COMPLETED" in done.stdout
    assert left == []


def names(process: Path, home: Path) -> bool:
    try:
        return os.fsencode(home) in (process / "environ").read_bytes()
    except OSError:
        return False
