"""The ledger of improvements: what each promised, shrunk towards nothing, and what its rollout showed that it kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prisma_assets.domain.experiments.lift import Effect, Kept, kept, shrunk, spread_of_effects
from prisma_assets.domain.experiments.metric import Direction
from prisma_assets.store.database import Database


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One improvement."""

    deployment_id: str
    agent_id: str
    version: str
    stage: str
    experiment: str
    metric: str
    measured: Effect | None
    """In the experiment; None: it gave no interval."""
    promised: float | None
    """Shrunk: what could be expected of it."""
    realised: Effect | None
    """Beside the version before, during the rollout."""
    kept: Kept

    @property
    def is_to_be_retired(self) -> bool:
        """Proposed for retirement: at work, and harm is not excluded."""
        return self.kept == "includes harm" and self.stage in ("full", "completed")


async def ledger(database: Database) -> list[Entry]:
    """Every improvement an experiment proved, the latest first."""
    concluded = await database.fetch("concluded_effects")
    return [_entry(row, concluded) for row in await database.fetch("deployed_improvements")]


def _entry(row: Mapping[str, Any], concluded: Sequence[Mapping[str, Any]]) -> Entry:
    goal = row["primary_metric"]
    plan = next(m for m in row["metric_plan"] if m["name"] == goal)
    measured = _effect(row["effect"], row["ci_low"], row["ci_high"])
    others = [_effect(c["effect"], c["ci_low"], c["ci_high"]) for c in concluded if c["primary_metric"] == goal]  # fmt: skip
    spread = spread_of_effects([e for e in others if e is not None], margin=plan["margin"])
    seen = (row["observed_metrics"] or {}).get(goal, {})
    realised = _effect(seen.get("effect"), seen.get("low"), seen.get("high"))
    return Entry(
        deployment_id=row["deployment_id"], agent_id=row["agent_id"], version=row["to_version"], stage=row["stage"],
        experiment=row["name"], metric=goal, measured=measured,
        promised=None if measured is None else shrunk(measured, spread=spread),
        realised=realised, kept=kept(realised, Direction(plan["direction"])),
    )  # fmt: skip


def _effect(value: float | None, low: float | None, high: float | None) -> Effect | None:
    if value is None or low is None or high is None:
        return None
    return Effect(value=value, low=low, high=high)
