"""Feedback in PostgreSQL: each once, whoever delivers it how often, about work that exists, of the version that did it."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from prisma_assets.domain.learning.feedback import Feedback
from prisma_assets.store.database import Database
from prisma_assets.store.feedback import FeedbackStore

AGENT, OTHER = "audit-plan-012", "tax-vat-028"
VERSIONS = {AGENT: "1.0.0", OTHER: "1.0.0"}
NOBODY = "00000000-0000-4000-8000-000000000000"

EXECUTION = """
insert into workflow_executions (template_name, template_version, template_sha256, dagster_job, context, created_by)
values ('t', '1', repeat('a', 64), 't_job', '{}', 'ann') returning workflow_execution_id::text
"""
STEP = """
insert into workflow_step_executions (workflow_execution_id, step_id, step_name, agent_id, agent_version)
values (%s, 's1', 'plan', 'audit-plan-012', '0.9.0') returning step_execution_id::text
"""
LIVE = """
with card as (insert into agent_cards (sha256, agent_id, version, card)
    values (repeat('b', 64), 'audit-plan-012', '1.1.0', '{}') returning sha256)
insert into live_agent_versions (agent_id, version, card_sha256, set_by, reason)
select 'audit-plan-012', '1.1.0', sha256, 'ann', 'better' from card
"""


def said(key, **changes):
    given = {"agent_id": AGENT, "source": "system", "feedback_type": "praise", "task_id": "plan"}
    return Feedback(**(given | {"dedupe_key": key} | changes))


def add(url, *pieces):
    async def added():
        async with Database(url, max_size=2) as database:
            return await FeedbackStore(source=database).add(pieces, live_versions=VERSIONS)

    return asyncio.run(added())


def rows(url, columns):
    with psycopg.connect(url) as connection:
        query = f"select {columns} from agent_feedback order by dedupe_key"
        return connection.execute(query.encode()).fetchall()


@pytest.fixture
def step(database_url):
    """An execution with one step, by an earlier version of the agent."""
    with psycopg.connect(database_url) as connection:
        (execution,) = connection.execute(EXECUTION).fetchone()
        (found,) = connection.execute(STEP, (execution,)).fetchone()
    return execution, found


def test_the_same_key_is_one_row_also_within_a_batch(database_url):
    first = add(database_url, said("a"), said("b", comment="one"), said("b", comment="two"))
    again = add(database_url, said("b"), said("c"))

    assert [s.is_new for s in first] == [True, True, False]
    assert [s.is_new for s in again] == [False, True]
    assert rows(database_url, "dedupe_key, comment") == [("a", None), ("b", "one"), ("c", None)]


def test_deliveries_at_once_store_each_piece_once_and_do_not_lock_each_other(database_url):
    keys = [f"{n:03}" for n in range(300)]

    async def deliver():
        async with Database(database_url, max_size=8) as database:
            store = FeedbackStore(source=database)
            turned = [[*keys[n:], *keys[:n]] for n in range(0, 300, 40)]
            batches = [[said(k) for k in order] for order in turned]
            return await asyncio.gather(*(store.add(b, live_versions=VERSIONS) for b in batches))

    answers = asyncio.run(deliver())

    assert sum(s.is_new for stored in answers for s in stored) == len(keys)
    assert rows(database_url, "dedupe_key") == [(k,) for k in keys]


def test_what_is_not_said_is_taken_from_the_step(database_url, step):
    execution, step_id = step
    add(database_url, said("a", step_execution_id=step_id, task_id=None))

    (row,) = rows(database_url, "workflow_execution_id, task_id, agent_version")

    assert row == (UUID(execution), "s1", "0.9.0")


def test_without_a_step_it_is_about_the_version_at_work(database_url):
    """A version that was set live takes the place of the card's."""
    add(database_url, said("a"), said("b", agent_version="0.1.0"))
    with psycopg.connect(database_url) as connection:
        connection.execute(LIVE)
    add(database_url, said("c"), said("d", agent_id=OTHER))

    found = [version for (version,) in rows(database_url, "agent_version")]

    assert found == ["1.0.0", "0.1.0", "1.1.0", "1.0.0"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"step_execution_id": NOBODY}, "no step has the `step_execution_id`"),
        ({"workflow_execution_id": NOBODY}, "no execution has the `workflow_execution_id`"),
        ({"ab_test_id": NOBODY}, "no experiment has the `ab_test_id`"),
    ],
)
def test_what_refers_to_nothing_is_refused_and_its_neighbours_are_stored(
    database_url, changes, sentence
):
    refused, good = add(database_url, said("a", **changes), said("b"))

    assert (refused.is_new, good.is_new) == (False, True)
    assert sentence in (refused.problem or "")
    assert rows(database_url, "dedupe_key") == [("b",)]


def test_work_of_another_agent_or_execution_is_refused(database_url, step):
    _, step_id = step
    with psycopg.connect(database_url) as connection:
        (elsewhere,) = connection.execute(EXECUTION).fetchone()

    wrong_agent, wrong_execution = add(
        database_url,
        said("a", agent_id=OTHER, step_execution_id=step_id),
        said("b", step_execution_id=step_id, workflow_execution_id=elsewhere),
    )

    assert "was done by audit-plan-012" in (wrong_agent.problem or "")
    assert "belongs to the execution" in (wrong_execution.problem or "")


def test_a_refused_piece_does_not_take_the_place_of_a_good_one_with_its_key(database_url):
    refused, good = add(database_url, said("a", step_execution_id=NOBODY), said("a"))

    assert refused.problem is not None
    assert good.is_new


def test_the_latest_come_first_and_one_agent_alone_when_asked(database_url):
    early = said("a", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    late = said("b", agent_id=OTHER, created_at=datetime(2026, 1, 2, tzinfo=UTC))
    add(database_url, early, late)

    async def listed(agent=None):
        async with Database(database_url, max_size=1) as database:
            found = await FeedbackStore(source=database).recent(1, agent_id=agent)
            return [row["agent_id"] for row in found]

    assert asyncio.run(listed()) == [OTHER]
    assert asyncio.run(listed(AGENT)) == [AGENT]
