"""A look at a day keeps what it finds once, follows it, closes it, and respects a person's no."""

import asyncio
from datetime import timedelta

import numpy as np
import psycopg
import pytest

from prisma_assets.learning.opportunity import Agent, analyse, look
from prisma_assets.learning.theme import place_feedback
from prisma_assets.store.database import Database
from prisma_assets.store.opportunity import OpportunityStore
from prisma_assets.store.theme import ThemeStore
from tests.store.learning_days import AGENT, OTHER, day, worked, write_days, write_feedback

CHANGE, LAST = 84, 94
AGENTS = {AGENT: Agent(version="1.0.0", risk="high"), OTHER: Agent(version="1.0.0", risk="high")}


def agent_days(*, days, bad, agent=AGENT, seed=5, **worse):
    rng = np.random.default_rng(seed)
    return [worked(rng, i, agent=agent, **(worse if i in bad else {})) for i in range(days)]


@pytest.fixture
def broken(database_url):
    """An agent whose runs fail in a new way for a while, and one that is fine."""
    rows = [
        *agent_days(days=LAST + 20, bad=range(CHANGE, LAST), gateway=0.12),
        *agent_days(days=LAST + 20, bad=(), agent=OTHER, seed=6),
    ]
    asyncio.run(_with(database_url, lambda d: write_days(d, rows)))
    return database_url


async def _with(url, work):
    async with Database(url, max_size=2) as database:
        return await work(database)


def looked(url, number):
    return asyncio.run(_with(url, lambda d: look(d, day(number), agents=AGENTS)))


def listed(url, **which):
    return asyncio.run(_with(url, lambda d: OpportunityStore(source=d).listed(**which)))


def test_a_new_error_type_becomes_one_opportunity_with_its_evidence(broken):
    first = looked(broken, LAST - 1)

    (found,) = listed(broken)
    assert (first.found, first.followed) == (1, 0)
    assert (found["agent_id"], found["detector"]) == (AGENT, "new_error_type")
    assert found["subject"] == "bad_gateway"
    assert found["began_on"] == day(CHANGE)
    assert (found["priority"], found["risk_level"]) == ("high", "medium")
    assert found["usd_per_month"] > 0
    comparison, days = found["evidence"]
    assert comparison["before"] == 0
    assert comparison["now_n"] == 60 * (LAST - CHANGE)
    assert len(days["values"]) == 28


def test_looking_again_gives_the_same_rows_and_the_next_day_follows(broken):
    looked(broken, LAST - 1)
    before = listed(broken)
    again = looked(broken, LAST - 1)
    after = listed(broken)
    next_day = looked(broken, LAST)

    same = [{k: v for k, v in row.items() if k != "updated_at"} for row in (*before, *after)]
    assert (again.found, again.followed) == (0, 1)
    assert same[0] == same[1]
    assert (next_day.found, next_day.followed) == (0, 1)
    assert listed(broken)[0]["opportunity_id"] == before[0]["opportunity_id"]
    assert listed(broken)[0]["found_on"] == day(LAST - 1)
    assert listed(broken)[0]["last_seen_on"] == day(LAST)


def test_trouble_that_has_gone_closes_and_stays_closed(broken):
    looked(broken, LAST - 1)
    closing = [looked(broken, LAST + n) for n in range(0, 20, 3)]

    (row,) = listed(broken, statuses=None)
    assert sum(c.resolved for c in closing) == 1
    assert sum(c.found for c in closing) == 0
    assert row["status"] == "resolved"
    assert "as before since two weeks" in row["status_reason"]
    assert listed(broken) == []


def test_a_day_before_the_last_one_looked_at_is_left_alone(broken):
    looked(broken, LAST)
    assert looked(broken, LAST - 1).is_past
    assert len(listed(broken)) == 1


