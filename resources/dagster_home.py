"""The folder Dagster reads its settings from (DAGSTER_HOME), written anew at each start."""

import json
import os
from pathlib import Path
from typing import Any

from resources.run_socket import runs_socket

LOCATION_NAME = "prisma_assets"
"""Name of the code location in the UI; the state of sensors and schedules hangs on it."""

URL_VARIABLE = "PRISMA_DAGSTER_URL"
"""Environment variable that carries the storage address, so that no password is written to a file."""

_QUEUE_SECONDS = 1
"""How often the queue is looked at. Dagster's 5 s would be most of the wait for a first step (measured 1.6-6.1 s against 0.7-1.4 s)."""

_MONITOR_SECONDS = 15
"""How often runs are checked for their longest allowed time; a run's limit is minutes, and the default of 120 s doubles a short one."""


def write_dagster_home(home: Path) -> Path:
    """Write dagster.yaml under the data folder, whole or not at all, and return DAGSTER_HOME."""
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    # JSON is YAML; Dagster reads it the same and quoting is never in doubt.
    write_atomically(folder / "dagster.yaml", json.dumps(_settings(folder), indent=2) + "\n")
    return folder


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, so that a full disk or a kill leaves the old one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _settings(folder: Path) -> dict[str, Any]:
    return {
        "storage": {
            "custom": {
                "module": "resources.dagster_storage",
                "class": "PooledPostgresStorage",
                "config": {"postgres_url": {"env": URL_VARIABLE}},
            }
        },
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {"dequeue_interval_seconds": _QUEUE_SECONDS},
        },
        "run_launcher": {
            "module": "resources.run_launcher",
            "class": "ReadyRunLauncher",
            "config": {"socket": str(runs_socket(folder.parent))},
        },
        # max_runtime of a run is enforced by the monitor only.
        "run_monitoring": {"enabled": True, "poll_interval_seconds": _MONITOR_SECONDS},
        "compute_logs": {
            "module": "dagster.core.storage.local_compute_log_manager",
            "class": "LocalComputeLogManager",
            "config": {"base_dir": str(folder / "compute_logs")},
        },
        "local_artifact_storage": {
            "module": "dagster.core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": str(folder)},
        },
        # A slow sensor must not hold up the others.
        "schedules": {"use_threads": True, "num_workers": 4},
        "sensors": {"use_threads": True, "num_workers": 4},
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},  # The first-visit pop-up asks for an e-mail address.
    }
