"""A shipped workflow on small books in a folder, signed as far as a test wants: with the embedded agents, as in the product."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from ruamel.yaml import YAML

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.embedded.provider import EmbeddedProvider
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.definitions import build_defs
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.opening import Opening, open_execution
from prisma_assets.engine.sign_off import give, open_questions
from prisma_assets.store.database import Database
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, NewSignOff, StepRow
from tests.orchestration.conftest import run_on

MOST_RUNS = 40
"""More than any way through a shipped workflow takes; a test that needs more goes round in circles."""


@dataclass(kw_only=True)
class SmallEngagement:
    """One execution on one folder."""

    instance: dg.DagsterInstance
    url: str
    template: Template
    folder: Path
    provider: EmbeddedProvider = field(default_factory=EmbeddedProvider)
    execution_id: str = ""

    def ask(self, question: Callable[[WorkflowStore], Awaitable[Any]]) -> Any:
        async def _ask() -> Any:
            async with Database(self.url, max_size=2) as database:
                return await question(WorkflowStore(database=database))

        return asyncio.run(_ask())

    @property
    def execution(self) -> Execution:
        found: Execution = self.ask(lambda store: store.execution(self.execution_id))
        return found

    @property
    def steps(self) -> dict[str, StepRow]:
        found: dict[str, StepRow] = self.ask(lambda store: store.steps(self.execution_id))
        return found

    def outputs(self, step_id: str) -> Mapping[str, Any]:
        return self.steps[step_id].outputs

    @property
    def waiting(self) -> dict[str, tuple[str, ...]]:
        """Roles that may sign now, by step."""
        execution = self.execution
        found = self.ask(lambda store: open_questions(store, execution, self.template))
        return {step: asked.missing for step, asked in found.items()}

    def run(self) -> None:
        """One run of the execution, opened by the first."""
        registry = AgentRegistry(firm_cards())
        if not self.execution_id:
            opening = Opening(
                template=self.template,
                inputs={"engagement": str(self.folder)},
                created_by="tester",
                **_agents(registry),
            )
            execution, _ = self.ask(lambda store: open_execution(store, opening))
            self.execution_id = execution.id
        library = TemplateLibrary(templates={self.template.name: self.template})
        defs = build_defs(library, registry, {"embedded": self.provider})
        job = defs.get_job_def(f"{self.template.name}_job")
        run_on(self.instance, job, tags={"prisma/execution_id": self.execution_id})

    def sign(self, step: str, role: str, decision: str = "approve") -> None:
        """The decision of the team's first member in that role who has not signed yet."""
        people = YAML().load(self.folder / "engagement.yaml")["team"]
        user = next(m["user"] for m in people if role in m["roles"])
        new = NewSignOff(
            execution_id=self.execution_id, step_id=step, user=user, decision=decision, comment="Seen.", role=role
        )  # fmt: skip
        execution = self.execution
        self.ask(lambda store: give(store, execution, self.template, new))

    def go_to(self, stop: str) -> None:
        """Run and approve what waits until that step waits or is done, or the execution is over."""
        for _ in range(MOST_RUNS):
            if not self.execution_id or self.execution.status in ("PENDING", "WAITING_APPROVAL"):
                self.run()
            waiting = self.waiting
            is_over = not waiting and self.execution.status != "PENDING"
            found = self.steps.get(stop)
            is_done = found is not None and found.status == "COMPLETED"
            if is_over or is_done or stop in waiting:
                return
            for step, roles in waiting.items():
                for role in roles:
                    self.sign(step, role)
        raise AssertionError(f"{stop} was never reached")

    def send_back(self, step: str) -> None:
        """Request changes on a step that waits, and go on until it waits again or is done."""
        self.sign(step, self.waiting[step][0], "changes")
        self.go_to(step)

    def change_facts(self, change: Callable[[Any], None]) -> None:
        """`engagement.yaml` changed as a person would."""
        yaml = YAML()
        path = self.folder / "engagement.yaml"
        facts = yaml.load(path)
        change(facts)
        with path.open("w") as stream:
            yaml.dump(facts, stream)

    def change_table(self, name: str, frame: pd.DataFrame) -> None:
        """A table delivered, or delivered again."""
        write_table(self.folder, name, frame)


def write_folder(
    folder: Path, facts: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> Path:
    """An engagement folder of these facts and tables."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "engagement.yaml").open("w") as stream:
        YAML().dump(dict(facts), stream)
    for name, frame in tables.items():
        write_table(folder, name, frame)
    return folder


def write_table(folder: Path, name: str, frame: pd.DataFrame) -> None:
    """A frame as the CSV file a client exports."""
    amounts = {c: c.removesuffix("_cents") for c in frame.columns if c.endswith("_cents")}
    out = frame.assign(**{c: frame[c] / 100 for c in amounts}).rename(columns=amounts)
    out.to_csv(folder / f"{name}.csv", index=False, float_format="%.2f")


def _agents(registry: AgentRegistry) -> dict[str, Any]:
    fields = Opening.__dataclass_fields__
    return {"agents": registry} if "agents" in fields else {}
