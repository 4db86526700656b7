"""The benchmark's shapes as jobs: a DAG 1 -> 12 x 0.2 s -> 1, a chain of 14 empty steps, and fan-outs over a list.

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
FAN_OUTS = (10, 100, 300, 1000)
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
            outputs={"step": task.step_id, "items": list(range(task.parameters.get("width", 0)))},
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
    return _of_steps(name, steps)


def _fan_out(width: int) -> Template:
    about = {"objective": "Measured.", "agent": AGENT}
    listed = {
        "id": "list",
        "name": "list_items",
        "title": "list",
        "task": "nothing",
        "parameters": {"width": width},
        **about,
    }
    each = {
        "id": "each",
        "name": "wait_for_each",
        "title": "each",
        "task": "wait",
        "after": ["list"],
        "for_each": {"items": "steps.list.items", "max_concurrent": max(FAN_OUTS)},
        **about,
    }
    return _of_steps(f"fan_{width}", [listed, each])


def _of_steps(name: str, steps: list[dict[str, Any]]) -> Template:
    return Template.model_validate(
        {
            "name": f"bench_{name}",
            "title": name,
            "version": "1",
            "description": "Benchmark.",
            "steps": steps,
        }
    )


@cache
def templates() -> dict[str, Template]:
    """The two shapes and the fan-outs as templates, by name."""
    fans = (_fan_out(width) for width in FAN_OUTS)
    return {t.name: t for t in (_template("dag"), _template("chain"), *fans)}


@cache
def registry() -> AgentRegistry:
    """The firm's agents, one of which takes as many calls as the widest shape makes: its limit is not what is measured."""
    cards = [
        c.model_copy(update={"max_concurrency": max(FAN_OUTS), "instances": 1})
        if c.id == AGENT
        else c
        for c in firm_cards()
    ]
    return AgentRegistry(cards)


@cache
def product_defs() -> dg.Definitions:
    """The shapes compiled exactly as the product compiles its templates."""
    return build_defs(
        TemplateLibrary(templates=templates()), registry(), {"embedded": WaitProvider()}
    )


def product_dag() -> dg.JobDefinition:
    """The DAG as a compiled template."""
    return product_defs().get_job_def("bench_dag_job")


def product_chain() -> dg.JobDefinition:
    """The chain as a compiled template."""
    return product_defs().get_job_def("bench_chain_job")


def product_fan_10() -> dg.JobDefinition:
    """A for-each over 10 items."""
    return product_defs().get_job_def("bench_fan_10_job")


def product_fan_100() -> dg.JobDefinition:
    """A for-each over 100 items."""
    return product_defs().get_job_def("bench_fan_100_job")


def product_fan_300() -> dg.JobDefinition:
    """A for-each over 300 items."""
    return product_defs().get_job_def("bench_fan_300_job")


def product_fan_1000() -> dg.JobDefinition:
    """A for-each over 1,000 items."""
    return product_defs().get_job_def("bench_fan_1000_job")


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
