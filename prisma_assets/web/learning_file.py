"""The tables of the page of learning as files."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from prisma_assets.learning.ledger import ledger
from prisma_assets.learning.loop_view import WINDOW_DAYS
from prisma_assets.store.candidate import CandidateStore
from prisma_assets.store.database import Database
from prisma_assets.store.deployment import DeploymentStore
from prisma_assets.store.feedback import FeedbackStore
from prisma_assets.store.opportunity import OpportunityStore
from prisma_assets.store.theme import ThemeStore

MOST = 1_000
Table = tuple[Sequence[str], list[list[Any]]]


async def _opportunities(database: Database) -> Table:
    heads = (
        "opportunity_id", "agent_id", "title", "status", "priority", "improvement_type", "risk_level", "metric", "subject",
        "began_on", "last_seen_on", "size", "confidence", "sample_size", "usd_per_month", "hours_per_month",
    )  # fmt: skip
    return heads, _cells(heads, await OpportunityStore(source=database).listed(statuses=None))


async def _candidates(database: Database) -> Table:
    heads = (
        "candidate_id", "opportunity_id", "agent_id", "control_version", "way", "is_proposed", "reason", "holdout_tasks",
        "present_score", "holdout_score", "effect", "ci_low", "ci_high", "cost_usd", "created_at",
    )  # fmt: skip
    return heads, _cells(heads, await CandidateStore(source=database).listed())


async def _themes(database: Database) -> Table:
    heads = ("theme_id", "name", "lately", "unhappy", "feedback", "first_seen", "last_seen", "is_new")  # fmt: skip
    today = datetime.now(UTC).date()
    since = today - timedelta(days=WINDOW_DAYS - 1)
    return heads, _cells(heads, await ThemeStore(source=database).themes(since=since, until=today))


async def _deployments(database: Database) -> Table:
    heads = (
        "deployment_id", "agent_id", "from_version", "to_version", "risk_level", "stage", "traffic_pct", "stage_entered_at",
        "paused_by", "waits_for", "rollback_reason", "created_by", "created_at", "completed_at",
    )  # fmt: skip
    found = await DeploymentStore(source=database).find(limit=MOST)
    return heads, _cells(heads, [vars(d) for d in found])


async def _ledger(database: Database) -> Table:
    heads = (
        "deployment_id", "agent_id", "version", "stage", "experiment", "metric", "promised_by", "measured", "promised", "realised",
        "realised_low", "realised_high", "compared", "kept", "retire",
    )  # fmt: skip
    rows = [
        [e.deployment_id, e.agent_id, e.version, e.stage, e.experiment, e.metric, e.promised_by, e.measured and e.measured.value,
         e.promised, e.realised and e.realised.value, e.realised and e.realised.low, e.realised and e.realised.high, e.basis,
         e.kept, e.is_to_be_retired]
        for e in await ledger(database)
    ]  # fmt: skip
    return heads, rows


async def _feedback(database: Database) -> Table:
    heads = (
        "feedback_id", "created_at", "agent_id", "agent_version", "source", "feedback_type", "rating", "comment", "status",
    )  # fmt: skip
    return heads, _cells(heads, await FeedbackStore(source=database).recent(MOST))


def _cells(heads: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    return [[row[head] for head in heads] for row in rows]


FILES: Mapping[str, Callable[[Database], Awaitable[Table]]] = {
    "opportunities": _opportunities,
    "candidates": _candidates,
    "themes": _themes,
    "deployments": _deployments,
    "ledger": _ledger,
    "feedback": _feedback,
}
"""By name."""
