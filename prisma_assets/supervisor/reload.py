"""The code server that loads its definitions anew: when the UI asks it to, and when a template file has changed.

Dagster's own answers a reload with a warning (`dagster api grpc`) or by a new process that imports everything (`dagster
code-server`). Imported by the code server only.
"""

import threading
import uuid
from typing import Any

from dagster._grpc.__generated__ import dagster_api_pb2
from dagster._grpc.server import DagsterApiServer, LoadedRepositories

from prisma_assets.domain.errors import PrismaError
from prisma_assets.platform.code import templates_sha256
from resources.dagster_home import LOCATION_NAME

FOLLOW_SECONDS = 1.0
"""How often the template files are looked at, in under a millisecond. Runs and the command line read them as they are; the
longer the code server does not, the longer it asks for jobs by a name that means something else to them."""


class ReloadingServer(DagsterApiServer):
    """Dagster's gRPC server with a reload that reloads. The web server and the daemon see its id change and ask again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._read = _templates()
        super().__init__(*args, **kwargs)
        threading.Thread(target=self._follow, name="templates", daemon=True).start()

    def ReloadCode(  # noqa: N802 - gRPC's name
        self, _request: dagster_api_pb2.ReloadCodeRequest, _context: Any
    ) -> dagster_api_pb2.ReloadCodeReply:
        """Answer the button Reload; what goes wrong is shown beside it."""
        self.reload()
        return dagster_api_pb2.ReloadCodeReply()

    def reload(self) -> None:
        """Load the definitions anew; those loaded before answer until then, and afterwards if it fails."""
        with self._reload_lock:
            self._read = _templates()  # Before loading: what changes meanwhile is loaded next.
            self._loaded_repositories = LoadedRepositories(
                self._loadable_target_origin,
                entry_point=self._entry_point,
                container_image=self._container_image,
                container_context=self._container_context,
                code_location_name=LOCATION_NAME,
            )
            self._serializable_load_error = None
            self._server_id = str(uuid.uuid4())

    def _follow(self) -> None:
        before = self._read
        while not self._server_termination_event.wait(FOLLOW_SECONDS):
            now = _templates()
            # Seen the same twice: an editor may still be writing.
            if now != self._read and now == before:
                self._reload_alone()
            before = now

    def _reload_alone(self) -> None:
        try:
            self.reload()
        except Exception:
            self._logger.exception(
                "the templates have changed, and the definitions could not be loaded anew"
            )
        else:
            self._logger.info("the templates have changed; the definitions were loaded anew")


def _templates() -> str:
    try:
        return templates_sha256()
    except (PrismaError, OSError) as error:  # The folder is gone; that is a state of its own.
        return str(error)
