"""The first start's sample: an engagement folder, one annual audit of it, and what came out. How either is made does not belong here."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from prisma_assets.settings import Settings
from resources.dagster_home import write_atomically

TEMPLATE = "annual_audit"
OPINION_STEP = "a12"

_UNFINISHED = ("FAILED", "CANCELLED")

_MARKER = "sample_audit.json"
"""Written when the audit has finished: what is there is not done again."""


@dataclass(frozen=True, kw_only=True)
class SampleAudit:
    """How the audit of the sample ended."""

    execution_id: str
    status: str
    opinion: str
    """What the step that drafts the opinion chose; empty when the audit did not get there."""
    findings: int
    seconds: float | None
    """None: it did not get as far as being timed."""
    dagster_run_id: str
    """The run to open in the UI; the last one when the audit took several."""

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        """Read what `prisma-assets run --json` printed."""
        steps = {step["step_id"]: step for step in answer["steps"]}
        papers = [step["workpaper"] for step in steps.values() if step["workpaper"]]
        duration_ms = answer["duration_ms"]
        return cls(
            execution_id=answer["execution_id"],
            status=answer["status"],
            opinion=steps[OPINION_STEP]["outputs"].get("opinion", ""),
            findings=sum(len(paper["findings"]) for paper in papers),
            seconds=None if duration_ms is None else duration_ms / 1000,
            dagster_run_id=(answer["dagster_run_ids"] or [""])[-1],
        )

    def sentences(self, address: str) -> list[str]:
        """What a person wants to know of it, and where to look."""
        took = "" if self.seconds is None else f", {self.seconds:.1f} s"
        lines = [f"Annual audit of the sample: {self.status}, {self.findings} findings{took}."]
        if self.opinion:
            lines.append(f"Opinion: {self.opinion}")
        if self.dagster_run_id:
            lines.append(f"Every step with its workpaper: {address}/runs/{self.dagster_run_id}")
        return lines


class SampleEngagement:
    """Where the sample lies under the data folder, and what remains to be done for it."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.sample_folder
        self._engagements = self.folder.parent
        self._new = self._engagements / ".new"
        self._marker = settings.home / _MARKER
        self.answer = settings.home / "logs" / "sample_audit_answer.json"

    def audited(self) -> SampleAudit | None:
        """The finished audit; None when there was none yet."""
        try:
            return SampleAudit(**json.loads(self._marker.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def is_written(self) -> bool:
        """Whether the whole folder is there."""
        return self.folder.is_dir()

    def write_command(self) -> list[str]:
        """Arguments of the command that writes the sample beside its final place."""
        self._clear_new()
        self._new.mkdir(parents=True)
        return ["sample", str(self._new / self.folder.name)]

    def put_in_place(self) -> None:
        """Move what was written to its final place; the engagement folder last, for it says that all is there."""
        for path in sorted(self._new.iterdir(), key=lambda p: p.name == self.folder.name):
            path.replace(self._engagements / path.name)
        self._new.rmdir()

    def audit_command(self) -> list[str]:
        """Arguments of the command that audits it."""
        sign_offs = self.folder / "sign_offs.yaml"
        return [
            "run",
            TEMPLATE,
            "--engagement",
            str(self.folder),
            "--sign-offs",
            str(sign_offs),
            "--json",
        ]

    def finish(self) -> SampleAudit:
        """Read the audit's answer and remember it, so that the next start does not repeat it.

        Raises:
            ValueError: the answer is not what the command promises.
        """
        audit = SampleAudit.from_answer(json.loads(self.answer.read_text(encoding="utf-8")))
        if audit.status in _UNFINISHED:
            return audit  # The next start tries again.
        write_atomically(self._marker, json.dumps(asdict(audit), indent=2) + "\n")
        return audit

    def _clear_new(self) -> None:
        shutil.rmtree(self._new, ignore_errors=True)