def test_a_dismissed_trouble_is_silent_until_it_is_half_as_large_again(broken):
    looked(broken, LAST - 1)
    (found,) = listed(broken)

    async def dismiss(database):
        store = OpportunityStore(source=database)
        named = {"by": "a.manager", "reason": "the ledger moved; it ends on Friday"}
        return [await store.dismiss(found["opportunity_id"], **named) for _ in range(2)]

    assert asyncio.run(_with(broken, dismiss)) == [True, False]
    assert looked(broken, LAST - 1).silent == 1
    assert listed(broken) == []

    with psycopg.connect(broken) as connection:
        connection.execute("update improvement_opportunities set size = size / 2")
    assert looked(broken, LAST - 1).found == 1
    assert {row["status"] for row in listed(broken, statuses=None)} == {"rejected", "identified"}


def test_a_trouble_somebody_works_on_is_followed_and_not_closed(broken):
    looked(broken, LAST - 1)
    with psycopg.connect(broken) as connection:
        connection.execute("update improvement_opportunities set status = 'in_test'")

    for number in range(LAST, LAST + 20, 4):
        looked(broken, number)

    assert [row["status"] for row in listed(broken)] == ["in_test"]


def test_a_significant_trend_is_an_opportunity(broken):
    with psycopg.connect(broken) as connection:
        connection.execute(
            "insert into performance_trends (as_of, agent_id, metric, days, level, slope, relative_slope, change,"
            " p, q, is_significant, direction) values (%s, %s, 'satisfaction', 56, 4.2, -0.01, null, -0.5, 0.001,"
            " 0.02, true, 'worse'), (%s, %s, 'tokens_per_run', 56, 900, 5, null, 280, 0.001, 0.02, true, 'worse')",
            (day(LAST), OTHER, day(LAST), OTHER),
        )

    looked(broken, LAST)

    (found,) = listed(broken, agent_id=OTHER)
    assert found["evidence"][0]["basis"] == "trend"
    assert (found["detector"], found["size"]) == ("low_rating", 0.125)


def test_analysing_one_agent_keeps_nothing(broken):
    async def work(database):
        return [await analyse(database, a, day(LAST - 1), agent=AGENTS[a]) for a in (AGENT, OTHER)]

    of_agent, of_other = asyncio.run(_with(broken, work))

    assert [o.detector for o in of_agent] == ["new_error_type"]
    assert of_other == ()
    assert listed(broken, statuses=None) == []


def complaints():
    """Usual remarks for twelve weeks, then a complaint nobody had before."""
    usual = [
        "the plan reads well and covers the main risks",
        "please shorten the introduction of the plan",
        "good timetable for the team in the plan",
        "the plan names the wrong contact at the client",
    ]
    said = [(i, "rating", f"{usual[i % 4]}, week {i // 7}") for i in range(CHANGE)]
    said += [(i, "rating", f"{usual[i % 4]}, week {i // 7}") for i in range(CHANGE, LAST)] * 2
    new = "materiality was computed from last year's revenue"
    return said + [(i, "complaint", f"{new} {w}") for i in range(CHANGE, LAST) for w in ("again", "!", "in the file", "once more")]  # fmt: skip


def test_a_new_complaint_becomes_a_theme_and_an_opportunity_with_quotes(database_url):
    async def work(database):
        await write_feedback(database, complaints())
        early = await place_feedback(database, day(CHANGE - 1))
        late = await place_feedback(database, day(LAST - 1))
        again = await place_feedback(database, day(LAST - 1))
        past = await place_feedback(database, day(CHANGE))
        themes = await ThemeStore(source=database).themes(since=day(CHANGE), until=day(LAST - 1))
        await look(database, day(LAST - 1), agents=AGENTS)
        return early, late, again, past, themes

    early, late, again, past, themes = asyncio.run(_with(database_url, work))

    new = [t for t in themes if t["is_new"]]
    assert early.founded >= 2
    assert late.founded >= 1
    assert (again.founded, again.placed) == (0, 0)
    assert past.is_past
    assert {a for t in new for a in t["agents"]} == {AGENT}
    assert sum(t["unhappy"] for t in new) >= 30
    assert all("materiality" in q["text"] for t in new for q in t["quotes"])
    told = [row for row in listed(database_url) if row["detector"] == "complaint_theme"]
    assert told
    (words,) = [e for e in told[0]["evidence"] if e["kind"] == "feedback"]
    assert "materiality" in words["feedback"][0]["comment"]
    assert told[0]["began_on"] >= day(CHANGE) - timedelta(days=1)
