"""The windows of every dimension as Dagster shows them, and steps as people judge them later."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import psycopg

from prisma_assets.assets.metric_window import WINDOWS, metric_window_assets
from prisma_assets.engine.redo import RedoRequest, redo
from prisma_assets.learning.known import known_agents
from prisma_assets.learning.metric_count import roll_up_windows
from prisma_assets.learning.metric_window import MetricWindows, stretch_of
from prisma_assets.learning.roll_up import roll_up_hours
from prisma_assets.store.database import Database
from resources.learning import LEARNING_DATABASE, learning_database

DAY = date(2026, 5, 6)
BASE = {"title": "T", "objective": "T.", "agent": "audit-plan-012"}
PLAN = {**BASE, "id": "s1", "name": "plan"}
CLOSE = {**BASE, "id": "s2", "name": "close", "after": ["s1"]}


def with_database(url, work):
    async def opened():
        async with Database(url, max_size=2) as database:
            return await work(database)

    return asyncio.run(opened())


def materialized(instance, day):
    return dg.materialize(
        metric_window_assets(),
        instance=instance,
        resources={LEARNING_DATABASE: learning_database()},
        partition_key=day.isoformat(),
        selection=[WINDOWS],
    )


def test_a_day_is_counted_in_every_dimension_and_compared(instance, firm_url):
    """The hours of the agents were counted before, as the job does: no dimension differs from them."""
    with psycopg.connect(firm_url, autocommit=True) as connection:
        connection.execute(
            "insert into agent_runs (source, run_key, agent_id, agent_version, started_at, outcome, recorded_at)"
            " select 'api', gen_random_uuid(), 'tax-vat-028', '1.0.0', %s, 'ok', now() from generate_series(1, 7)",
            (datetime(DAY.year, DAY.month, DAY.day, 9, tzinfo=UTC),),
        )
    with_database(firm_url, lambda d: roll_up_hours(d, DAY, agents=known_agents()))
    done = materialized(instance, DAY)

    assert done.success
    assert {c.check_name for c in done.get_asset_check_evaluations() if not c.passed} == set()
    [event] = done.get_asset_materialization_events()
    # Eight dimensions have a value for each run, if only "not said"; none was part of an experiment.
    assert event.materialization.metadata["dagster/row_count"].value == 8
    assert "| provider" in event.materialization.metadata["overview"].value


def test_a_run_the_agents_roll_up_does_not_hold_is_told(instance, firm_url):
    day = DAY + timedelta(days=1)
    with psycopg.connect(firm_url, autocommit=True) as connection:
        connection.execute(
            "insert into agent_runs (source, run_key, agent_id, started_at, outcome, recorded_at)"
            " values ('api', gen_random_uuid(), 'tax-vat-028', %s, 'ok', now())",
            (datetime(day.year, day.month, day.day, 9, tzinfo=UTC),),
        )
    done = materialized(instance, day)

    failed = {c.check_name for c in done.get_asset_check_evaluations() if not c.passed}
    assert (done.success, failed) == (True, {"every_dimension_holds_every_run"})


def flows_of(url, template):
    """Steps of a workflow lately: as just counted, and as read from the facts of the last hour."""

    async def read(database):
        now = datetime.now(UTC)
        for day in {now.date(), (now - timedelta(hours=1)).date()}:
            await roll_up_windows(database, day, agents=known_agents())
        windows, now = MetricWindows(database=database, agents=known_agents()), datetime.now(UTC)
        for kind in ("7d", "1h"):
            (found,) = await windows.by_value(
                "workflow", stretch_of(kind, now=now), now=now, value=template
            )
            yield found.flow

    async def both(database):
        return [flow async for flow in read(database)]

    return with_database(url, both)


def test_work_done_again_for_a_person_was_not_automatic(firm, firm_url):
    """Other tests use the same workflow: what matters is what the redo changes, in steps that were counted before."""
    trial = firm(PLAN, CLOSE, answers={"s1": [{"rate": 1}, {"rate": 2}]})
    execution_id = trial.open().id
    trial.run(execution_id)
    before = flows_of(firm_url, trial.template.name)
    asked = RedoRequest(steps=("plan",), requested_by="max", reason="the rate was wrong")
    execution = trial.execution(execution_id)
    trial.ask(lambda store: redo(store, execution, trial.template, asked))
    after = flows_of(firm_url, trial.template.name)

    for was, now in zip(before, after, strict=True):
        assert now.steps == was.steps
        assert (now.reworked, now.automated) == (was.reworked + 2, was.automated - 2)
        assert was.waited_n >= 1
