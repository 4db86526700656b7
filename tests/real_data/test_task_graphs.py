"""Task graphs of real workflow runs, as templates: they compile, keep their order and run, with the steps' times scaled down."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from prisma_assets.domain.workflow.template import Template
from tests.orchestration.conftest import (  # noqa: F401 - fixtures
    Firm,
    ScriptedAgent,
    firm_url,
    instance,
    with_dagster,
)

pytestmark = [pytest.mark.slow, pytest.mark.real_data, pytest.mark.timeout(600)]

TOTAL_SECONDS = 2.0
"""All runtimes of a graph are scaled to this much work."""


def graphs(shared_data: Path) -> list[Path]:
    return sorted((shared_data / "workflows" / "wfinstances").rglob("*.json"))


def read(path: Path) -> tuple[Template, dict[str, float]]:
    workflow = json.loads(path.read_text())["workflow"]
    tasks = workflow["specification"]["tasks"]
    ids = {task["id"]: f"t{number:04d}" for number, task in enumerate(tasks)}
    assert len(ids) == len(tasks)
    steps = [
        {
            "id": ids[task["id"]], "name": f"task_{ids[task['id']]}", "title": task["name"][:80], "objective": "Simulated.",
            "agent": "audit-plan-012", "after": [ids[p] for p in dict.fromkeys(task["parents"])],
        }
        for task in tasks
    ]  # fmt: skip
    times = {ids[t["id"]]: float(t["runtimeInSeconds"]) for t in workflow["execution"]["tasks"]}
    scale = TOTAL_SECONDS / (sum(times.values()) or 1.0)
    template = Template.model_validate(
        {"name": "graph", "title": path.stem, "version": "1", "description": "Real.", "steps": steps}
    )  # fmt: skip
    return template, {step: seconds * scale for step, seconds in times.items()}


def ordered(template: Template, ended: list[str]) -> bool:
    place = {step: position for position, step in enumerate(ended)}
    return all(place[a] < place[s.id] for s in template.steps for a in s.after)


def test_every_graph_has_an_order(shared_data):
    sizes = Counter[str]()
    for path in graphs(shared_data):
        template, _ = read(path)
        assert ordered(template, [s.id for s in template.in_order()]), path.name
        sizes["graphs"] += 1
        sizes["tasks"] += len(template.steps)
    assert sizes["graphs"] == 42
    assert sizes["tasks"] > 5_000


def test_graphs_run_in_their_order(shared_data, instance, firm_url):  # noqa: F811
    ran = 0
    for path in graphs(shared_data):
        template, times = read(path)
        began: list[str] = []

        async def work(task: Any, times: dict[str, float] = times, began: list[str] = began) -> Any:
            began.append(task.step_id)
            await asyncio.sleep(times.get(task.step_id, 0.0))
            return {}

        agent = ScriptedAgent(answers={s.id: work for s in template.steps})
        trial = Firm(instance=instance, url=firm_url, template=template, agent=agent)
        execution = trial.open()

        trial.run(execution.id)

        assert trial.execution(execution.id).status == "COMPLETED", path.name
        assert sorted(began) == sorted(s.id for s in template.steps), "each task once"
        assert ordered(template, began), path.name
        ran += 1
    assert ran == 42
