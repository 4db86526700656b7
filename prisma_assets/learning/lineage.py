"""The one line from a rating to the change it caused, the test that justified it and the effect it had, and back."""

from dataclasses import dataclass
from typing import Any

from prisma_assets.domain.errors import InputError
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import is_uuid

_RATINGS = 200
"""Pieces of feedback listed behind a version; their number is told besides."""

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class VersionLine:
    """One version, what it came from and what came of it."""

    version: Row
    """Changes, reason, opportunity, experiments with verdicts, deployments, times at work."""
    feedback: list[Row]
    """What people said that it answers, the earliest first."""
    feedback_total: int


@dataclass(frozen=True, kw_only=True)
class FeedbackLine:
    """One piece of feedback and where it went."""

    feedback: Row
    opportunities: list[Row]
    versions: list[Row]
    """That answer those opportunities."""


async def version_lines(
    database: Database, version: str, *, agent_id: str | None
) -> list[VersionLine]:
    """Where versions of that number came from; several agents may have one.

    Raises:
        InputError: Nobody proposed such a version.
    """
    params = {"version": version, "agent_id": agent_id, "opportunity_ids": None}
    found = await database.fetch("lineage_of_versions", params)
    if not found:
        of = f" of {agent_id}" if agent_id else ""
        raise InputError(
            f"nobody proposed a version {version}{of}; `prisma-assets deployment list` and `experiment list` name those there are"
        )
    return [await _with_feedback(database, row) for row in found]


async def _with_feedback(database: Database, row: Row) -> VersionLine:
    said: list[Row] = []
    if row["opportunity_id"] is not None:
        params = {"opportunity_id": row["opportunity_id"], "limit": _RATINGS}
        said = await database.fetch("feedback_behind_opportunity", params)
    total = said[0]["total"] if said else 0
    feedback = [{k: v for k, v in one.items() if k != "total"} for one in said]
    return VersionLine(version=row, feedback=feedback, feedback_total=total)


async def feedback_line(database: Database, feedback_id: str) -> FeedbackLine:
    """Where a piece of feedback went.

    Raises:
        InputError: There is none of that id.
    """
    rows = await database.fetch("one_feedback", {"feedback_id": feedback_id}) if is_uuid(feedback_id) else []  # fmt: skip
    if not rows:
        raise InputError(
            f"no feedback has the id {feedback_id}; `prisma-assets feedback list --json` shows ids"
        )
    found = await database.fetch("opportunities_from_feedback", {"feedback_id": feedback_id})
    ids = [one["opportunity_id"] for one in found]
    params = {"version": None, "agent_id": None, "opportunity_ids": ids}
    versions = await database.fetch("lineage_of_versions", params) if ids else []
    return FeedbackLine(feedback=rows[0], opportunities=found, versions=versions)
