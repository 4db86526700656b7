"""Themes and opportunities as assets: from counted days on a real database to rows, checks and what the UI shows."""

import asyncio

import dagster as dg
import numpy as np
import psycopg
import pytest

from prisma_assets.assets.opportunity import opportunity_assets
from prisma_assets.assets.theme import theme_assets
from prisma_assets.learning.theme import place_feedback
from prisma_assets.store.database import Database
from resources.learning import LEARNING_DATABASE, LearningDatabase
from tests.store.learning_days import AGENT, OTHER, day, worked, write_days, write_feedback

CHANGE, LAST = 84, 94
REMARKS = (
    "the plan names the wrong contact at the client",
    "please shorten the introduction",
    "good timetable for the team",
)


@pytest.fixture(scope="module")
def firm(firm_url):
    """Two agents with a quarter behind them; the first fails in a new way and earns complaints about it."""
    rng = np.random.default_rng(3)
    rows = [
        worked(rng, i, agent=agent, gateway=0.12 if agent == AGENT and i >= CHANGE else 0.0)
        for i in range(LAST)
        for agent in (AGENT, OTHER)
    ]
    said = [(i, "rating", f"{REMARKS[i % 3]} {i}") for i in range(CHANGE - 40, LAST)]
    said += [
        (i, "complaint", f"the bank gateway was down, no bank confirmations {w}")
        for i in range(CHANGE, LAST)
        for w in ("again", "!", "today")
    ]

    async def write():
        async with Database(firm_url, max_size=2) as database:
            await write_days(database, rows)
            await write_feedback(database, said)
            await place_feedback(database, day(CHANGE - 1))

    asyncio.run(write())
    return firm_url


def materialised(instance, url, when):
    return dg.materialize(
        [*theme_assets(), *opportunity_assets()],
        instance=instance,
        partition_key=when.isoformat(),
        resources={LEARNING_DATABASE: LearningDatabase(url=url)},
        raise_on_error=False,
    )


def shown(done, name):
    (materialisation,) = done.asset_materializations_for_node(name)
    return {key: entry.value for key, entry in materialisation.metadata.items()}


def test_themes_and_opportunities_are_kept_checked_and_shown(instance, firm):
    done = materialised(instance, firm, day(LAST - 1))

    assert done.success
    assert {c.check_name for c in done.get_asset_check_evaluations() if not c.passed} == set()
    themes = shown(done, "feedback_themes")
    assert any("gateway" in name or "bank" in name for name in themes["new"])
    assert "| new |" in themes["overview"]
    told = shown(done, "improvement_opportunities")
    assert told["dagster/row_count"] >= 2
    assert "Runs fail with bad gateway" in told["overview"]
    assert "People complain of:" in told["overview"]
    assert "▁▁▁" in told["overview"]
    assert "no bank confirmations" in told["quotes"]


def test_materialising_a_day_again_changes_nothing(instance, firm):
    def rows():
        with psycopg.connect(firm) as connection:
            return connection.execute(
                "select opportunity_id, size, evidence from improvement_opportunities"
                " union all select null, feedback, terms from feedback_themes order by 1, 2, 3"
            ).fetchall()

    materialised(instance, firm, day(LAST - 1))
    before = rows()
    assert materialised(instance, firm, day(LAST - 1)).success
    assert rows() == before


def test_evidence_that_is_missing_stops_the_run_and_says_which_row(instance, firm):
    materialised(instance, firm, day(LAST - 1))
    with psycopg.connect(firm) as connection:
        connection.execute(
            "insert into improvement_opportunities (agent_id, agent_version, improvement_type, detector, title,"
            " description, evidence, sample_size, priority, risk_level, fingerprint, metric, last_seen_on, began_on)"
            " values ('tax-vat-031', '1.0.0', 'prompt', 'drift', 't', 'd', '[]', 0, 'low', 'low', 'accuracy',"
            " 'accuracy', current_date, current_date) on conflict do nothing"
        )
    done = materialised(instance, firm, day(LAST - 1))
    with psycopg.connect(firm) as connection:
        connection.execute("delete from improvement_opportunities where agent_id = 'tax-vat-031'")

    assert not done.success
    (failed,) = [c for c in done.get_asset_check_evaluations() if not c.passed]
    assert failed.check_name == "every_opportunity_has_evidence"
    assert "tax-vat-031" in failed.metadata["failing rows"].value
