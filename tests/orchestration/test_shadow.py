"""A version in the shadow of an agent, in real runs of a real job: kept beside, done by the hourly look, shown to nobody."""

from datetime import UTC, datetime

import dagster as dg
import psycopg
import pytest
from psycopg.rows import dict_row

from prisma_assets.agents import firm as agents
from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.assets.shadow import shadow_assets
from prisma_assets.learning.agent_version import Change, propose_version
from prisma_assets.learning.release import Proposal, propose, reject
from prisma_assets.learning.shadow import Asked, begin, look
from resources.learning import FIRM, LEARNING_DATABASE, LearningDatabase

AGENT = "audit-report-021"
REGISTRY = AgentRegistry(firm_cards())
STEP = {"id": "first", "name": "first", "title": "First", "objective": "Done.", "agent": AGENT}


@pytest.fixture
def rows(firm_url):
    with psycopg.connect(firm_url, autocommit=True, row_factory=dict_row) as connection:
        yield lambda query, *params: connection.execute(query, params).fetchall()


def test_executions_begun_meanwhile_are_repeated_by_the_version_in_the_shadow(firm, rows):
    """One opened before the shadow run and one after; both are served by the version at work."""
    trial = firm(STEP)
    before = trial.open()
    deployment = trial.ask(proposed)
    trial.ask(lambda s: begin(s.database, deployment, Asked(by="ana"), now=datetime.now(UTC)))
    after = trial.open()
    for execution in (before, after):
        assert trial.run(execution.id).is_success
        assert trial.steps(execution.id)["first"].agent_version == "1.0.0"

    kept = rows(
        "select call_id, task->>'execution_id' as execution from shadow_calls where deployment_id = %s",
        deployment.deployment_id,
    )
    assert [(k["call_id"].split(":")[0], k["execution"]) for k in kept] == [(str(after.id), None)]
    whose = agents.Firm(registry=REGISTRY, providers={"embedded": trial.agent})
    [run] = trial.ask(lambda s: look(s.database, whose))
    assert (run["compared"], run["waiting"], run["verdict"]) == (1, 0, "going on")
    served = rows(
        """select agent_version, workflow_execution_id is null as is_apart from agent_cost_tracking
        where workflow_execution_id = any(%s::uuid[]) or agent_version = %s order by incurred_at""",
        [str(before.id), str(after.id)], deployment.to_version,
    )  # fmt: skip
    assert [(s["agent_version"], s["is_apart"]) for s in served] == [
        ("1.0.0", False), ("1.0.0", False), (deployment.to_version, True),
    ]  # fmt: skip
    trial.ask(lambda s: reject(s.database, deployment.deployment_id, by="max", reason="over"))


def test_the_hourly_look_shows_how_shadow_runs_stand(firm, firm_url):
    trial = firm(STEP)
    deployment = trial.ask(proposed)
    trial.ask(lambda s: begin(s.database, deployment, Asked(by="ana"), now=datetime.now(UTC)))
    trial.run(trial.open().id)
    resources = {
        LEARNING_DATABASE: LearningDatabase(url=firm_url),
        FIRM: agents.Firm(registry=REGISTRY, providers={"embedded": trial.agent}),
    }
    # Closed here: its temporary folder would otherwise be found by the collector, in the middle of another test.
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(shadow_assets(), instance=instance, resources=resources)
        [shown] = done.asset_materializations_for_node("shadow_runs")

        assert done.success
        assert shown.metadata["dagster/row_count"].value == 1
        assert deployment.to_version in shown.metadata["overview"].value
    trial.ask(lambda s: reject(s.database, deployment.deployment_id, by="max", reason="over"))


async def proposed(store):
    """A change of high risk that waits for approval."""
    change = Change(agent_id=AGENT, changes={"prompt": "Be brief."}, reason="shorter", by="ana")
    version = await propose_version(store.database, REGISTRY, change)
    proposal = Proposal(agent_id=AGENT, version=version, by="ana", offline_evidence={"verdict": "adopt"})  # fmt: skip
    return await propose(store.database, REGISTRY, proposal, now=datetime.now(UTC))
