"""The definitions as this process holds them: built once, built again when the templates they were made from have changed."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prisma_assets.engine.library import SHIPPED
from prisma_assets.platform.local import DEFINITIONS
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import RepositoryDefinition
    from dagster._core.definitions.job_base import IJob


@dataclass(frozen=True, kw_only=True)
class LoadedCode:
    """What the code location holds, and the templates it was made from."""

    repository: "RepositoryDefinition"
    sha256: str

    def has(self, job: str) -> bool:
        """Whether a job of that name is there, made from the templates as they are now."""
        return self.repository.has_job(job) and self.sha256 == templates_sha256()

    def job(self, name: str) -> "IJob":
        """The job of that name, to be run in this process.

        Raises:
            DagsterInvariantViolationError: There is none.
        """
        from dagster._core.definitions.job_base import InMemoryJob

        return InMemoryJob(self.repository.get_job(name))


_LOADED: list[LoadedCode] = []
"""One at most; processes forked from this one inherit it."""


def loaded_code(*, job: str | None = None) -> LoadedCode:
    """The definitions of this process, built when there are none yet, or none that fit.

    Args:
        job: One that must be there and up to date. Building takes 0.2 s, looking at the templates under a millisecond.
    """
    if not _LOADED or (job is not None and not _LOADED[0].has(job)):
        _LOADED[:] = [_build()]
    return _LOADED[0]


def renewed() -> bool:
    """Build the definitions again if the templates have changed since; whether that was so."""
    if _LOADED and _LOADED[0].sha256 == templates_sha256():
        return False
    _LOADED[:] = [_build()]
    return True


def templates_sha256() -> str:
    """Hash of every template file's name and content."""
    folders = [SHIPPED, *filter(None, [Settings.from_environ().templates])]
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            content = path.read_bytes()
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _build() -> LoadedCode:
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    sha256 = (
        templates_sha256()
    )  # Before the build: a file that changes meanwhile makes it stale, not current.
    repository = ReconstructableRepository.for_module(DEFINITIONS, "defs").get_definition()
    return LoadedCode(repository=repository, sha256=sha256)
