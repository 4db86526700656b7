"""The experiments of the specification's Python API: declares, starts, judges and stops them.

What is served to whom is the engine room's; what outcomes allow to conclude is the domain's.
"""

import asyncio
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.firm import Firm, product_providers
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.release_path import Approval
from prisma_assets.learning.experiment_declaration import known, start, stop
from prisma_assets.learning.experiment_evaluation import evaluate_one
from prisma_assets.learning.experiment_request import ExperimentRequest, declare_request
from prisma_assets.learning.known_answer import engagements as known_books
from prisma_assets.learning.known_answer import questions
from prisma_assets.learning.paired_run import run
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.event_bus import EventBus
from prisma_assets.store.experiment import ExperimentStore, Row
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import ServerUrls, running_server


@dataclass(frozen=True, kw_only=True)
class ABTest:
    """An experiment as it stands."""

    id: str
    agent_id: str
    name: str
    hypothesis: str
    status: str
    """draft, running, completed, cancelled or aborted."""
    control_version: str
    treatment_version: str
    variant_b_changes: Mapping[str, Any]
    metrics: tuple[str, ...]
    primary_metric: str
    traffic_split: float
    assignment_unit: str
    risk_level: str
    power_statement: str
    decision: str | None
    """adopt_treatment, keep_control, inconclusive or rollback; None: nobody has decided."""


@dataclass(frozen=True, kw_only=True)
class ABTestEvaluation:
    """What may be concluded of an experiment."""

    test: ABTest
    verdict: str
    """adopt, keep control, inconclusive, roll back or hold."""
    reason: str
    units: int
    """Units whose outcomes were read."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """Per metric: n, mean, effect, low, high; every instrument's health."""
    data_sha256: str | None = None
    """Of the data the verdict rests on; None: there are none."""

    @property
    def is_decided(self) -> bool:
        """Whether it may be acted on."""
        return self.verdict in ("adopt", "keep control", "roll back")


