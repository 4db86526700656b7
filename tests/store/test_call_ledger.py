"""The ledger: every attempt has its cost row, a call succeeds once, and its answer comes back unchanged."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest
from psycopg.rows import dict_row

from prisma_assets.agents.contract import AgentResult, Usage
from prisma_assets.agents.ledger import RecordedCall
from prisma_assets.domain.audit.workpaper import Evidence, Procedure, Workpaper
from prisma_assets.engine.call_ledger import PostgresCallLedger
from prisma_assets.store.database import Database

RESULT = AgentResult(
    outputs={"zeta": 1e22, "alpha": [1, 2.0, None, "é"], "nested": {"b": True, "a": "x\u0001"}},
    workpaper=Workpaper(
        step_id="a01",
        title="Independence",
        objective="Know",
        procedures=(Procedure(name="Look", status="performed"),),
        evidence=(Evidence(title="Figures", columns=("a", "b"), rows=((1, None), ("x", 0.1))),),
        conclusion="Fine.",
    ),
    usage=Usage(provider="embedded", cost_usd=Decimal("0.10")),
    duration_ms=12,
    attempts=2,
    agent_version="1.0.0",
)
CALL = RecordedCall(
    call_id="call-1",
    attempt=1,
    outcome="ok",
    agent_id="audit-ethics-045",
    agent_version="1.0.0",
    task="independence_check",
    step_id="a01",
    execution_id=None,
    step_execution_id=None,
    client_id="client",
    engagement_id="engagement",
    provider="embedded",
    duration_ms=12,
    tokens_in=0,
    tokens_out=0,
    tokens_cached=0,
    cost_usd=Decimal(0),
    result=RESULT,
)


def recorded(url: str, *calls: RecordedCall) -> AgentResult | None:
    async def scenario():
        async with Database(url) as database:
            ledger = PostgresCallLedger(database)
            for call in calls:
                await ledger.record(call)
            return await ledger.recorded("call-1")

    return asyncio.run(scenario())


def cost_rows(url: str) -> list[dict]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute("select * from agent_cost_tracking order by cost_id").fetchall()


def test_ledger_gives_an_answer_back_exactly(database_url):
    """Jsonb would turn 1e22 into an integer and put the keys in another order."""
    answer = recorded(database_url, CALL)

    assert answer == RESULT
    assert list(answer.outputs) == list(RESULT.outputs)
    assert isinstance(answer.outputs["zeta"], float)


def test_ledger_knows_nothing_of_a_call_that_never_succeeded(database_url):
    failed = replace(CALL, outcome="timeout", error="CallTimeoutError: 300 s", result=None)

    assert recorded(database_url, failed, replace(failed, attempt=2)) is None
    assert [row["outcome"] for row in cost_rows(database_url)] == ["timeout", "timeout"]


def test_ledger_pays_a_call_once(database_url):
    again = replace(CALL, cost_usd=Decimal(5), result=replace(RESULT, outputs={}))

    assert recorded(database_url, CALL, again) == RESULT
    assert [row["cost_usd"] for row in cost_rows(database_url)] == [Decimal(0)]


def test_ledger_keeps_an_unknown_price_unknown(database_url):
    recorded(
        database_url,
        replace(CALL, provider="llm", model="some-model", cost_usd=None, tokens_in=None),
    )

    (row,) = cost_rows(database_url)
    assert (row["call_type"], row["cost_usd"], row["tokens_in"]) == ("llm", None, None)


def test_ledger_keeps_a_paid_call_whose_caller_wrote_nonsense(database_url):
    """PostgreSQL refuses a zero character, which the text of an agent may hold; what was paid is known all the same."""
    refused = ("insert_schema_migration", {"name": "nonsense\u0000", "sha256": "x"})

    async def scenario():
        async with Database(database_url) as database:
            ledger = PostgresCallLedger(database)
            with pytest.raises(psycopg.Error):
                await ledger.record(CALL, refused)
            return await ledger.recorded("call-1")

    assert asyncio.run(scenario()) == RESULT
    assert len(cost_rows(database_url)) == 1


def test_ledger_in_many_processes_at_once_pays_once(database_url):
    async def scenario():
        async with Database(database_url) as database:
            ledger = PostgresCallLedger(database)
            await asyncio.gather(*(ledger.record(CALL) for _ in range(8)))

    asyncio.run(scenario())
    assert len(cost_rows(database_url)) == 1
