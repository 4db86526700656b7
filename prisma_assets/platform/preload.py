"""Imported by the process that servers and runs are forked from, before its first fork; by nothing else.

The one module that acts on import: Python's fork server offers no other moment before its loop.
Measured: a run that imports for itself needs 4.2 s of processor time to its first step, a forked one 0.35-0.5 s.
Nothing here or in what it imports may open connections or start threads: forks would share the ones and lack the others.
(The one thread of OpenBLAS is stopped and started round each fork by OpenBLAS.)
"""

import gc
import importlib
import os
import pkgutil
import signal
import traceback
from functools import partial

from prisma_assets.platform.lifetime import die_with_parent, show_as

LIBRARIES = (
    "dagster",
    "dagster_postgres",
    "dagster._cli.api",
    "dagster._core.instance.factory",
    "dagster._daemon.controller",
    "dagster._grpc.impl",
    "dagster_webserver.app",
    "uvicorn",
    "anyio._backends._asyncio",
    "fsspec.implementations.local",
    "upath",
    "psycopg2",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "resources.dagster_storage",
    "prisma_assets.web.api",
    "prisma_assets.web.app",
)
"""What servers and runs import, much of it only when first used."""

PACKAGES = ("prisma_assets.engagement", "prisma_assets.agents.embedded")
"""Every module of these is what a step imports when it runs."""


def _import_everything() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{name}."):
            importlib.import_module(module.name)


def _build_definitions() -> None:
    """Forks inherit them; building them anew would cost each 0.2 s."""
    from prisma_assets.platform.code import (
        loaded_code,
    )  # Not before this process is tied to its parent.

    loaded_code()


# A group of its own: Ctrl-C at the terminal reaches the supervisor only, which then stops the rest in order.
os.setsid()
show_as("prisma nursery")
die_with_parent()
# Runs are ended at once, for one that is busy would go on unseen; the next start marks them. Servers ask for less.
os.register_at_fork(after_in_child=partial(die_with_parent, signal.SIGKILL))
# A shell that starts programs in the background has them ignore Ctrl-C, and so would every run.
signal.signal(signal.SIGINT, signal.default_int_handler)
for prepare in (_import_everything, _build_definitions):
    try:
        prepare()
    except Exception:  # noqa: BLE001 - whoever needs what is missing fails with the same error, in its own log
        traceback.print_exc()
gc.collect()
gc.freeze()  # Forks share these pages for as long as the collector does not touch them.
