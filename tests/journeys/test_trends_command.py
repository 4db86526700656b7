"""`prisma-assets trends` and `forecast`: what changed, since when, and what comes next, in words and as JSON."""

import asyncio
from datetime import date

import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.learning.trend import date_changes, judge_trends, make_forecasts
from prisma_assets.store.database import Database
from tests.orchestration.counted_days import write_drifting_firm

AGENTS = [card.id for card in firm_cards()][:4]
AS_OF = date(2026, 6, 28)


@pytest.fixture(scope="module")
def judged(office):
    """An office whose agents were judged after ten weeks."""

    async def judge():
        async with Database(office.database_url) as database:
            await judge_trends(database, [AS_OF], today=date(2026, 7, 1))
            await date_changes(database, AS_OF, today=date(2026, 7, 1))
            await make_forecasts(database, AS_OF, today=date(2026, 7, 1))

    write_drifting_firm(office.database_url, AGENTS, days=84, until=AS_OF)
    asyncio.run(judge())
    return office


def test_trends_are_told_in_words(judged):
    said = judged.command("trends")

    assert said.code == 0, said.err
    assert said.out.startswith("As of 2026-06-28: 20 figures judged, ")
    assert "P95 of the time per run rose by" in said.out
    assert f"{AGENTS[1]}: accuracy has been 8" in said.out
    assert "since 2026-05-1" in said.out


def test_trends_as_json(judged):
    found = judged.answer("trends")

    assert (found["as_of"], found["judged"]) == ("2026-06-28", 20)
    assert all(t["is_significant"] for t in found["trends"])
    slow = next(t for t in found["trends"] if t["metric"] == "p95_ms")
    assert (slow["agent_id"], slow["direction"]) == (AGENTS[0], "worse")
    assert slow["slope"] == pytest.approx(6.0, abs=0.5)
    assert {p["agent_id"] for p in found["change_points"]} <= set(AGENTS[:2])


def test_of_one_agent_every_figure_is_listed(judged):
    found = judged.answer("trends", AGENTS[2])

    assert {t["metric"] for t in found["trends"]} == {"p95_ms", "error_rate", "cost_per_run", "tokens_per_run", "accuracy"}  # fmt: skip
    assert {t["agent_id"] for t in found["trends"]} == {AGENTS[2]}


def test_a_forecast_by_week_and_by_day(judged):
    said = judged.command("forecast", AGENTS[2])
    days = judged.answer("forecast", AGENTS[2])["days"]

    assert said.out.startswith("Made as of 2026-06-28")
    assert said.out.count("load") == 4
    assert len(days) == 3 * 28
    assert days[0].keys() == {"metric", "day", "value", "low", "high"}


def test_before_anything_is_counted_commands_say_so(mistake):
    assert "No trends yet" in mistake("trends").out
    assert mistake("trends", "--json").answer == {
        "as_of": None,
        "judged": 0,
        "trends": [],
        "change_points": [],
    }
    assert f"No forecast for {AGENTS[0]}" in mistake("forecast", AGENTS[0]).out


def test_an_unknown_agent_is_named(mistake):
    said = mistake("forecast", "audit-plan-9999")

    assert said.code == 2
    assert "audit-plan-9999" in said.sentence
