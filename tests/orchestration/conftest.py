"""A real Dagster instance on the embedded PostgreSQL, and jobs run on it in this process."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_run

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentCard, AgentResult, AgentTask, Usage
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.definitions import build_defs
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.opening import Opening, open_execution
from prisma_assets.store.database import Database
from prisma_assets.store.server import dagster_url
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, NewSignOff, StepRow
from resources.dagster_home import URL_VARIABLE, write_dagster_home
from resources.dagster_storage import PooledPostgresStorage


def work_on(url: str, storage: str) -> None:
    """Have this process use those databases: forked from a server, it has the environment of whichever test began it."""
    os.environ["DATABASE_URL"] = url
    os.environ[URL_VARIABLE] = storage


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
TEAM = [
    {"user": "pat", "roles": ["PARTNER"]},
    {"user": "max", "roles": ["MANAGER"]},
    {"user": "prep", "roles": ["PARTNER"]},
]


@pytest.fixture(scope="session")
def with_dagster(new_database, _migrated: str) -> Iterator[str]:
    """Name of a migrated database that also holds Dagster's tables: making them takes seconds, copying them a moment."""
    with new_database(_migrated) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create schema dagster")
        PooledPostgresStorage(dagster_url(url)).event_log_storage.dispose()
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture(scope="module")
def firm_url(new_database, with_dagster: str) -> Iterator[str]:
    """One database for a module's tests: each opens executions of its own and looks at nothing else."""
    with new_database(with_dagster) as url:
        yield url


@pytest.fixture(scope="module")
def instance(
    firm_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance whose storage and our tables share the module's database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", firm_url)
        patch.setenv(URL_VARIABLE, dagster_url(firm_url))
        home = write_dagster_home(tmp_path_factory.mktemp("home"))
        with dg.DagsterInstance.from_config(str(home)) as found:
            yield found


@dataclass
class ScriptedAgent:
    """Stands in for a language model: answers per step, counts calls."""

    answers: dict[str, Any] = field(default_factory=dict)
    """Step id to outputs, an exception to raise, or an async function of the task."""
    calls: list[str] = field(default_factory=list)
    tasks: list[AgentTask] = field(default_factory=list)
    name: str = "embedded"

    async def start(self, card: AgentCard) -> AgentCard:
        return card

    async def stop(self, instance: Any) -> None:
        pass

    async def call(self, _instance: Any, card: AgentCard, task: AgentTask) -> AgentResult:
        self.calls.append(task.step_id)
        self.tasks.append(task)
        answer = self.answers.get(task.step_id, {})
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        outputs = await answer(task) if callable(answer) else answer
        return AgentResult(
            outputs=outputs,
            usage=Usage(provider="embedded", cost_usd=Decimal("0.01")),
            agent_version=card.version,
        )


@dataclass
class Firm:
    """One template, one scripted agent, a real instance and a real store."""

    instance: dg.DagsterInstance
    url: str
    template: Template
    agent: ScriptedAgent

    def job(self) -> dg.JobDefinition:
        library = TemplateLibrary(templates={self.template.name: self.template})
        defs = build_defs(library, AgentRegistry(firm_cards()), {"embedded": self.agent})
        return defs.get_job_def(f"{self.template.name}_job")

    def ask(self, question: Callable[[WorkflowStore], Awaitable[Any]]) -> Any:
        async def _ask() -> Any:
            async with Database(self.url, max_size=2) as database:
                return await question(WorkflowStore(database=database))

        return asyncio.run(_ask())

    def open(self, inputs: Mapping[str, Any] | None = None) -> Execution:
        """A new execution with a team, as an engagement folder would bring."""
        opening = Opening(
            template=self.template,
            agents=AgentRegistry(firm_cards()),
            inputs=inputs or {},
            created_by="tester",
        )
        execution, _ = self.ask(lambda store: open_execution(store, opening))
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "update workflow_executions set context = context || %s where workflow_execution_id = %s",
                (psycopg.types.json.Jsonb({"team": TEAM, "preparer": "prep"}), execution.id),
            )
        return self.execution(execution.id)

    def run(self, execution_id: str) -> dg.DagsterRun:
        """One Dagster run of the execution."""
        return run_on(self.instance, self.job(), tags={"prisma/execution_id": execution_id})

    def launch(self, run_config: Mapping[str, Any]) -> dg.DagsterRun:
        """One run as the launchpad starts it."""
        return run_on(self.instance, self.job(), run_config=run_config)

    def execution(self, execution_id: str) -> Execution:
        return self.ask(lambda store: store.execution(execution_id))

    def steps(self, execution_id: str) -> dict[str, StepRow]:
        return self.ask(lambda store: store.steps(execution_id))

    def statuses(self, execution_id: str) -> dict[str, str]:
        return {i: r.status for i, r in self.steps(execution_id).items()}

    def sign(
        self,
        execution_id: str,
        step: str,
        user: str,
        decision: str = "approve",
        comment: str = "seen",
    ) -> Any:
        from prisma_assets.engine.sign_off import give

        new = NewSignOff(
            execution_id=execution_id, step_id=step, user=user, decision=decision, comment=comment
        )
        execution = self.execution(execution_id)
        return self.ask(lambda store: give(store, execution, self.template, new))


def trial_template(*steps: dict[str, Any], **extra: Any) -> Template:
    """A template of these steps."""
    return Template.model_validate(
        {
            "name": "trial",
            "title": "Trial",
            "version": "1",
            "description": "Tested.",
            "steps": steps,
            **extra,
        }
    )


@pytest.fixture
def firm(instance, firm_url) -> Callable[..., Firm]:
    """Builds a firm with these steps."""

    def build(*steps: dict[str, Any], answers: dict[str, Any] | None = None, **extra: Any) -> Firm:
        return Firm(
            instance=instance,
            url=firm_url,
            template=trial_template(*steps, **extra),
            agent=ScriptedAgent(answers=answers or {}),
        )

    return build


@pytest.fixture
def run_job(instance) -> Callable[..., dg.DagsterRun]:
    """Runs a job on the instance and gives the finished run."""
    return partial(run_on, instance)


def run_on(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    *,
    tags: Mapping[str, str] | None = None,
    run_config: Mapping[str, Any] | None = None,
) -> dg.DagsterRun:
    """Run a job in this process as a launched run would be, and give the finished run."""
    config = {**QUIET, **(run_config or {})}
    plan = create_execution_plan(InMemoryJob(job), run_config=config)
    run = instance.create_run_for_job(
        job_def=job, execution_plan=plan, run_config=config, tags=dict(tags or {})
    )
    execute_run(InMemoryJob(job), run, instance)
    return instance.get_run_by_id(run.run_id)
