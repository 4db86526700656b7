"""How Dagster has runs done: by the process that keeps some ready, which takes a tenth of the time a new one needs."""

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from dagster._core.launcher.base import LaunchRunContext, RunLauncher
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from resources.run_socket import RunOrder, order_run

TAKE_SECONDS = 60.0
"""How long a run waits for a process while all are busy, before Dagster shows it as failed to start."""


class ReadyRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Hands runs to the process that keeps some ready."""

    def __init__(self, socket_path: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # upstream has no types there
        self._socket_path = socket_path
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What dagster.yaml said."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """The shape of the `run_launcher.config` block of dagster.yaml."""
        return {"socket": str}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Build from that block."""
        return cls(config_value["socket"], inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand the run over; returns once a process has taken it."""
        order = RunOrder(run_id=context.dagster_run.run_id)
        order_run(self._socket_path, order, seconds=TAKE_SECONDS)

    def terminate(self, run_id: str) -> bool:
        """Ask the run to stop: its process, whichever that is, looks for this status."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return True
