"""The benchmark's two shapes as jobs: a DAG 1 -> 12 x 0.2 s -> 1 and a chain of 14 empty steps.

As compiled templates (durable: every step's result in PostgreSQL) and as bare Dagster ops for Dagster's own executors.
"""

import asyncio
from decimal import Decimal
from functools import cache
from typing import Any

import dagster as dg

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentCard, AgentResult, AgentTask, Usage
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.definitions import build_defs
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.library import TemplateLibrary

WAIT_SECONDS = 0.2
WIDTH = 12
AGENT = "prisma-core-001"


class WaitProvider:
    """Stands in for a model that answers after a while."""

    name = "embedded"

    async def start(self, card: AgentCard) -> AgentCard:
        """Nothing to keep."""
        return card

    async def call(self, instance: Any, card: AgentCard, task: AgentTask) -> AgentResult:  # noqa: ARG002 - the protocol
        """Wait as long as the task's name says."""
        await asyncio.sleep(WAIT_SECONDS if task.task == "wait" else 0)
        return AgentResult(
            outputs={"step": task.step_id},
            usage=Usage(provider=self.name, cost_usd=Decimal(0)),
            agent_version=card.version,
        )

    async def stop(self, instance: Any) -> None:
        """Nothing to release."""


def shape(name: str) -> list[tuple[str, str, list[str]]]:
    """(id, task, after) of every step of `dag` or `chain`."""
    if name == "dag":
        middle = [(f"m{i:02}", "wait", ["start"]) for i in range(WIDTH)]
        return [("start", "nothing", []), *middle, ("join", "nothing", [m[0] for m in middle])]
    return [(f"c{i:02}", "nothing", [f"c{i - 1:02}"] if i else []) for i in range(WIDTH + 2)]


def _template(name: str) -> Template:
    steps = [
        {
            "id": i,
            "name": f"step_{i}",
            "title": i,
            "objective": "Measured.",
            "agent": AGENT,
            "task": task,
            "after": after,
        }
        for i, task, after in shape(name)
    ]
    return Template.model_validate(
        {
            "name": f"bench_{name}",
            "title": name,
            "version": "1",
            "description": "Benchmark.",
            "steps": steps,
        }
    )


def templates() -> dict[str, Template]:
    """The two shapes as templates, by name."""
    return {t.name: t for t in (_template("dag"), _template("chain"))}


@cache
def product_defs() -> dg.Definitions:
    """The shapes compiled exactly as the product compiles its templates."""
    # As many at once as the DAG is wide: the limit of one agent is not what is measured.
    cards = [
        c.model_copy(update={"max_concurrency": 64, "instances": 1}) if c.id == AGENT else c
        for c in firm_cards()
    ]
    return build_defs(
        TemplateLibrary(templates=templates()), AgentRegistry(cards), {"embedded": WaitProvider()}
    )


def product_dag() -> dg.JobDefinition:
    """The DAG as a compiled template."""
    return product_defs().get_job_def("bench_dag_job")


def product_chain() -> dg.JobDefinition:
    """The chain as a compiled template."""
    return product_defs().get_job_def("bench_chain_job")


def _bare(name: str, executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    ops: dict[str, dg.OpDefinition] = {}
    dependencies: dict[str, dict[str, dg.DependencyDefinition]] = {}
    for step_id, task, after in shape(name):

        @dg.op(name=step_id, ins={a: dg.In(dg.Nothing) for a in after}, out=dg.Out(dg.Nothing))
        async def _op(_context: dg.OpExecutionContext, *, wait: bool = task == "wait") -> None:
            await asyncio.sleep(WAIT_SECONDS if wait else 0)

        ops[step_id] = _op
        dependencies[step_id] = {a: dg.DependencyDefinition(a) for a in after}
    graph = dg.GraphDefinition(
        name=f"bare_{name}", node_defs=list(ops.values()), dependencies=dependencies
    )
    return graph.to_job(name=f"bare_{name}_{executor.name}", executor_def=executor)


def in_process_dag() -> dg.JobDefinition:
    """The DAG on Dagster's in-process executor."""
    return _bare("dag", dg.in_process_executor)


def in_process_chain() -> dg.JobDefinition:
    """The chain on Dagster's in-process executor."""
    return _bare("chain", dg.in_process_executor)


def multiprocess_dag() -> dg.JobDefinition:
    """The DAG on Dagster's multiprocess executor."""
    return _bare("dag", dg.multiprocess_executor)


def multiprocess_chain() -> dg.JobDefinition:
    """The chain on Dagster's multiprocess executor."""
    return _bare("chain", dg.multiprocess_executor)
