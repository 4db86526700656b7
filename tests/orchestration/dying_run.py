"""A run in a process that is killed, without any warning, when it comes to a certain step: to do it, or to undo it."""

import multiprocessing
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import dagster as dg

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentCard, AgentResult, AgentTask, Usage
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.definitions import build_defs
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.library import TemplateLibrary
from resources.dagster_home import URL_VARIABLE
from tests.orchestration.conftest import run_on, work_on

UNDO_TASK = "undo_it"
BY_SENSOR = {"dagster/sensor_name": "a_sensor"}
"""What Dagster tags the runs with that a sensor asked for."""


@dataclass
class DeadlyAgent:
    """Kills its process when it is asked for that task of that step; keeps what it was asked before."""

    deadly: tuple[str, str] | None = None
    """Step id, and `do` or `undo`."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    name: str = "embedded"

    async def start(self, card: AgentCard) -> AgentCard:
        return card

    async def stop(self, instance: Any) -> None:
        pass

    async def call(self, _instance: Any, card: AgentCard, task: AgentTask) -> AgentResult:
        about = (task.step_id, "undo" if task.task == UNDO_TASK else "do")
        self.asked.append(about)
        if about == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        usage = Usage(provider="embedded", cost_usd=Decimal("0.01"))
        return AgentResult(outputs={"done": 1}, usage=usage, agent_version=card.version)


def run(
    instance: dg.DagsterInstance,
    template: Template,
    agent: DeadlyAgent,
    *,
    tags: Mapping[str, str],
    job: str = "trial_job",
) -> dg.DagsterRun:
    """One run of a job in this process."""
    library = TemplateLibrary(templates={template.name: template})
    defs = build_defs(library, AgentRegistry(firm_cards()), {"embedded": agent})
    return run_on(instance, defs.get_job_def(job), tags=tags)


def _run_and_die(
    databases: tuple[str, str],
    home: str,
    content: str,
    deadly: tuple[str, str],
    tags: dict[str, str],
    job: str,
) -> None:
    work_on(*databases)
    template = Template.model_validate_json(content)
    with dg.DagsterInstance.from_config(home) as instance:
        run(instance, template, DeadlyAgent(deadly=deadly), tags=tags, job=job)


def die(
    instance: dg.DagsterInstance,
    url: str,
    template: Template,
    *,
    deadly: tuple[str, str],
    tags: Mapping[str, str],
    job: str = "trial_job",
) -> int | None:
    """One run in a process of its own; gives the exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.orchestration.dying_run"])
    databases = (url, os.environ[URL_VARIABLE])
    arguments = (databases, instance.root_directory, template.content, deadly, dict(tags), job)
    process = context.Process(target=_run_and_die, args=arguments)
    process.start()
    process.join(60)
    return process.exitcode
