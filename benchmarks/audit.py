"""How long the audit of the sample takes, and what the code location costs to load.

    python -P benchmarks/audit.py [--runs 5] [--lines 60000]

Work is the sum of the steps' own time; wall time is the whole command, start of Python included. The limit is 10 s of work.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LIMIT_SECONDS = 10.0
LOAD = "import prisma_assets.definitions as d; d.defs()"
STEP_ONLY = ("pandas", "scipy", "pyarrow", "openpyxl")
"""Libraries that only a step needs: none of them may be there when the code location has loaded."""


def command(home: str, *words: str) -> str:
    """Run `prisma-assets` on a data folder of its own and give its standard output."""
    environ = {**os.environ, "PRISMA_HOME": home}
    done = subprocess.run(
        [sys.executable, "-m", "prisma_assets.cli", *words],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(
            f"prisma-assets {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}"
        )
    return done.stdout


def audit(home: str, folder: Path) -> tuple[float, float, dict[str, float]]:
    """One audit: seconds of work, seconds of wall time, seconds by step."""
    began = time.perf_counter()
    words = [
        "run",
        "annual_audit",
        "--engagement",
        str(folder),
        "--sign-offs",
        str(folder / "sign_offs.yaml"),
        "--json",
    ]
    answer = json.loads(command(home, *words))
    wall = time.perf_counter() - began
    if answer["status"] != "COMPLETED":
        raise SystemExit(f"the audit ended {answer['status']}")
    steps = {s["step_id"]: (s["duration_ms"] or 0) / 1000 for s in answer["steps"]}
    return sum(steps.values()), wall, steps


def load() -> tuple[float, list[str]]:
    """Seconds to import and build the definitions in a fresh process, and the step-only libraries that came along."""
    code = (
        "import sys, time; t = time.perf_counter(); " + LOAD + "; print(time.perf_counter() - t, "
        f"*[m for m in {STEP_ONLY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    seconds, *found = done.stdout.split()
    return float(seconds), found


def slowest_imports(limit: int = 8) -> list[tuple[str, float]]:
    """Top packages by their own import time in seconds, from `python -X importtime`."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-X", "importtime", "-c", LOAD],
        capture_output=True,
        text=True,
        check=True,
    )
    own: dict[str, float] = {}
    for line in done.stderr.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[0].strip().isdigit():
            package = parts[2].strip().split(".")[0]
            own[package] = own.get(package, 0.0) + int(parts[0]) / 1e6
    return sorted(own.items(), key=lambda pair: -pair[1])[:limit]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lines", type=int, default=60_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "sample"
        written = json.loads(
            command(home, "sample", str(folder), "--lines", str(options.lines), "--json")
        )
        results = [audit(home, folder) for _ in range(options.runs)]
    work = np.median([r[0] for r in results])
    wall = np.median([r[1] for r in results])
    print(f"audit of {written['ledger_lines']:,} ledger lines, medians of {options.runs} runs\n")
    print("| what | seconds | share of the limit |\n|---|---|---|")
    print(f"| work of all steps | {work:.2f} | {work / LIMIT_SECONDS:.2f} |")
    print(f"| the whole command | {wall:.2f} | {wall / LIMIT_SECONDS:.2f} |")
    by_step = {i: np.median([r[2][i] for r in results]) for i in results[0][2]}
    for step_id, seconds in sorted(by_step.items(), key=lambda pair: -pair[1])[:4]:
        print(f"| step {step_id} | {seconds:.2f} | |")
    loads = [load() for _ in range(options.runs)]
    found = sorted({name for _, names in loads for name in names})
    print(
        f"\ncode location: {np.median([s for s, _ in loads]):.2f} s to load; step-only libraries loaded: {', '.join(found) or 'none'}\n"
    )
    print("| import | own seconds |\n|---|---|")
    for package, seconds in slowest_imports():
        print(f"| {package} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
