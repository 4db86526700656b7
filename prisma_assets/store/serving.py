"""Which version of an agent is at work, which experiment may give another, and who met what. Deciding belongs to the engine."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Literal

from prisma_assets.store.database import Database


@dataclass(frozen=True, kw_only=True)
class ServedAgent:
    """An agent of which the card of the code is not all there is to say."""

    agent_id: str
    live_sha256: str | None
    """Card at work; None: that of the code."""
    ab_test_id: str | None
    """Experiment that runs; None: none."""
    unit: Literal["task", "user", "engagement"] | None
    salt: str | None
    split: float | None
    treatment_sha256: str | None
    is_under_way: bool
    """The client's file or the user has unfinished work from before the experiment."""
    shadow_deployment_id: str | None
    """Deployment whose version is tried in the agent's shadow; None: none."""
    shadow_share: float | None
    """Of the agent's calls whose inputs it is given."""

    @property
    def is_served_otherwise(self) -> bool:
        """Whether anything but the card of the code may be served."""
        return self.live_sha256 is not None or self.treatment_sha256 is not None


async def served_agents(
    database: Database, agent_ids: Collection[str], *, engagement_id: str | None, user: str
) -> list[ServedAgent]:
    """Those of the agents with a live version of their own, an experiment that runs or a version in their shadow."""
    params = {"agent_ids": list(agent_ids), "engagement_id": engagement_id, "user": user}
    return [ServedAgent(**row) for row in await database.fetch("served_agents", params)]


async def running_tests(database: Database, ab_test_ids: Collection[str]) -> set[str]:
    """Those of the experiments that still run."""
    if not ab_test_ids:
        return set()
    rows = await database.fetch("running_tests", {"ab_test_ids": list(ab_test_ids)})
    return {r["ab_test_id"] for r in rows}


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """A unit meets a version."""

    ab_test_id: str
    unit: str
    variant: str
    split: float
    agent_version: str
    execution_id: str | None
    step_id: str


async def expose(database: Database, exposure: Exposure) -> None:
    """Record that a unit met its version, unless it had before or the experiment is over, and mark the step at work."""
    await database.grouped("insert_exposure", asdict(exposure))
