"""Alerts on a real instance: the sensor asks only when something is new, and watches the other sensors."""

import asyncio
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._utils.error import SerializableErrorInfo

from jobs.alert import alert_job
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.alert_rule import AlertRuleStore
from prisma_assets.store.database import Database
from resources.watchdog import parts, silent
from resources.workflow import database_url
from sensors.alert import alert_sensor

NOW = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)
AGENTS = frozenset({"audit-plan-012"})
WATCHED = frozenset({"beat_sensor", "daily_schedule"})
REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("prisma"), "__repository__")


@pytest.fixture
def looking(instance, database_url, monkeypatch):
    """A database of its own, a sensor and a job on it, and the instance."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return Looking(instance, database_url)


class Looking:
    def __init__(self, instance, url):
        self.instance, self.url = instance, url

    def tick(self, at=NOW):
        """One tick, as the daemon makes it: the runs it asks for, or why it asks for none."""
        sensor = alert_sensor(self._job(at), AGENTS, watched=WATCHED, now=lambda: at)
        with dg.build_sensor_context(
            instance=self.instance, resources={"database_url": self.url}
        ) as context:
            found = sensor.evaluate_tick(context)
        return [request.run_key for request in found.run_requests or ()] or found.skip_message

    def _job(self, at):
        return alert_job(AGENTS, watched=WATCHED, now=lambda: at)

    def bound(self, at=NOW):
        """The job with its resource."""
        defs = dg.Definitions(jobs=[self._job(at)], resources={"database_url": database_url()})
        return defs.get_job_def("alert_job")

    def ask(self, question):
        async def opened():
            async with Database(self.url, max_size=2) as database:
                return await question(database)

        return asyncio.run(opened())

    def active(self):
        rows = self.ask(lambda d: AlertStore(source=d).active())
        return [(row["rule_id"], row["subject_id"]) for row in rows]

    def failing_runs(self, *, failed=30):
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "insert into agent_runs (run_key, source, agent_id, started_at, outcome, recorded_at)"
                " select g::text, 'otlp', 'audit-plan-012', %s::timestamptz - g * interval '1 second', case when g <= %s then 'error' else 'ok' end, now()"
                " from generate_series(1, 30) g",
                (NOW, failed),
            )


@pytest.fixture
def add_part(instance):
    """Adds a sensor or schedule as the daemon would have left it; ticks are (minutes before now, status)."""
    added = []

    def add(name, *, kind=InstigatorType.SENSOR, data=None, ticks=(), stopped=False):
        status = InstigatorStatus.STOPPED if stopped else InstigatorStatus.DECLARED_IN_CODE
        data = data or SensorInstigatorData(min_interval=60)
        state = InstigatorState(RemoteInstigatorOrigin(REPOSITORY, name), kind, status, data)
        added.append(state)
        instance.add_instigator_state(state)
        for ago, how in ticks:
            instance.create_tick(a_tick(state, NOW - timedelta(minutes=ago), how))

    yield add
    for state in added:
        instance.delete_instigator_state(state.instigator_origin_id, state.selector_id)
        instance.purge_ticks(
            state.instigator_origin_id, state.selector_id, before=NOW.timestamp() + 1
        )


def a_tick(state, at, how):
    failed = SerializableErrorInfo("broke", [], "Error") if how is TickStatus.FAILURE else None
    return TickData(
        instigator_origin_id=state.instigator_origin_id, instigator_name=state.name,
        instigator_type=state.instigator_type, selector_id=state.selector_id, timestamp=at.timestamp(),
        status=how, run_ids=["r"] if how is TickStatus.SUCCESS else [], error=failed,
    )  # fmt: skip


def test_a_quiet_tick_asks_for_nothing_and_says_that_it_looked(looking):
    assert looking.tick() == "nothing is new"

    watch = looking.ask(lambda d: AlertRuleStore(source=d).watch())
    assert (watch.looked_at, watch.found) == (NOW, "")


def test_trouble_is_asked_about_until_the_job_has_looked(looking, run_job):
    looking.failing_runs()
    (key,) = looking.tick()

    assert looking.tick() == [key], "Dagster starts one run per key"
    assert looking.active() == []
    assert run_job(looking.bound()).is_success
    assert looking.active() == [("error_rate_critical", "audit-plan-012")]
    assert looking.tick() == "nothing is new"


def test_a_later_minute_asks_anew_under_another_key(looking, run_job):
    """The rule of five minutes: pending is stored first, then it fires; one run key for both would stop it half way."""
    looking.failing_runs(failed=2)
    (pending,) = looking.tick()
    run_job(looking.bound())

    assert looking.tick() == "nothing is new"
    (firing,) = looking.tick(NOW + timedelta(minutes=5))
    assert pending != firing


def test_a_database_that_is_away_is_a_reason_not_a_crash(looking):
    looking.url = "postgresql://nobody@127.0.0.1:9/none"

    assert "cannot be used now" in looking.tick()


@pytest.mark.parametrize(
    ("ticks", "silent_minutes"),
    [
        ([(0.5, TickStatus.SKIPPED)], 0),
        ([(31, TickStatus.SUCCESS)], 30),
        ([(31, TickStatus.SUCCESS), (1, TickStatus.FAILURE)], 30),
        ([(1, TickStatus.STARTED), (61, TickStatus.SKIPPED)], 60),
    ],
    ids=["alive", "stopped", "fails every time", "hangs"],
)
def test_a_sensor_is_silent_since_its_last_good_tick(instance, add_part, ticks, silent_minutes):
    add_part("beat_sensor", ticks=ticks)

    (part,) = parts(instance, names=WATCHED, at=NOW)

    assert part.silent_hours * 60 == pytest.approx(silent_minutes)
    assert (silent([part]) == ["beat_sensor"]) == (silent_minutes > 15)


def test_one_that_was_switched_off_is_silent_and_says_so(instance, add_part):
    add_part("beat_sensor", ticks=[(31, TickStatus.SUCCESS)], stopped=True)

    (part,) = parts(instance, names=WATCHED, at=NOW)

    assert part.note == "last sign of life 2026-11-18 09:59 UTC; it is switched off"


def test_a_schedule_may_rest_until_its_hour(instance, add_part):
    data = ScheduleInstigatorData("0 6 * * *", start_timestamp=NOW.timestamp() - 10 * 86_400)
    yesterday = (28.5 * 60, TickStatus.SUCCESS)  # 6:00 the day before: today's is 4.5 h late
    add_part("daily_schedule", kind=InstigatorType.SCHEDULE, data=data, ticks=[yesterday])  # fmt: skip

    (part,) = parts(instance, names=WATCHED, at=NOW)
    (early,) = parts(instance, names=WATCHED, at=NOW.replace(hour=5))

    assert part.silent_hours == pytest.approx(4.5)
    assert early.silent_hours == 0


def test_what_the_product_does_not_know_is_not_watched(instance, add_part):
    add_part("sensor_of_last_year", ticks=[(500_000, TickStatus.SUCCESS)])

    assert parts(instance, names=WATCHED, at=NOW) == []


def test_a_sensor_that_stops_is_told(looking, run_job, add_part):
    add_part("beat_sensor", ticks=[(31, TickStatus.SUCCESS)])
    looking.tick()
    run_job(looking.bound())

    assert looking.active() == [("part_silent", "part:beat_sensor")]
    assert looking.ask(lambda d: AlertRuleStore(source=d).watch()).found == "beat_sensor"
