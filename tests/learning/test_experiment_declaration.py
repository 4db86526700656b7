"""Declaring, starting and stopping experiments against the real database: what is refused leaves nothing behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg.rows import dict_row

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.plan import Plan, planned_metrics
from prisma_assets.domain.experiments.release_path import Approval
from prisma_assets.learning.experiment_declaration import Declared, declare, start, stop
from prisma_assets.store.database import Database

Answer = TypeVar("Answer")
FIRM = AgentRegistry(firm_cards())
AGENT = "audit-doc-044"
SOUND = Plan(
    name="brief", hypothesis="Shorter notes are read.", agent_id=AGENT, changes={"prompt": "Be brief."},
    metrics=planned_metrics(["error_rate"]), unit="engagement", split=0.5, risk="medium",
)  # fmt: skip
MAX = Approval(user="max", role="MANAGER")
PAST = """insert into agent_runs (run_key, source, agent_id, started_at, outcome, engagement_id, cost_usd, duration_ms)
select n::text, 'file', %s, now() - n * interval '1 hour', case when n %% 10 = 0 then 'error' else 'ok' end, 'e' || n, 0, 5
from generate_series(1, 600) n"""


@pytest.fixture
def ask(database_url) -> Callable[[Callable[[Database], Awaitable[Answer]]], Answer]:
    def run(question: Callable[[Database], Awaitable[Answer]]) -> Answer:
        async def put() -> Answer:
            async with Database(database_url, max_size=2) as database:
                return await question(database)

        return asyncio.run(put())

    return run


@pytest.fixture
def rows(database_url) -> Callable[..., list[dict[str, Any]]]:
    def fetch(query: str, *params: Any) -> list[dict[str, Any]]:
        with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
            done = connection.execute(query, params)
            return done.fetchall() if done.description else []

    return fetch


def declared(ask, plan: Plan = SOUND, **about: Any) -> Declared:
    return ask(lambda d: declare(d, plan, registry=FIRM, **{"created_by": "ana", **about}))


def test_declaration_stores_the_version_it_tries_and_its_power(ask, rows):
    rows(PAST, AGENT)
    made = declared(ask)

    [test] = rows("select * from ab_tests")
    [version] = rows("select * from agent_versions join agent_cards c on c.sha256 = card_sha256")
    assert (test["status"], test["started_at"]) == ("draft", None)
    assert test["max_blocks"] == made.power.needed_blocks
    assert test["power_statement"].startswith("underpowered: ")
    assert (version["version"], version["parent_version"]) == ("1.0.0-b.1", "1.0.0")
    assert version["card"]["prompt"] == "Be brief."
    assert version["changes"] == {"prompt": "Be brief."}


def test_versions_are_numbered_one_after_the_other(ask):
    first, second = declared(ask), declared(ask, replace(SOUND, changes={"prompt": "Be long."}))

    assert [first.treatment_version, second.treatment_version] == ["1.0.0-b.1", "1.0.0-b.2"]


def test_metric_nobody_records_of_the_agent_is_refused_and_leaves_nothing(ask, rows):
    rows(PAST, AGENT)
    plan = replace(SOUND, metrics=planned_metrics(["accuracy", "cost"]))

    with pytest.raises(InputError, match=r"nobody records the accuracy.*nobody records the cost"):
        declared(ask, plan)

    assert rows("select 1 from ab_tests union all select 1 from agent_versions") == []


def test_unknown_agent_is_refused(ask):
    with pytest.raises(InputError, match="there is no agent"):
        declared(ask, replace(SOUND, agent_id="audit-doc-999"))


def test_medium_risk_starts_by_another_managers_approval(ask, rows):
    made = declared(ask)
    begin = lambda who: ask(lambda d: start(d, made.id, registry=FIRM, approval=who))  # noqa: E731

    with pytest.raises(InputError, match="ana proposed the change; somebody else"):
        begin(Approval(user="ana", role="MANAGER"))
    with pytest.raises(InputError, match="the approval of MANAGER is missing"):
        begin(Approval(user="eve", role="EMPLOYEE"))
    assert begin(MAX)["status"] == "running"

    [test] = rows("select approved_by, approved_role from ab_tests")
    assert test == {"approved_by": "max", "approved_role": "MANAGER"}


def test_overlapping_experiments_on_one_agent_are_refused(ask):
    one, two = declared(ask), declared(ask, replace(SOUND, name="other"))
    ask(lambda d: start(d, one.id, registry=FIRM, approval=MAX))

    with pytest.raises(
        InputError, match=r"the experiment 'brief' .* is changing audit-doc-044 now"
    ):
        ask(lambda d: start(d, two.id, registry=FIRM, approval=MAX))


def test_experiment_against_a_version_no_longer_at_work_is_refused(ask, rows):
    made = declared(ask)
    rows(
        """insert into live_agent_versions (agent_id, version, card_sha256, set_by, reason)
        select agent_id, version, card_sha256, 'max', 'adopted' from agent_versions"""
    )

    with pytest.raises(
        InputError, match=r"declared against version 1.0.0, and 1.0.0-b.1 is at work"
    ):
        ask(lambda d: start(d, made.id, registry=FIRM, approval=MAX))


def test_stopped_experiment_says_why_and_cannot_start_again(ask):
    made = declared(ask)
    with pytest.raises(InputError, match="say why"):
        ask(lambda d: stop(d, made.id, by="max", reason=" "))
    over = ask(lambda d: stop(d, made.id, by="max", reason="wrong agent"))

    assert (over["status"], over["decision_notes"]) == ("cancelled", "wrong agent")
    with pytest.raises(InputError, match="is cancelled; only one that has not begun"):
        ask(lambda d: start(d, made.id, registry=FIRM, approval=MAX))
    with pytest.raises(InputError, match="is cancelled already"):
        ask(lambda d: stop(d, made.id, by="max", reason="again"))


@pytest.mark.parametrize("name", ["nothing", "00000000-0000-4000-8000-000000000000"])
def test_unknown_experiment_is_an_input_error(ask, name):
    with pytest.raises(InputError, match=f"no experiment has the id {name}; there is none yet"):
        ask(lambda d: stop(d, name, by="max", reason="x"))
