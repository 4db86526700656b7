"""The process that starts queued runs and ticks sensors and schedules: Dagster's daemon on our code server."""

from datetime import datetime
from typing import TYPE_CHECKING

from prisma_assets.platform.standby import SERVER_TAG
from resources.code_location import wait_for_code_server
from resources.dagster_home import LOCATION_NAME

if TYPE_CHECKING:
    from dagster import DagsterInstance


def serve(
    socket_path: str, run_server: str, *, start_seconds: float, supervised_since: datetime
) -> None:
    """End the runs an earlier supervisor lost, then run the daemons until told to stop."""
    import dagster as dg
    from dagster._core.workspace.load_target import GrpcServerTarget
    from dagster._daemon.controller import daemon_controller_from_instance
    from dagster._utils.interrupts import capture_interrupts

    wait_for_code_server(socket_path, seconds=start_seconds)
    target = GrpcServerTarget(
        host="localhost", port=None, socket=socket_path, location_name=LOCATION_NAME
    )
    try:
        with capture_interrupts(), dg.DagsterInstance.get() as instance:
            fail_lost_runs(instance, run_server, before=supervised_since)
            with daemon_controller_from_instance(
                instance, workspace_load_target=target
            ) as controller:
                controller.check_daemon_loop()
    except KeyboardInterrupt:
        return


def fail_lost_runs(instance: "DagsterInstance", run_server: str, *, before: datetime) -> None:
    """Mark runs whose process died with an earlier supervisor (a kill, a power cut) as failed.

    Nobody else would: their process is gone, and Dagster's monitor cannot ask this launcher about it. Left alone they
    show as running for ever and each holds a place in the queue.
    """
    import dagster as dg

    unfinished = [
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    lost = dg.RunsFilter(statuses=unfinished, created_before=before, tags={SERVER_TAG: run_server})
    for run in instance.get_runs(lost):
        instance.report_run_failed(
            run, "The process of this run ended with the supervisor that started it."
        )
