"""Imported by the process that servers and runs are forked from, before its first fork; by nothing else.

The one module that acts on import: Python's fork server offers no other moment before its loop.
Measured: a run that imports for itself needs 4.2 s of processor time to its first step, a forked one 0.35-0.5 s.
Nothing here or in what it imports may open connections or start threads of its own: forks would share them.
"""

import gc
import importlib
import os
import signal
import traceback
from functools import partial

from prisma_assets.supervisor.lifetime import die_with_parent, show_as

MODULES = (
    "dagster",
    "dagster_postgres",
    "dagster._cli.api",
    "dagster._daemon.controller",
    "dagster_webserver.app",
    "uvicorn",
    "resources.dagster_storage",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "prisma_assets.web.app",
    "prisma_assets.definitions",
)

# A group of its own: Ctrl-C at the terminal reaches the supervisor only, which then stops the rest in order.
os.setsid()
show_as("prisma nursery")
die_with_parent()
# Runs are ended at once, for one that is busy would go on unseen; the next start marks them. Servers ask for less.
os.register_at_fork(after_in_child=partial(die_with_parent, signal.SIGKILL))
# A shell that starts programs in the background has them ignore Ctrl-C, and so would every run.
signal.signal(signal.SIGINT, signal.default_int_handler)
for module in MODULES:
    try:
        importlib.import_module(module)
    except Exception:  # noqa: BLE001 - whoever needs the module fails with the same error, in its own log
        traceback.print_exc()
gc.collect()
gc.freeze()  # Forks share these pages for as long as the collector does not touch them.
