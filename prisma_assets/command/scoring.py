"""The work behind `score`."""

from pathlib import Path
from typing import Any

from prisma_assets.command.connection import ask, known, migrated_server
from prisma_assets.domain.audit import score as scoring
from prisma_assets.domain.audit.workpaper import Workpaper
from prisma_assets.engine.text_file import read_text
from prisma_assets.settings import Settings


def scores(settings: Settings, execution_id: str, planted: Path) -> dict[str, Any]:
    """Recall and false alarms per planted kind.

    Returns:
        JSON object; `recall` is null for a kind without any finding in an execution that is not completed: its
        procedure may not have been performed yet, which is not the same as having found nothing.
    """
    text = read_text(planted, missing="`prisma-assets sample DIR` writes it as DIR.planted.json")
    errors = scoring.parse_planted(text, file=str(planted))
    with migrated_server(settings) as urls:
        execution = ask(urls, lambda store: known(store, execution_id))
        rows = ask(urls, lambda store: store.steps(execution.id))
    papers = [Workpaper.model_validate(r.workpaper) for r in rows.values() if r.workpaper]
    findings = [finding for paper in papers for finding in paper.findings]
    reported = {finding.kind for finding in findings}
    kinds = [k.model_dump() for k in scoring.score(errors, findings)]
    if execution.status != "COMPLETED":
        kinds = [k if k["kind"] in reported else {**k, "recall": None} for k in kinds]
    return {"execution_id": execution.id, "status": execution.status, "kinds": kinds}
