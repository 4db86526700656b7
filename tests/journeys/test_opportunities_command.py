"""`prisma-assets opportunities` and the Python API as people use them: what is wrong, with evidence, and a person's no."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from prisma_assets import cli
from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.learning.opportunity import firm_agents, look
from prisma_assets.platform import ImprovementEngine
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from tests.journeys.conftest import Said
from tests.store.learning_days import AGENT, FIRST, OTHER, worked, write_days

DAYS, BAD = 60, 10
TODAY = datetime.now(UTC).date()


@pytest.fixture
def firm(database_url):
    """Two agents until today; the first fails in a new way for ten days, and ends its reviews more often wrong."""
    rng, move = np.random.default_rng(4), TODAY - timedelta(days=DAYS - 1) - FIRST
    rows = [
        worked(rng, i, agent=agent, **worse)
        for i in range(DAYS)
        for agent, worse in (
            (AGENT, {"gateway": 0.12, "right": 0.8} if i >= DAYS - BAD else {}),
            (OTHER, {}),
        )
    ]
    moved = [
        {**row, "window_start": row["window_start"] + move, "window_end": row["window_end"] + move}
        for row in rows
    ]

    async def write():
        async with Database(database_url, max_size=2) as database:
            await write_days(database, moved)

    asyncio.run(write())
    return database_url


@pytest.fixture
def command(firm, tmp_path, monkeypatch, capfd):
    """The command in this process, on the firm's database."""
    monkeypatch.setenv("PRISMA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", firm)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["prisma-assets", "opportunities", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out, err = capfd.readouterr()
        return Said(code=int(exit_.value.code or 0), out=out, err=err)

    return run


@pytest.fixture
def looked(firm):
    async def work():
        async with Database(firm, max_size=2) as database:
            return await look(database, TODAY, agents=firm_agents())

    return asyncio.run(work())


def test_what_is_wrong_is_listed_with_evidence_and_ranked(command, looked):
    found = command("--json").answer["opportunities"]

    assert {o["detector"] for o in found} == {"new_error_type", "drift"}
    assert {o["agent_id"] for o in found} == {AGENT}
    assert all(o["evidence"][0]["now_n"] >= 20 for o in found)
    assert [o["opportunity_id"][:8] for o in found] == [
        line.split()[0] for line in command().out.splitlines()[1:]
    ]
    assert command("--agent", OTHER).out.startswith("No opportunity")
    assert command("--agent", AGENT, "--status", "identified", "--json").answer["opportunities"]


def test_one_is_shown_by_the_beginning_of_its_id(command, looked):
    found = command("--json").answer["opportunities"]
    error = next(o for o in found if o["detector"] == "new_error_type")

    said = command("show", error["opportunity_id"][:8])
    assert said.code == 0
    assert "Runs fail with bad gateway" in said.out
    assert "USD a month" in said.out
    assert str(TODAY) in said.out
    assert command("show", error["opportunity_id"], "--json").answer == error


def test_a_dismissed_one_leaves_the_list_with_its_reason_kept(command, looked):
    wanted = command("--json").answer["opportunities"][0]["opportunity_id"]

    done = command("dismiss", wanted[:8], "--by", "pat", "--reason", "known outage", "--json")
    assert done.answer == {"opportunity_id": wanted, "status": "rejected"}
    assert len(command("--json").answer["opportunities"]) == 1
    (kept,) = command("--status", "rejected", "--json").answer["opportunities"]
    assert (kept["triaged_by"], kept["status_reason"]) == ("pat", "known outage")

    again = command("dismiss", wanted, "--by", "pat", "--reason", "known outage")
    assert (again.code, again.out) == (2, "")
    assert "is rejected; only one that is identified or triaged" in again.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "zz"], "no opportunity has an id that begins with 'zz'"),
        (["show", ""], "an id that begins with ''"),
        (["dismiss", "00", "--by", " ", "--reason", "x"], "say who dismisses it and why"),
        (["--status", "open"], "--status is 'open'; it is one of identified"),
        (["--agent", "audit-plan-12"], "audit-plan-012"),
    ],
)
def test_a_mistake_is_one_sentence(command, arguments, sentence):
    said = command(*arguments)
    assert said.code == 2
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_the_python_api_analyses_one_agent_and_identifies_improvements_of_all(firm, tmp_path):
    settings = Settings(home=tmp_path, database_url=firm)

    async def work():
        async with ImprovementEngine(AgentRegistry(firm_cards()), settings=settings) as learning:
            with pytest.raises(InputError, match="audit-plan-012"):
                await learning.analyze_performance("audit-plan-12")
            of_agent = await learning.analyze_performance(AGENT)
            return of_agent, await learning.identify_improvements()

    of_agent, improvements = asyncio.run(work())

    assert of_agent.figures.executions == 28 * 60
    assert [o.detector for o in of_agent.opportunities] == [o.detector for o in improvements]
    assert {o.detector for o in improvements} == {"new_error_type", "drift"}
