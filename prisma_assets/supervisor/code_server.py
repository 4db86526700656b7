"""The process that holds the definitions: Dagster's gRPC server. It starts no runs; those are the run server's."""

from pathlib import Path

from prisma_assets.platform.local import DEFINITIONS
from resources.dagster_home import LOCATION_NAME


def serve(socket_path: str) -> None:
    """Answer on the socket until told to stop."""
    import dagster._grpc.server as grpc_server
    from dagster._cli.api import grpc_command

    from prisma_assets.supervisor.reload import ReloadingServer

    # The command takes its class by this name (dagster/_cli/api.py).
    grpc_server.DagsterApiServer = ReloadingServer  # type: ignore[misc]
    Path(socket_path).unlink(missing_ok=True)
    options = {
        "--socket": socket_path,
        "--module-name": DEFINITIONS,
        "--location-name": LOCATION_NAME,
    }
    flags = ["--empty-working-directory", "--use-python-environment-entry-point"]
    words = [word for pair in options.items() for word in pair]
    grpc_command.main([*words, *flags], standalone_mode=False)
