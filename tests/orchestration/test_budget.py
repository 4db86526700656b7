"""A workflow that runs out of money stands still, and goes on where it stood once somebody overrides the budget."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

import dagster as dg
import psycopg
import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentTask
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.definitions import build_defs
from prisma_assets.domain.monitoring.runaway import MOST_EQUAL
from prisma_assets.engine.fuse import Fuse, RunawayError
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.opening import Opening, open_execution
from prisma_assets.store.budget import BudgetStore, NewBudget
from prisma_assets.store.database import Database
from prisma_assets.store.workflow_record import Execution
from tests.orchestration.conftest import Firm, ScriptedAgent, trial_template

AGENT = "audit-plan-012"


def paid() -> AgentRegistry:
    """The firm, with one agent that works through a provider that takes money: a dollar at most, a cent as it turns out."""
    cards = {card.id: card for card in firm_cards()}
    card = cards[AGENT].model_copy(update={"provider": "llm", "max_call_usd": Decimal("1.00")})
    return AgentRegistry(cards.values()).with_cards([card])


@dataclass
class PaidFirm(Firm):
    def job(self) -> dg.JobDefinition:
        library = TemplateLibrary(templates={self.template.name: self.template})
        defs = build_defs(library, paid(), {"llm": self.agent})
        return defs.get_job_def(f"{self.template.name}_job")

    def open(self, inputs=None) -> Execution:
        opening = Opening(
            template=self.template, agents=paid(), inputs=inputs or {}, created_by="tester"
        )
        execution, _ = self.ask(lambda store: open_execution(store, opening))
        return execution

    def budget(self, work):
        async def go():
            async with Database(self.url, max_size=2) as database:
                return await work(BudgetStore(source=database))

        return asyncio.run(go())


@pytest.fixture
def firm(instance, firm_url) -> PaidFirm:
    def step(number: int, *after: str) -> dict[str, object]:
        return {
            "id": f"s{number}", "name": f"do_{number}", "title": f"Step {number}", "objective": "Tested.",
            "agent": AGENT, "after": list(after),
        }  # fmt: skip

    template = trial_template(step(1), step(2, "s1"), step(3, "s2"), name="paid_trial")
    return PaidFirm(instance=instance, url=firm_url, template=template, agent=ScriptedAgent())


def test_stands_still_and_goes_on(firm):
    """The limit lets one call begin; the second is refused before it is made, and after the override it is made once."""
    limit = NewBudget(
        level="workflow", scope="paid_trial", period="whole", limit_usd=Decimal("1.00"), by="pat", reason="try",
    )  # fmt: skip
    budget_id = firm.budget(lambda budgets: budgets.set(limit))
    execution = firm.open()
    assert firm.run(execution.id).status is dg.DagsterRunStatus.FAILURE
    assert firm.agent.calls == ["s1"]
    stopped = firm.execution(execution.id)
    assert stopped.status == "FAILED"
    assert "the budget of workflow paid_trial holds 1.00 USD; 0.01 are spent or promised" in str(
        stopped.error
    )

    now = datetime.now(UTC)
    firm.budget(lambda budgets: budgets.override(budget_id, by="pat", reason="go on", at=now))
    assert firm.run(execution.id).status is dg.DagsterRunStatus.SUCCESS
    assert firm.agent.calls == ["s1", "s2", "s3"]
    rows = firm.budget(lambda budgets: budgets.balances(at=now))
    (mine,) = [r for r in rows if r["budget_id"] == budget_id]
    assert (mine["spent_usd"], mine["reserved_usd"]) == (Decimal("0.03"), 0)


SEEN = """
insert into agent_cost_tracking (call_id, attempt, outcome, error, task, step_id, agent_id, agent_version, workflow_execution_id, call_type,
    provider, duration_ms, incurred_at)
select %(id)s || ':s1:1', n, 'error', 'Refused: busy', 'do_1', 's1', %(agent)s, '1.0.0', %(id)s::uuid, 'llm', 'llm', 5,
    now() - %(ago)s::interval
from generate_series(1, %(n)s) n
"""
ALERTS = (
    "select rule_id, metric from agent_monitoring_alerts where workflow_execution_id = %(id)s::uuid"
)


@pytest.mark.parametrize(
    ("seen", "ago", "is_stopped"),
    [(33, "1 hour", True), (32, "1 hour", False), (99, "25 hours", False)],
    ids=["a loop", "not yet", "long ago"],
)
def test_work_that_goes_round_in_circles_is_stopped_before_it_is_paid_again(firm, seen, ago, is_stopped):  # fmt: skip
    """An execution that was resumed over and over within a day: the next call is refused, and an alert says why."""
    execution = firm.open()
    with psycopg.connect(firm.url, autocommit=True) as connection:
        connection.execute(SEEN, {"id": execution.id, "agent": AGENT, "n": seen, "ago": ago})
        run = firm.run(execution.id)
        alerts = connection.execute(ALERTS, {"id": execution.id}).fetchall()

    assert run.status is (dg.DagsterRunStatus.FAILURE if is_stopped else dg.DagsterRunStatus.SUCCESS)  # fmt: skip
    assert firm.agent.calls == ([] if is_stopped else ["s1", "s2", "s3"])
    assert alerts == ([("runaway_calls", "repeated_calls")] if is_stopped else [])
    if is_stopped:
        assert "it was asked for the same work 33 times within a day" in str(firm.execution(execution.id).error)  # fmt: skip


def test_equal_work_under_new_names_is_a_loop_too(firm):
    """A caller that makes up a new id for the same work each time."""
    execution = firm.open()
    task = AgentTask(call_id="c", agent_id=AGENT, task="do_1", step_id="s1", inputs={"a": 1})

    async def go():
        async with Database(firm.url, max_size=1) as database:
            fuse = Fuse(database, execution.id, template=trial_template(
                *({"id": f"s{n}", "name": "do", "title": "Do", "objective": "Tested.", "agent": AGENT, "retries": 10} for n in range(9)),
                name="large_trial",
            ))  # fmt: skip
            for n in range(MOST_EQUAL):
                await fuse.check(replace(task, call_id=f"c{n}"))
            await fuse.check(replace(task, inputs={"a": 2}))
            with pytest.raises(RunawayError, match="the same work 33 times"):
                await fuse.check(replace(task, call_id="another"))

    asyncio.run(go())
