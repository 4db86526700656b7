"""Past verdicts counted anew: the same facts and code give the same, changed facts are seen, and nothing is written."""

import asyncio
from datetime import timedelta

import pytest

from prisma_assets.learning.experiment_evaluation import code_version
from prisma_assets.learning.verdict_replay import Replayed, replay
from prisma_assets.store.database import Database
from tests.learning.test_experiment_evaluation import BETTER, NOW, START, Trial


@pytest.fixture
def trial(database_url) -> Trial:
    """Judged four times on the way to a clear improvement."""
    trial = Trial(database_url)
    trial.begin("error_rate")
    for part in range(4):
        trial.send(300, fails=BETTER)
        trial.look(START + timedelta(minutes=60 + 300 * (part + 1)))
    trial.look(NOW)
    return trial


def replayed(trial: Trial, **given) -> list[Replayed]:
    async def count() -> list[Replayed]:
        async with Database(trial.url, max_size=1) as database:
            return await replay(database, **{"code_version": code_version(), **given})

    return asyncio.run(count())


def test_the_same_facts_and_code_give_the_same(trial):
    before = trial.rows("select * from experiment_verdicts order by verdict_id")
    found = replayed(trial)
    assert [one.was for one in found] == [row["verdict"] for row in before]
    assert len(found) >= 2
    assert not any(one.changes or one.data_changed or one.code_changed for one in found)
    assert trial.rows("select * from experiment_verdicts order by verdict_id") == before


def test_changed_facts_are_seen(trial):
    """Somebody makes every failure of the control a success: the improvement is gone."""
    trial.rows("update agent_runs set outcome = 'ok'")
    found = replayed(trial)
    assert found[-1].data_changed
    assert found[-1].was == "adopt"
    assert found[-1].changes


def test_only_the_days_that_are_asked_for(trial):
    days = {row["as_of"].date() for row in trial.rows("select as_of from experiment_verdicts")}
    assert len(replayed(trial, days={max(days)})) < len(replayed(trial))
    assert replayed(trial, days={(START - timedelta(days=1)).date()}) == []


def test_another_code_is_named(trial):
    assert all(one.code_changed for one in replayed(trial, code_version="0.0.0"))