class ABTestManager:
    """Runs experiments on the agents of one firm; use it in one event loop, and close it, or leave that to the end of the program."""

    def __init__(
        self,
        agent_registry: AgentRegistry | None = None,
        event_bus: EventBus | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        """Keep what is needed; nothing starts before the first call.

        Args:
            agent_registry: None: the firm's agents.
            event_bus: Taken so that all parts of the API are made alike; experiments say nothing on it.
            settings: None: those of the environment.
        """
        self._agents = agent_registry or AgentRegistry(firm_cards())
        self._bus = event_bus
        self._settings = settings
        self._held = ExitStack()
        self._close = weakref.finalize(self, self._held.close)
        self._opening = asyncio.Lock()
        self._opened: Database | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Let go of the database."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()
        await asyncio.to_thread(self._close)

    async def create_test(  # noqa: PLR0913 - the specification fixes the signature
        self,
        *,
        agent_id: str,
        name: str,
        hypothesis: str,
        variant_b_changes: Mapping[str, Any],
        metrics: Sequence[str],
        traffic_split: float = 0.5,
        risk_level: str | None = None,
        created_by: str = "api",
        **more: Any,
    ) -> ABTest:
        """Declare an experiment; nothing is served before `start_test`.

        Args:
            agent_id: The agent.
            name: What people call it.
            hypothesis: What should become better, and why.
            variant_b_changes: By allow-listed key: prompt, model, tools, parameters, knowledge.
            metrics: The first is the goal: accuracy, response_time, satisfaction, cost, error_rate.
            traffic_split: Share of variant B, from 0.01 to 0.99.
            risk_level: low, medium or high; None: the lowest the change can have.
            created_by: Who declares it.
            **more: Further keys of an experiment file, e.g. `guardrails`, `unit`, `max_days`, `opportunity`.

        Raises:
            InputError: Everything that is wrong with it; nothing is stored.
        """
        request = _request(
            {
                "agent": agent_id, "name": name, "hypothesis": hypothesis, "changes": dict(variant_b_changes),
                "metrics": list(metrics), "split": traffic_split, "risk": risk_level, **more,
            }
        )  # fmt: skip
        database = await self._database()
        made = await declare_request(
            database, request, registry=self._agents, created_by=created_by
        )
        return await self.get_test(made.id)

    async def start_test(self, test_id: str, *, by: str, role: str = "MANAGER") -> ABTest:
        """Serve both arms from now on; at medium risk it takes the approval of a manager who did not declare it.

        Raises:
            InputError: It cannot start, with the reason.
        """
        approval = Approval(user=by, role=role)
        database = await self._database()
        return _test(await start(database, test_id, registry=self._agents, approval=approval))

    async def run_test(
        self, test_id: str, *, engagements: Sequence[Path] = (), tasks: Path | None = None
    ) -> ABTestEvaluation:
        """Have both versions do the same tasks with known answers, instead of serving them; begun again, only what is new is done.

        Args:
            test_id: An experiment that has not begun.
            engagements: Folders of books, each with the list of the errors in it beside it, NAME.planted.json.
            tasks: A file of tasks with what is right of each, in the place of engagements.

        Raises:
            InputError: There is none, it is live or over, or a task has no measure of its outcome.
        """
        if (tasks is None) == (not engagements):
            raise InputError("give either engagements or a file of tasks")
        database = await self._database()
        agent_id = (await self.get_test(test_id)).agent_id
        asked = questions(tasks, agent_id) if tasks is not None else known_books(engagements, agent_id)  # fmt: skip
        firm = Firm(registry=self._agents, providers=product_providers())
        await run(database, firm, test_id, asked)
        return await self.evaluate_test(test_id)

    async def stop_test(self, test_id: str, *, by: str, reason: str) -> ABTest:
        """End it for good; the control goes on.

        Raises:
            InputError: There is none, it has ended, or the reason is missing.
        """
        return _test(await stop(await self._database(), test_id, by=by, reason=reason))

    async def get_test(self, test_id: str) -> ABTest:
        """How it stands.

        Raises:
            InputError: There is none.
        """
        return _test(await known(ExperimentStore(source=await self._database()), test_id))

    async def evaluate_test(self, test_id: str) -> ABTestEvaluation:
        """Read what is new and judge; of one that does not run, the last verdict.

        Raises:
            InputError: There is none.
        """
        database = await self._database()
        await evaluate_one(database, test_id, registry=self._agents)
        store = ExperimentStore(source=database)
        test = _test(await known(store, test_id))
        verdicts = await store.verdicts(test_id)
        if not verdicts:
            reason = f"it is {test.status}: nothing was served"
            return ABTestEvaluation(test=test, verdict="inconclusive", reason=reason, units=0)
        last = verdicts[-1]
        return ABTestEvaluation(
            test=test, verdict=last["verdict"], reason=last["reason"], units=last["units"], numbers=last["numbers"],
            data_sha256=last["data_sha256"],
        )  # fmt: skip

    async def _database(self) -> Database:
        async with self._opening:
            if self._opened is None:
                settings = self._settings or Settings.from_environ()
                urls = await asyncio.to_thread(_migrated, self._held, settings)
                self._opened = Database(urls.prisma)
            return self._opened


def _migrated(held: ExitStack, settings: Settings) -> ServerUrls:
    urls = held.enter_context(running_server(settings))
    migrate(urls.prisma)
    return urls


def _request(given: Mapping[str, Any]) -> ExperimentRequest:
    from prisma_assets.domain.yaml_source import validate

    return validate(given, ExperimentRequest, file="create_test")


def _test(row: Row) -> ABTest:
    return ABTest(
        id=row["ab_test_id"], agent_id=row["agent_id"], name=row["name"], hypothesis=row["hypothesis"] or "",
        status=row["status"], control_version=row["control_version"], treatment_version=row["treatment_version"] or "",
        variant_b_changes=row["variant_b_changes"], metrics=tuple(row["metrics"]), primary_metric=row["primary_metric"],
        traffic_split=float(row["traffic_split_b"]), assignment_unit=row["assignment_unit"], risk_level=row["risk_level"],
        power_statement=row["power_statement"] or "", decision=row["decision"],
    )  # fmt: skip
