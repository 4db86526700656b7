"""The Python API beside the product that is up: its processes do the runs, and everybody sees them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import psycopg
import pytest

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.engine.cancel import CancelledError
from prisma_assets.platform.workflow import (
    DifferentRequestError,
    NoSuchExecutionError,
    WorkflowEngine,
)
from prisma_assets.settings import Settings
from prisma_assets.store.event_bus import EventBus

RUN = '{runsOrError(filter: {tags: [{key: "prisma/execution_id", value: "%s"}]}) {... on Runs {results {status}}}}'


@pytest.fixture
def engine(stack) -> Callable[[Callable[[WorkflowEngine], Awaitable[Any]]], Any]:
    """Tells a story with an engine of its own."""

    def tell(story: Callable[[WorkflowEngine], Awaitable[Any]]) -> Any:
        async def told() -> Any:
            settings = Settings(home=stack.home, templates=stack.templates)
            async with WorkflowEngine(AgentRegistry(), EventBus(), settings=settings) as found:
                return await story(found)

        return asyncio.run(told())

    return tell


async def opened(engine: WorkflowEngine, **context: Any) -> str:
    workflow = await engine.create_workflow(
        template_name="numbers", context=context, created_by="ann"
    )
    return workflow.id


def test_a_workflow_is_created_run_and_read(engine, stack):
    async def story(engine):
        workflow = await engine.create_workflow(
            template_name="numbers",
            context={"amount": 20, "client_id": "acme", "engagement_id": "acme-2026"},
            created_by="ann",
        )
        return workflow, await engine.execute_workflow(workflow.id)

    workflow, result = engine(story)

    assert (workflow.status, workflow.is_new, workflow.client_id) == ("PENDING", True, "acme")
    assert result.status == "COMPLETED"
    assert [s["outputs"]["value"] for s in result.steps] == [20, 40, 41]
    assert (result.cost_usd, result.error, dict(result.waiting_for)) == (0.0, None, {})
    query = {"query": RUN % workflow.id}
    answer = httpx2.post(
        f"{stack.address}/graphql", json=query, headers=stack.headers, timeout=30
    ).json()
    assert answer["data"]["runsOrError"]["results"] == [{"status": "SUCCESS"}]


def test_what_is_done_is_not_done_again(engine):
    async def story(engine):
        workflow_id = await opened(engine)
        first = await engine.execute_workflow(workflow_id)
        return first, await engine.execute_workflow(workflow_id)

    first, second = engine(story)

    assert first == second


def test_a_watcher_sees_every_change_of_a_run(engine):
    async def story(engine):
        workflow_id = await opened(engine)
        seen = []

        async def follow():
            async for change in engine.watch(workflow_id):
                seen.append((change.step_id, change.status))

        following = asyncio.create_task(follow())
        await engine.execute_workflow(workflow_id)
        await asyncio.wait_for(following, 20)
        return seen

    seen = engine(story)

    assert seen[0] == (None, "PENDING")
    assert [s for s in seen if s[0] is not None] == [
        (step, status) for step in ("n1", "n2", "n3") for status in ("RUNNING", "COMPLETED")
    ]
    assert seen[-1] == (None, "COMPLETED")


def test_the_same_idempotency_key_gives_the_same_workflow(engine):
    async def story(engine):
        same = {"amount": 3, "idempotency_key": "march"}
        first = await opened(engine, **same)
        again = await opened(engine, **same)
        with pytest.raises(DifferentRequestError, match="'march' stands for another request"):
            await opened(engine, amount=4, idempotency_key="march")
        return first, again

    first, again = engine(story)

    assert first == again


def test_a_cancelled_workflow_goes_on_when_it_is_resumed(engine):
    async def story(engine):
        workflow_id = await opened(engine)
        cancelled = await engine.cancel_workflow(workflow_id, by="ann", reason="wrong number")
        with pytest.raises(CancelledError, match="cancelled by ann: wrong number"):
            await engine.execute_workflow(workflow_id)
        return cancelled, await engine.resume_workflow(workflow_id)

    cancelled, resumed = engine(story)

    assert cancelled.status == "CANCELLED"
    assert cancelled.error["message"] == "cancelled by ann: wrong number"
    assert resumed.status == "COMPLETED"


def test_a_workflow_waits_for_its_sign_off(engine):
    """Without an engagement there is no team, and who has no account may not sign; the sentence says so and nothing changes."""

    async def story(engine):
        workflow_id = await opened(engine, is_signed=True)
        waiting = await engine.execute_workflow(workflow_id)
        with pytest.raises(InputError, match="ann"):
            await engine.sign_off(workflow_id, "n3", by="ann")
        return waiting, await engine.get_workflow(workflow_id)

    waiting, after = engine(story)

    assert waiting.status == after.status == "WAITING_APPROVAL"
    assert dict(waiting.waiting_for) == {"n3": ("MANAGER",)}


@pytest.mark.parametrize(
    ("template", "context", "sentence"),
    [
        ("nombers", {}, "no template is called 'nombers'; did you mean 'numbers'"),
        ("numbers", {"amonut": 1}, "has no input 'amonut'; did you mean 'amount'"),
        ("numbers", {"amount": "many"}, "input 'amount' must be of type integer, not 'many'"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_nothing_is_stored(engine, template, context, sentence):
    async def story(engine):
        database = await engine.database()
        async with await psycopg.AsyncConnection.connect(database.url) as connection:
            count = "select count(*) from workflow_executions"
            before = await (await connection.execute(count)).fetchone()
            with pytest.raises(InputError, match=sentence):
                await engine.create_workflow(
                    template_name=template, context=context, created_by="ann"
                )
            return before == await (await connection.execute(count)).fetchone()

    assert engine(story)


@pytest.mark.parametrize("workflow_id", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_workflow_that_is_not_there_is_said_so(engine, workflow_id):
    async def story(engine):
        with pytest.raises(NoSuchExecutionError, match=workflow_id):
            await engine.get_workflow(workflow_id)
        with pytest.raises(NoSuchExecutionError, match=workflow_id):
            await anext(engine.watch(workflow_id))

    engine(story)
