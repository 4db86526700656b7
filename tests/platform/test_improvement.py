"""`ImprovementEngine.record_feedback` as a program uses it: once each, masked, and a sentence for what is wrong."""

import asyncio
from pathlib import Path

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.platform import AgentRegistry, Feedback, ImprovementEngine
from prisma_assets.settings import Settings
from prisma_assets.store.feedback import FeedbackStore


def said(**changes):
    given = {"agent_id": "audit-ethics-045", "source": "user", "feedback_type": "correction"}
    given |= {"task_id": "check", "submitted_by": "jane", "comment": "call +356 2123 4567"}
    return Feedback(**(given | {"corrected_output": {"rate": 0}} | changes))


@pytest.fixture
def record(database_url, tmp_path):
    """Records pieces one after the other, and gives the answers and what is stored."""

    async def recorded(pieces):
        settings = Settings(home=Path(tmp_path), database_url=database_url)
        async with ImprovementEngine(AgentRegistry(), settings=settings) as learning:
            answers = [await learning.record_feedback(piece) for piece in pieces]
            database = await learning.database()
            return answers, await FeedbackStore(source=database).recent(9)

    return lambda *pieces: asyncio.run(recorded(pieces))


def test_feedback_is_stored_once_and_masked(record):
    answers, stored = record(said(), said(), said(dedupe_key="k"))

    assert answers == [True, False, True]
    assert {row["comment"] for row in stored} == {"call [PHONE_REDACTED]"}
    assert stored[0]["corrected_output"] == {"rate": 0}
    assert stored[0]["agent_version"] == AgentRegistry().get("audit-ethics-045").version


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"agent_id": "audit-ethic-045"}, "did you mean 'audit-ethics-045'"),
        ({"feedback_type": "rating", "rating": 7}, "`rating` is '7'"),
        ({"feedback_type": "rating", "rating": 0}, "`rating` is '0'"),
        ({"corrected_output": None}, "a correction needs its text"),
        ({"submitted_by": None}, "needs its author"),
        ({"ab_test_id": "11111111-1111-4111-8111-111111111111"}, "no experiment has"),
    ],
)
def test_wrong_feedback_is_one_sentence(record, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        record(said(**changes))
